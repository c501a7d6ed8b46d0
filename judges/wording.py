"""What the lexicon doesn't know: abbreviations made of initials, and single words exchanged in nearly equal texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import Final

from medvidbench.judges.findings import Finding
from medvidbench.judges.readings import Reading

MOST_EXCHANGED: Final = 8
"""Different tokens up to which two texts can be nearly equal."""
_SMALL: Final = frozenset(("of", "the", "and", "a", "in"))
_DENIALS: Final = frozenset(("not", "no", "without", "never", "cannot"))
_FORMS: Final = ("ed", "ing", "es")


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


def exchanged(reference: Reading, prediction: Reading, invented: Collection[str] = ()) -> list[Finding]:
    """Contradictions in unknown words of nearly equal texts: a word in the place of another, or a "not" more or less.

    Only where one or two runs of at most four words differ; a paraphrase differs in more.

    Args:
        reference, prediction: the readings.
        invented: words of the prediction that say something that the reference doesn't.
    """
    ours, theirs = reference.tokens, prediction.tokens
    if abs(len(ours) - len(theirs)) > MOST_EXCHANGED:
        return []
    differing = Counter(ours)
    differing.subtract(theirs)
    if not 0 < sum(map(abs, differing.values())) <= MOST_EXCHANGED:
        return []
    blocks = [b for b in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes() if b[0] != "equal"]
    if len(blocks) > 2 or any(max(b[2] - b[1], b[4] - b[3]) > 4 for b in blocks):
        return []
    strange = {*reference.unknown, *prediction.unknown, *invented}
    return [f for _, a, b, c, d in blocks if (f := _block(ours, theirs, (a, b, c, d), strange)) is not None]


def _block(
    ours: Sequence[str], theirs: Sequence[str], at: tuple[int, int, int, int], strange: set[str]
) -> Finding | None:
    truth, said = ours[at[0] : at[1]], theirs[at[2] : at[3]]
    words = " ".join(truth), " ".join(said)
    if _DENIALS & {*truth} != _DENIALS & {*said} and bool(_DENIALS & {*truth}) != bool(_DENIALS & {*said}):
        return Finding("negated", "state", 0.0, 1.0, "", "", *words, 1.0)
    if not truth or not said or strange.isdisjoint((*truth, *said)):
        return None
    before = ours[at[0] - 1] if at[0] else ""
    is_verb = truth[-1].endswith(_FORMS) or before in ("is", "are", "was", "were", "been")
    is_verb |= before not in ("the", "a", "an", "with", "of", "to", "on", "in") and truth[0].endswith("s")
    return Finding("substituted", "action" if is_verb else "anatomy", 0.0, 1.0, "", "", *words, 1.0)
