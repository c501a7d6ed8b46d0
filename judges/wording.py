"""Abbreviations that the lexicon doesn't know, spelled out by the words of the other text that they are initials of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

_SMALL: Final = frozenset(("of", "the", "and", "a", "in"))


def spelled_out(tokens: Sequence[str], unknown: Collection[str], other: Sequence[str]) -> str | None:
    """A text with its unknown abbreviations as the words of the other text that they are the initials of; None if none.

    >>> spelled_out(["the", "rln", "is", "cut"], ["rln"], "the recurrent laryngeal nerve is identified".split())
    'the recurrent laryngeal nerve is cut'
    """
    found = {word: phrase for word in set(unknown) if 2 < len(word) < 6 and (phrase := _phrase(word, other))}
    return " ".join(found.get(token, token) for token in tokens) if found else None


def _phrase(word: str, other: Sequence[str]) -> str | None:
    content = [token for token in other if token.isalpha() and token not in _SMALL]
    for i in range(len(content) - len(word) + 1):
        run = content[i : i + len(word)]
        if all(token[0] == letter for token, letter in zip(run, word, strict=True)):
            return " ".join(run)
    return None
