"""How often somebody may do something: counts by key and period in the database, so that a restart forgets nothing."""

from __future__ import annotations

import ipaddress
import time

from sqlalchemy import Engine, delete, select

from medvidbench.leaderboards.serve.store import hits, insert_for

HOUR, DAY = 3600, 86400
KEPT = 2 * DAY
"""Seconds after which a count, and the address in it, is forgotten."""


def count(engine: Engine, key: str, seconds: int, moment: float | None = None) -> int:
    """Notes one more of `key` in this period (a multiple of `seconds` since 1970) and returns how many there were."""
    now = time.time() if moment is None else moment
    period = int(now // seconds) * seconds
    add = insert_for(engine)(hits).values(key=key, period=period, count=1)
    add = add.on_conflict_do_update(index_elements=["key", "period"], set_={"count": hits.c.count + 1})
    with engine.begin() as connection:
        found: int = connection.execute(add.returning(hits.c.count)).scalar_one()
        if found == 1:
            connection.execute(delete(hits).where(hits.c.period < now - KEPT))
    return found


def counted(engine: Engine, key: str, seconds: int, moment: float | None = None) -> int:
    """How many of `key` this period has, without adding one."""
    now = time.time() if moment is None else moment
    period = int(now // seconds) * seconds
    query = select(hits.c.count).where(hits.c.key == key, hits.c.period == period)
    with engine.connect() as connection:
        return connection.execute(query).scalar() or 0


def left(seconds: int, moment: float | None = None) -> int:
    """Whole seconds until the next period, at least 1."""
    now = time.time() if moment is None else moment
    return max(1, int((now // seconds + 1) * seconds - now))


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the 64 leading bits of an IPv6 one, which one user owns.

    >>> neighbourhood("2001:db8:1:2:3:4:5:6")
    '2001:db8:1:2::/64'
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
