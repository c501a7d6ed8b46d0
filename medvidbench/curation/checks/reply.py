"""Checks of the reply as such: did a caption come back, whole, in English, and of a fitting length?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from medvidbench.curation.checks.base import Remark, Subject
from medvidbench.records import Caption, TaskName
from medvidbench.tasks.reading.common import is_refusal, mask

MOST_WORDS = 1170
"""Words of the longest published caption (arXiv 2512.06581: 1 to 1,170)."""
WORDS: dict[TaskName, tuple[int, int]] = {"DVC": (2, 120), "VS": (3, 400), "RC": (3, 120)}
"""Fewest and most words: of each event's description (DVC), of the whole text (VS, RC). This project's choice."""
FEWEST_FOR_LANGUAGE = 5
FOREIGN_LETTERS = 0.2
"""Share of letters outside the Latin script from which on a text isn't English."""
_REFUSALS = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language|language)\b"
    r"|\bi(?:'m| am) (?:sorry|unable|afraid|not able)\b"
    r"|\b(?:i|we) (?:can't|cannot|can not|won't|will not) "
    r"(?:help|assist|provide|describe|see|view|access|comply|identify|analy[sz]e|generate|fulfil|determine)"
    r"|\b(?:content|usage) polic(?:y|ies)\b|\b(?:unable|not able) to (?:help|assist|comply|view the|access the)\b",
    re.IGNORECASE,
)
_FILTERED = {"content_filter", "refusal", "safety", "recitation", "prohibited_content"}
_CUT = {"length", "max_tokens", "max_output_tokens"}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def failed_call(subject: Subject) -> Iterator[Remark]:
    """The call gave no text."""
    if subject.candidate.text is None:
        yield Remark(subject.candidate.error or "no text and no error")


def refusal(subject: Subject) -> Iterator[Remark]:
    """The model declined, or speaks of itself."""
    reason = subject.candidate.finish_reason.lower()
    plain = mask(subject.text)
    if reason in _FILTERED:
        yield Remark(f"finish reason {reason}")
    elif (match := _REFUSALS.search(plain)) is not None:
        yield Remark(repr(plain[max(0, match.start() - 20) : match.end() + 40].strip()))
    elif is_refusal(plain):
        yield Remark(repr(plain[:80].strip()))


def empty(subject: Subject) -> Iterator[Remark]:
    """Nothing but white space or signs."""
    if not any(map(str.isalnum, subject.text)):
        yield Remark("no word")


def cut_off(subject: Subject) -> Iterator[Remark]:
    """The server stopped the model at its token limit; a missing full stop alone is a note."""
    reason = subject.candidate.finish_reason.lower()
    if reason in _CUT:
        yield Remark(f"finish reason {reason}")
    elif any(text and text[-1] not in ".!?)\"'”" for _, text in subject.texts):
        yield Remark("a description ends without a full stop", rejects=False)


def length(subject: Subject) -> Iterator[Remark]:
    """Too few or too many words for the task."""
    fewest, most = WORDS[subject.sample.task]
    for event, text in subject.texts:
        count = len(text.split())
        if not fewest <= count <= most:
            where = f" at {event.start:.1f}-{event.end:.1f} s" if event else ""
            yield Remark(f"{count} words{where}, not {fewest} to {most}")
            return
    total = sum(len(text.split()) for _, text in subject.texts)
    if total > MOST_WORDS:
        yield Remark(f"{total:,} words, over {MOST_WORDS:,}")


def language(subject: Subject) -> Iterator[Remark]:
    """Another script, or more function words of another language than of English."""
    text = " ".join(text for _, text in subject.texts) or subject.text
    letters = [sign for sign in text if sign.isalpha()]
    foreign = sum(not _is_latin(sign) for sign in letters)
    if letters and foreign >= FOREIGN_LETTERS * len(letters):
        yield Remark(f"{foreign} of {len(letters)} letters aren't Latin")
        return
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < FEWEST_FOR_LANGUAGE:
        return
    english = sum(word in _ENGLISH for word in words)
    name, hits = max(((n, sum(w in own for w in words)) for n, own in _OTHERS.items()), key=lambda item: item[1])
    if hits > english:
        yield Remark(f"{hits} function words of {name}, {english} of English")


def wrapping(subject: Subject) -> Iterator[Remark]:
    """Markdown or chat around the caption that the reader leaves in: headings, lists, tables, "Here is ..."."""
    for _, text in subject.texts:
        match = _CHAT.search(text) or _FENCE.search(text)
        if match:
            yield Remark(repr(text[match.start() : match.start() + 60].strip()))
            return
    if isinstance(subject.content, Caption) and (match := _MARKDOWN.search(subject.text)):
        yield Remark(f"Markdown: {subject.text[match.start() : match.start() + 60].strip()!r}")


_CHAT = re.compile(
    r"\A\W{0,4}(?:sure|certainly|of course|absolutely|okay|ok|great)\b[,!.]"
    r"|\A\W{0,4}(?:here(?:'s| is| are)|below is|the following is)\b[^.\n]{0,120}:"
    r"|\blet me know if\b|\bi hope this\b|\bwould you like me\b|\bfeel free to\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```|^[\[{]\s*\"|\"\s*:\s*[\[{\"]")
_MARKDOWN = re.compile(r"^(?:#{1,6} |[-*•] |\d{1,2}[.)] |\|)", re.MULTILINE)


def _is_latin(sign: str) -> bool:
    return sign.isascii() or "LATIN" in unicodedata.name(sign, "") or sign in "µμαβ"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    "the a an of and is are was were be been being to in with while then by from at on during for its it that this "
    "which as into after before over not no"
)
_OTHERS = {
    "German": _words(
        "der die das den dem des und ist wird werden mit nicht ein eine einen einem einer von vom auf zu zum zur sich "
        "während dann bei durch im am für wurde danach"
    ),
    "French": _words(
        "le la les des du est sont une un et dans avec sur par pour puis pendant au aux ce cette qui il elle en que"
    ),
    "Spanish": _words("el la los las del y con una un es son por para se que en al durante luego después su mientras"),
    "Italian": _words("il lo la gli le della del dei di e con una un è sono per che viene nel nella mentre poi dal"),
    "Portuguese": _words("o os da do dos das não com uma um é são para por que em no na enquanto depois pelo pela"),
    "Dutch": _words("de het een van met wordt worden en zijn op door naar dan terwijl tijdens voor niet bij te"),
}
