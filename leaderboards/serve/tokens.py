"""Who may upload: a token names a team, is shown once, and stands in the store as a digest only.

    mvb_<id>_<secret>      id: 12 hex digits, public; secret: 43 characters, 256 random bits

The secret is random, so a plain SHA-256 is enough: there is no dictionary to try.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Row, or_, select, update

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.naming import name_faults
from medvidbench.leaderboards.serve.store import tokens

FORM = re.compile(r"mvb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
NOBODY = "0" * 64
"""Compared with when there is no such token, so that both answers take the same time."""


@dataclass(frozen=True)
class Token:
    """A token without its secret.

    Attributes:
        most: uploads that it is good for; None is any number.
        per_day: uploads of one day (UTC).
        created, expires, revoked: seconds since 1970.
    """

    token_id: str
    team: str
    note: str
    created: float
    expires: float | None
    most: int | None
    used: int
    per_day: int
    revoked: float | None

    def refusal(self, moment: float) -> str:
        """Why it opens nothing (any more), or ""."""
        if self.revoked is not None:
            return "this token was revoked"
        if self.expires is not None and moment >= self.expires:
            return "this token has expired"
        if self.most is not None and self.used >= self.most:
            return "this token was used up"
        return ""


def add_token(
    engine: Engine, team: str, *, most: int | None = None, per_day: int = 5, days: float | None = None, note: str = ""
) -> str:
    """Makes a token and returns it; it can't be shown again.

    Args:
        team: as uploads with it will be shown.
        most: 1 makes it a one-time token.
        days: until it expires.

    Raises:
        MedVidBenchError: a team's name that a board refuses, or a number out of range.
    """
    faults = name_faults(team)
    if faults:
        raise MedVidBenchError(f"The team {team!r:.120} {'; '.join(faults)}.")
    if (most is not None and most < 1) or per_day < 1 or (days is not None and not days > 0):
        raise MedVidBenchError(f"A token of {most} uploads, {per_day} a day, for {days} days.", "numbers over 0")
    token_id, secret, moment = secrets.token_hex(6), secrets.token_urlsafe(32), time.time()
    row = {"token_id": token_id, "secret": _digest(secret), "team": team, "note": note, "created": moment}
    row |= {"most": most, "used": 0, "per_day": per_day, "revoked": None}
    with engine.begin() as connection:
        connection.execute(tokens.insert().values(**row, expires=None if days is None else moment + days * 86400))
    return f"mvb_{token_id}_{secret}"


def revoke_token(engine: Engine, token_id: str) -> None:
    """Ends a token; uploads that came with it stay.

    Raises:
        MedVidBenchError: there is none with this id that isn't revoked already.
    """
    ending = update(tokens).where(tokens.c.token_id == token_id, tokens.c.revoked.is_(None))
    with engine.begin() as connection:
        if connection.execute(ending.values(revoked=time.time())).rowcount != 1:
            known = [t.token_id for t in list_tokens(engine) if t.revoked is None]
            raise MedVidBenchError(f"No token {token_id!r:.40} is in use.", ", ".join(known) or "none is in use")


def list_tokens(engine: Engine) -> list[Token]:
    """All tokens in the order that they were made in."""
    with engine.connect() as connection:
        return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.created))]


def find_token(engine: Engine, text: str) -> Token | None:
    """The token with this text, whatever became of it; None when nobody made it."""
    form = FORM.fullmatch(text)
    token_id, secret = form.groups() if form else ("", "")
    with engine.connect() as connection:
        row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).first()
    same = hmac.compare_digest(_digest(secret), NOBODY if row is None else row.secret)
    return _token(row) if row is not None and same else None


def spend(connection: Connection, token_id: str, moment: float) -> bool:
    """Takes one use off a token, if one is left: of two uploads at once with a one-time token one comes through."""
    usable = (
        tokens.c.token_id == token_id,
        tokens.c.revoked.is_(None),
        or_(tokens.c.expires.is_(None), tokens.c.expires > moment),
        or_(tokens.c.most.is_(None), tokens.c.used < tokens.c.most),
    )
    taking = update(tokens).where(*usable).values(used=tokens.c.used + 1)
    return connection.execute(taking).rowcount == 1


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: Row[tuple[object, ...]]) -> Token:
    fields: Sequence[str] = [name for name in row._fields if name != "secret"]
    return Token(**{name: getattr(row, name) for name in fields})
