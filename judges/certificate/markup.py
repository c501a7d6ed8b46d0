"""The markup of the hand-written references: slots that a corruption may change, and a clause that it may move.

`[i:hook|scissors]` is the instrument "hook", and "scissors" is a wrong one; letters are those of `SLOTS`. A wrong value
after `x=` belongs to the unsafe claims instead, one after `=` is the same length, volume or time in another unit.
`{while ...}` before the final full stop is a clause that can stand in front of the sentence just as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SLOTS: Final[Mapping[str, str]] = {
    "i": "instrument",
    "s": "structure",
    "a": "action",
    "l": "side",
    "d": "direction",
    "u": "unit",
    "n": "negation",
    "x": "safety",
}
"""Letters of the slots and what stands in them."""
_SLOT = re.compile(r"\[([a-z]):([^\[\]]+)\]")
_ARTICLE = re.compile(r"\b([Aa])n? $")
_PLURALS = re.compile(r"(scissors|forceps|clamps|graspers|retractors|clips|fibres|hooks|drivers|pulses)$")

_SINGULAR = re.compile(r"\w*[^s\W]s\b")


@dataclass(frozen=True, slots=True)
class Slot:
    """A marked part of a reference.

    Attributes:
        kind: letter, of `SLOTS`.
        value: the truth.
        wrong: values that are false here.
        unsafe: values that would be dangerous here.
        same: the truth in another unit, or "".
    """

    kind: str
    value: str
    wrong: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    same: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text as plain pieces with slots between them: len(pieces) = len(slots) + 1."""

    pieces: tuple[str, ...]
    slots: tuple[Slot, ...]


def parse(text: str) -> Marked:
    """Reads the slots of a text.

    Raises:
        ValueError: a slot letter is unknown, or brackets don't pair.

    >>> parse("The [i:hook|scissors] cuts.").slots[0].wrong
    ('scissors',)
    """
    parts = _SLOT.split(text)
    pieces, kinds, bodies = parts[0::3], parts[1::3], parts[2::3]
    if any(bracket in piece for piece in pieces for bracket in "[]"):
        raise ValueError(f"Brackets that hold no slot: {text!r}")
    return Marked(tuple(pieces), tuple(_slot(kind, body) for kind, body in zip(kinds, bodies, strict=True)))


def render(marked: Marked, changes: Mapping[int, str] | None = None) -> str:
    """The text with the true values, or with those of `changes` by slot number; "a" and "an" follow the word.

    >>> render(parse("An [i:impactor|drill] is used."), {0: "drill"})
    'A drill is used.'
    """
    out = marked.pieces[0]
    for at, (slot, piece) in enumerate(zip(marked.slots, marked.pieces[1:], strict=True)):
        value = (changes or {}).get(at, slot.value)
        found = _ARTICLE.search(out)
        if found and value != slot.value and not value.startswith(("a ", "an ")):
            out = out[: found.start()] + found[1] + ("n " if value[0].lower() in "aeio" else " ")
        out += value + piece
    return out


def plain(text: str) -> str:
    """A rendered text without the braces of its movable clause."""
    return text.replace("{", "").replace("}", "")


def clause_first(text: str) -> str | None:
    """A rendered text with its movable clause in front; None when it has none.

    >>> clause_first("The hook cuts {while the grasper pulls}.")
    'While the grasper pulls, the hook cuts.'
    """
    found = re.fullmatch(r"(.+?),? \{(.+)\}\.", text)
    return None if found is None else f"{_upper(found[2])}, {_lower(found[1])}."


def generic(marked: Marked, words: Mapping[str, str]) -> Mapping[int, str] | None:
    """Changes that make every instrument and structure a word without content; None unless both occur."""
    kinds = {slot.kind for slot in marked.slots}
    if not {"i", "s"} <= kinds:
        return None
    return {at: _generic(marked, at, words) for at, slot in enumerate(marked.slots) if slot.kind in words}


def joined(steps: Sequence[str]) -> str:
    """Steps as one sentence that tells their order.

    >>> joined(["the duct is clipped", "the duct is cut"])
    'First, the duct is clipped; finally, the duct is cut.'
    """
    if len(steps) == 1:
        return f"{_upper(steps[0])}."
    between = "".join(f"; then, {step}" for step in steps[1:-1])
    return f"First, {steps[0]}{between}; finally, {steps[-1]}."


def _slot(kind: str, body: str) -> Slot:
    if kind not in SLOTS:
        raise ValueError(f"Unknown slot {kind!r}; known: {', '.join(SLOTS)}")
    first, *others = body.split("|")
    value, _, same = first.partition("=")
    unsafe = tuple(other[2:] for other in others if other.startswith("x="))
    wrong = tuple(other for other in others if not other.startswith("x="))
    return Slot(kind, value, wrong, unsafe, same)


def _generic(marked: Marked, at: int, words: Mapping[str, str]) -> str:
    slot, before = marked.slots[at], marked.pieces[at]
    # "the forceps lift" is plural and "the forceps lifts" isn't: the verb decides.
    is_plural = _PLURALS.search(slot.value) and not _SINGULAR.match(_after(marked, at))
    word = words[slot.kind] + ("s" if is_plural else "")
    needs_article = before.endswith(("with ", "by ")) and not word.endswith("s")
    return f"a {word}" if needs_article else word


def _after(marked: Marked, at: int) -> str:
    """The text behind a slot, as far as the next slot's end."""
    following = marked.slots[at + 1].value if at + 1 < len(marked.slots) else ""
    return (marked.pieces[at + 1] + following).lstrip()


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
