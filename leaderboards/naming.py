"""Checks of what people write about a submission: names, addresses, and whose a name is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from medvidbench.leaderboards.entries import is_web_address

LONGEST_NAME, LONGEST_ADDRESS = 100, 300
ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "CHEROKEE", "ARMENIAN")
"""Alphabets with letters that look alike: a name is written in one of them at most."""
MOST_MARKS = 2
RESERVED = ("blind:", "published")


def about_faults(model: str, team: str, contact: str, link: str, table: str = "community") -> list[str]:
    """What is wrong with the texts beside a submission; [] when nothing is. Blind baselines are for maintainers."""
    faults = [f"model name: {fault}" for fault in name_faults(model)]
    if table not in ("community", "verified"):
        faults.append(f"table: {table!r:.40} is neither community nor verified")
    if table != "verified" and model.lower().startswith(RESERVED):
        faults.append(f"model name: {model[:20]!r} begins with {' or '.join(map(repr, RESERVED))}, which are reserved")
    faults += [f"team: {fault}" for fault in name_faults(team)]
    if (not _is_mail(contact) and not is_web_address(contact)) or len(contact) > LONGEST_ADDRESS:
        faults.append("contact: an e-mail address or a web address (it isn't published)")
    if link and (not is_web_address(link) or len(link) > LONGEST_ADDRESS or "@" in urlsplit(link).netloc):
        faults.append(f"link: {link[:60]!r} is no http or https address of at most {LONGEST_ADDRESS} characters")
    return faults


def name_faults(name: str) -> list[str]:
    """What is wrong with a name: empty, long, or with characters that hide, turn or imitate others."""
    faults = []
    if not name.strip():
        faults.append("is empty")
    if len(name) > LONGEST_NAME:
        faults.append(f"has {len(name)} characters, at most {LONGEST_NAME}")
    if name != name.strip():
        faults.append("begins or ends with white space")
    bad = sorted({c for c in name if _hides(c)})
    if bad:
        codes = ", ".join(f"U+{ord(c):04X}" for c in bad[:5])
        faults.append(f"holds control, direction, invisible or unassigned characters ({codes})")
    marks = "".join("m" if unicodedata.category(c) in ("Mn", "Me") else "." for c in name)
    if "m" * (MOST_MARKS + 1) in marks:
        faults.append(f"piles up over {MOST_MARKS} marks on one letter")
    found = sorted({a for c in name for a in ALPHABETS if unicodedata.name(c, "").startswith(a)})
    if len(found) > 1:
        faults.append(f"mixes alphabets ({', '.join(a.title() for a in found)})")
    return faults


def _hides(character: str) -> bool:
    """Categories C* (control, format, surrogate, private, unassigned), and separators but the blank."""
    category = unicodedata.category(character)
    return category[0] in "CZ" and character != " "


def skeleton(name: str) -> str:
    """What two names that people take for the same have in common: letters and digits, small, without form variants.

    >>> skeleton("GPT-5.4") == skeleton("gpt 5.4") == skeleton("ＧＰＴ－5.4")
    True
    """
    text = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c for c in text if c.isalnum())
    return kept or text


def taken_by(model: str, team: str, known: Iterable[tuple[str, str]]) -> str:
    """The other team that has this name among the known (model, team), or ""."""
    wanted, own = skeleton(model), skeleton(team)
    for other, owner in known:
        if skeleton(other) == wanted and skeleton(owner) != own:
            return owner or "a publication"
    return ""


def _is_mail(text: str) -> bool:
    return re.fullmatch(r"[^\s@<>\"(),:;\[\]\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text) is not None
