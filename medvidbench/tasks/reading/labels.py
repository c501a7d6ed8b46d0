"""Reads the class of a next-action answer (NAP): the label itself, or one label named in a sentence; never a guess."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from medvidbench.records import Label, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.common import final_answer, is_refusal, mask, word_set
from medvidbench.tasks.reading.json_values import Fields, Json, find_json, key_of

MAX_LABEL_WORDS = 12
"""Longest text that counts as a label of its own; the longest class of the public lists has 9 words."""

_ANSWER_KEY = re.compile(
    r"(?:predicted|predictednext|final)?"
    r"(?:nextaction|nextstep|nextphase|answer|action|label|class|prediction|phase|step)"
)
_LEAD_IN = re.compile(
    r"\b(?:next|upcoming|following|subsequent|predicted|likely|expected)\s{1,3}(?:surgical\s|procedural\s)?"
    r"(?:action|step|phase|activity|class|label|event|one)\b[^.\n:]{0,80}?"
    r"(?:\bis\b|\bwill be\b|\bwould be\b|\bshould be\b|:)"
    r"|\b(?:answer|prediction|label)\s{1,3}is\b:?",
    re.IGNORECASE,
)
_WRAP = " \t\r\n\"'.,;:!?()[]{}<>-|"
_NOT_BEFORE = re.compile(
    r"\b(?:not|never|no longer|rather than|instead of|(?:any|every)thing but|all but|isn t|won t be|unlikely)"
    r"(?: be)?(?: the)? ?\Z"
)
_NO_LABEL = word_set("unknown none unclear uncertain unsure n/a na nothing null undetermined")


def read_label(text: str, context: Context) -> Label | Unparsed:
    """The class that the answer names, spelt as in `context.labels`.

    Labels are compared without case, punctuation, underscores, hyphens and doubled spaces. The whole answer may
    be the label, or name exactly one class as a whole phrase, longest first ("subcutaneous injection insulin"
    names no "subcutaneous injection"; flag "in_sentence"); after "the next action is" only what follows counts.
    Several classes named: `Unparsed`. A short text that is no class is an answer, and a wrong one: its text comes
    back, flagged "unknown_label". Without `context.labels` any short text is the label. JSON with one answer field is
    read (flag "json"). Never raises. Time is linear in the text, times the number of labels at most.
    """
    answer = final_answer(text)
    if isinstance(answer, Unparsed):
        return answer
    said, flags = _from_json(answer)
    plain = _plain(said)
    if not plain:
        return Unparsed("the answer holds no word")
    classes = _Classes.of(context.labels)
    whole = classes.by_name.get(plain)
    if whole is not None:
        return Label(whole, flags)
    named = classes.named_in(_after_lead_in(said)) or classes.named_in(said)
    if len(named) == 1:
        return Label(named[0], (*flags, "in_sentence"))
    if named:
        return Unparsed(f"names several classes: {', '.join(named[:5])}")
    return _unlisted(said, flags, listed=bool(context.labels))


class _Classes:
    """The classes of one question, by normalised name, and one pattern that finds the longest."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.by_name: dict[str, str] = {}
        for label in labels:
            if _plain(label):
                self.by_name.setdefault(_plain(label), label)
        longest_first = sorted(self.by_name, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    @staticmethod
    @lru_cache(maxsize=512)
    def of(labels: tuple[str, ...]) -> _Classes:
        """The classes of a label list, built once."""
        return _Classes(labels)

    def named_in(self, text: str) -> list[str]:
        """The distinct classes named in a text, in order; not those that it rules out ("not suturing")."""
        if not self.by_name:
            return []
        plain = _plain(text)
        found = (match for match in self._pattern.finditer(plain) if not _ruled_out(plain, match.start()))
        return list(dict.fromkeys(self.by_name[match[0]] for match in found))


def _ruled_out(plain: str, position: int) -> bool:
    return _NOT_BEFORE.search(plain[max(0, position - 24) : position]) is not None


def _plain(text: str) -> str:
    """Lower case, words separated by one space, nothing else. Compatibility forms are folded in short texts only:
    on a long run of combining marks that takes quadratic time.
    """
    folded = unicodedata.normalize("NFKC", text) if len(text) <= 1_000 and not text.isascii() else text
    return re.sub(r"[\W_]+", " ", folded.casefold()).strip()


def _from_json(answer: str) -> tuple[str, tuple[str, ...]]:
    regions = find_json(answer)
    for region in regions:
        said = _answer_field(region.value)
        if said is not None:
            return said, ("json",)
    return answer, ()


def _answer_field(value: Json) -> str | None:
    """The text of the first answer field, or of the only field or item."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
        if isinstance(value, str):
            return value
    if not isinstance(value, Fields):
        return None
    texts = {key_of(name): item for name, item in value.items() if isinstance(item, str)}
    keyed = [text for key, text in texts.items() if _ANSWER_KEY.fullmatch(key[:40])]
    if keyed:
        return keyed[0]
    return next(iter(texts.values())) if len(texts) == 1 else None


def _after_lead_in(said: str) -> str:
    """What follows the last "the next action is", up to the end of its sentence; "" without one."""
    ends = [lead.end() for lead in _LEAD_IN.finditer(said)]
    return re.split(r"\.\s|\n\s{0,3}\n", said[ends[-1] :], maxsplit=1)[0] if ends else ""


def _unlisted(said: str, flags: tuple[str, ...], *, listed: bool) -> Label | Unparsed:
    """A text that names no known class: a label of its own when it is short."""
    text = _tidy(_after_lead_in(said)) or _tidy(said)
    if is_refusal(said) or text.lower() in _NO_LABEL:
        return Unparsed("the model declined to answer")
    if not _plain(text) or len(text) > 200 or len(text.split()) > MAX_LABEL_WORDS:
        return Unparsed("a long text that names no class" if listed else "a long text where a label was asked for")
    return Label(text, (*flags, "unknown_label") if listed else flags)


def _tidy(text: str) -> str:
    """On one line, without wrapping quotes, brackets, bold marks and closing punctuation."""
    bare = mask(text) if any(mark in text for mark in "*`\u201c\u201d\u00ab\u00bb") else text
    return " ".join(bare.split()).strip(_WRAP)
