"""The changes of a board as an Atom feed (RFC 4287): one entry a model and table, so that a promotion is news, too."""

from __future__ import annotations

import re
import uuid
from urllib.parse import urljoin
from xml.etree import ElementTree

from medvidbench.leaderboards.entries import Entry, Leaderboard
from medvidbench.leaderboards.site.scopes import SCOPES

ATOM = "http://www.w3.org/2005/Atom"
SPACE = uuid.UUID("2f1a6c0e-6a1b-5a0f-9f3a-0b6a3f0f7c55")
"""Namespace of the ids: made up once, so that an entry keeps its id from build to build."""
NEWEST = 100
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no form for."""


def atom(board: Leaderboard, address: str = "") -> bytes:
    """The feed as UTF-8: the newest `NEWEST` entries, newest first.

    Args:
        address: where the site is read; links are relative to the feed without it.
    """
    feed = ElementTree.Element("feed", {"xmlns": ATOM})
    _add(feed, "title", board.name)
    _add(feed, "id", _urn(board.name, board.benchmark))
    _add(feed, "updated", _moment(board.updated or max(e.date for e in board.entries)))
    _add(feed, "generator", "medvidbench", version=board.medvidbench)
    ElementTree.SubElement(feed, "link", {"rel": "self", "href": urljoin(address, "feed.xml")})
    ElementTree.SubElement(feed, "link", {"rel": "alternate", "href": urljoin(address, "index.html")})
    newest = sorted(board.entries, key=lambda e: (_changed(e), e.entry_id), reverse=True)[:NEWEST]
    for entry in newest:
        _add_entry(feed, entry, board, address)
    ElementTree.indent(feed, " ")
    return bytes(ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_entry(feed: ElementTree.Element, entry: Entry, board: Leaderboard, address: str) -> None:
    item = ElementTree.SubElement(feed, "entry")
    world = " (synthetic data)" if entry.synthetic else ""
    _add(item, "title", f"{entry.model}{world}: {SCOPES[entry.table][0].lower()}")
    _add(item, "id", _urn(board.name, board.benchmark, entry.entry_id, entry.table))
    _add(item, "updated", _moment(_changed(entry)))
    ElementTree.SubElement(
        item, "link", {"rel": "alternate", "href": urljoin(address, f"models/{entry.entry_id}.html")}
    )
    _add(ElementTree.SubElement(item, "author"), "name", entry.team or entry.model)
    moves = "".join(f" Moved to {m.to} by {m.by}: {m.reason}." for m in entry.promotions[-1:])
    flags = f" Flags: {'; '.join(flag.what for flag in entry.flags)}." if entry.flags else ""
    _add(item, "summary", f"{SCOPES[entry.table][1]} Protocols: {', '.join(sorted(entry.protocols))}.{moves}{flags}")


def _add(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, tag, attributes).text = _NO_XML.sub("\ufffd", text)


def _changed(entry: Entry) -> str:
    return entry.promotions[-1].time if entry.promotions else entry.date


def _urn(*parts: str) -> str:
    return uuid.uuid5(SPACE, "\n".join(parts)).urn


def _moment(text: str) -> str:
    """An ISO date or time as RFC 3339 wants it."""
    return text if "T" in text else f"{text}T00:00:00Z"
