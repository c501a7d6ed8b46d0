"""Ways told by two landmarks or one: "from the left to the right hand", "toward the liver", "away from the scope"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_TO: Final = frozenset(("to", "toward", "towards", "into", "onto", "until"))
_ENDS: Final = frozenset(".;!?\n,:()") | frozenset((
    "and", "or", "while", "with", "using", "by", "as", "when", "then", "before", "after", "so", "that", "at", "is",
    "are", "was", "were", "be", "through", "without", "via",
))  # fmt: skip
_SILENT: Final = frozenset((
    "the", "a", "an", "its", "their", "his", "her", "of", "hand", "side", "end", "part", "portion", "aspect", "edge",
    "direction", "in", "on",
))  # fmt: skip
_ARTICLES: Final = frozenset(("the", "a", "an", "its"))
REACH: Final = 7


@dataclass(frozen=True, slots=True)
class Path:
    """A way: what its start and its end say, either of which may be unknown, and all its words."""

    start: frozenset[str]
    end: frozenset[str]
    words: frozenset[str] = frozenset()


def paths(tokens: Sequence[str], sides: Mapping[str, str]) -> list[Path]:
    """All ways of a text.

    Args:
        tokens: of the text.
        sides: what each side word says, so that "upper" and "top" are one.
    """
    return list(_found(tokens, sides)) if not _WORDS.isdisjoint(tokens) else []


def _found(tokens: Sequence[str], sides: Mapping[str, str]) -> Iterator[Path]:
    for i, word in enumerate(tokens):
        if word == "from" and (at := _next_to(tokens, i)) is not None:
            yield _path(tokens, (i + 1, at), (at + 1, at + 6), sides)
        elif word == "from" and i and tokens[i - 1] == "away":
            yield _path(tokens, (i + 1, i + 6), (0, 0), sides)
        elif word in ("toward", "towards") and "from" not in tokens[max(0, i - REACH) : i]:
            yield _path(tokens, (0, 0), (i + 1, i + 6), sides)
        elif word == "to" and i and tokens[i - 1] in sides and "from" not in tokens[max(0, i - REACH) : i]:
            path = _path(tokens, (i - 1, i), (i + 1, i + 3), sides)
            if not path.end.isdisjoint(sides.values()):
                yield path


def _path(tokens: Sequence[str], start: tuple[int, int], end: tuple[int, int], sides: Mapping[str, str]) -> Path:
    words = frozenset((*tokens[slice(*start)], *tokens[slice(*end)]))
    return Path(_words(tokens, *start, sides), _words(tokens, *end, sides), words)


def _next_to(tokens: Sequence[str], i: int) -> int | None:
    for at in range(i + 1, min(i + 1 + REACH, len(tokens))):
        if tokens[at] in _TO:
            return at if _is_place(tokens, i, at) else None
        if tokens[at] in _ENDS:
            return None
    return None


def _is_place(tokens: Sequence[str], i: int, at: int) -> bool:
    """Whether a place follows "to" and no verb: it has an article, or neither end has one."""
    behind = tokens[at + 1 : at + 2]
    return tokens[at] != "to" or (bool(behind) and behind[0] in _ARTICLES) or tokens[i + 1] not in _ARTICLES


def _words(tokens: Sequence[str], start: int, end: int, sides: Mapping[str, str]) -> frozenset[str]:
    found = []
    for word in tokens[start:end]:
        if word in _ENDS or word in _TO or word == "from":
            break
        if word not in _SILENT:
            found.append(sides.get(word) or word[:5])
    return frozenset(found)


_WORDS: Final = frozenset(("from", "toward", "towards", "to"))
