"""What every reader does first: find the final answer in a reply, and make its characters plain.

Order of `final_answer`: length cap, reasoning blocks, `<answer>` tags, `\\boxed{}`, code fences, an
"Answer:" line. Every pattern here is bounded or anchored on a literal, so the time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from medvidbench.records import Unparsed

MAX_CHARS = 100_000
"""Longest final answer that is read (about 25,000 tokens). Longer ones are `Unparsed`: reading only a part
would reward an answer for what it did not end on."""

_REASONING_TAG = re.compile(
    r"<\s?(/?)\s?(?:think|thinking|thought|thoughts|reasoning|reason|analysis|scratchpad|reflection|observe)\s?>"
    r"|◁(/?)think▷",
    re.IGNORECASE,
)
_ANSWER_OPEN = re.compile(r"<\s?(?:final_?)?answer\s?>|<\|begin_of_box\|>", re.IGNORECASE)
_ANSWER_CLOSE = re.compile(r"<\s?/\s?(?:final_?)?answer\s?>|<\|end_of_box\|>", re.IGNORECASE)
_SPECIAL_TOKEN = re.compile(r"<\|[A-Za-z0-9_]{1,24}\|>")
_FENCE = re.compile(
    r"```(?:json5?|jsonc|python|py|text|plaintext|txt|markdown|md|yaml|csv|xml|html)?(?![A-Za-z])", re.IGNORECASE
)
_MARKER = re.compile(
    r"^[ \t>#*_-]{0,8}(?:the |my )?(?:final |short |correct )?(?:answer|prediction|output|response)"
    r"[*_ \t]{0,4}(?:is[*_ \t]{0,4})?(?::[*_]{0,3}|$)",
    re.IGNORECASE | re.MULTILINE,
)
_REFUSAL = re.compile(
    r"\bi(?:'m| am)? (?:sorry|unable|afraid)\b|\bi (?:can't|cannot|can not|could not|couldn't|do not|don't)\b"
    r"|\bas an? (?:ai|language)\b|\A\s{0,9}(?:sorry|unable to|n/a\b)"
    r"|\bno (?:video|images?|frames?) (?:was|were|is|are|ha(?:s|ve) been) (?:provided|given|attached|shown|available)",
    re.IGNORECASE,
)
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_LONG_CLOSERS = ("</think>", "</thinking>", "</reasoning>", "◁/think▷", "<|message|>")

_MASKED: dict[int, str] = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\u223c\u301c\uff5e\u02dc\u2248"), "~"),
    **dict.fromkeys(map(ord, "\u27f6\u21d2\u2794\u279c\u27a1\u27f9"), "\u2192"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u00ab\u00bb\u2033"), '"'),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u2032"), "'"),
    **dict.fromkeys(map(ord, "*`\r\u200b\u200c\u200d\u2060\ufeff\u00a0\u2007\u2009\u202f\u3000"), " "),
    **{wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F) if wide not in (0xFF0A, 0xFF0D, 0xFF5E)},
    ord("\u3001"): ",",
    ord("\u3002"): ".",
    ord("\u2502"): "|",
}


def final_answer(text: object) -> str | Unparsed:
    """The part of a reply that answers, reasoning and wrapping removed.

    A reasoning block that never closes swallows what follows it, except an `<answer>` inside it. A closing
    tag without an opening one ends the reasoning too (chat templates open it for the model).

    Returns:
        Non-blank text of at most `MAX_CHARS` characters, or `Unparsed` with the reason.
    """
    if not isinstance(text, str):
        return Unparsed("the answer is not text")
    if len(text) > MAX_CHARS:
        text = text[max(_after_last(text, closer) for closer in _LONG_CLOSERS) :]
        if len(text) > MAX_CHARS:
            return Unparsed(f"the answer is longer than {MAX_CHARS:,} characters")
    if not text.strip():
        return Unparsed("the answer is empty")
    answer = _unwrapped(text)
    return answer if answer.strip() else Unparsed("nothing follows the reasoning or fills the answer tag")


def mask(text: str) -> str:
    """The text with look-alike characters made ASCII, one for one, so that offsets stay valid.

    Dashes and minus signs become "-", other digits and full-width forms ASCII, quotes straight,
    Markdown's `*`, backtick and `__` spaces.
    """
    if not text.isascii():
        text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    return text.translate(_MASKED).replace("__", "  ")


def is_refusal(text: str) -> bool:
    """Whether the reply opens by saying that the model can't or won't answer, or saw nothing."""
    return _REFUSAL.search(mask(text[:300])) is not None


def unparsed(answer: str, looked_for: str) -> Unparsed:
    """The reason for an answer without content: a refusal is told apart from another phrasing."""
    return Unparsed("the model declined to answer" if is_refusal(answer) else f"{looked_for} found")


def word_set(words: str) -> frozenset[str]:
    """The words of a space-separated list."""
    return frozenset(words.split())


def flagged(flags: Iterable[str]) -> tuple[str, ...]:
    """Each flag once, in order of first use."""
    return tuple(dict.fromkeys(flags))


def _unwrapped(text: str) -> str:
    if "<" in text or "◁" in text:
        text = _without_reasoning(text)
        text = _inside_answer_tag(text)
        if "<|" in text:
            text = _SPECIAL_TOKEN.sub(" ", text.rpartition("<|message|>")[2])
    if "\\boxed{" in text:
        text = _inside_box(text)
    if "```" in text:
        text = _FENCE.sub(" ", text)
    return _after_marker(text)


def _after_last(text: str, closer: str) -> int:
    position = text.rfind(closer)
    return position + len(closer) if position >= 0 else 0


def _without_reasoning(text: str) -> str:
    kept: list[str] = []
    position, inside = 0, False
    for tag in _REASONING_TAG.finditer(text):
        closing = bool(tag[1] or tag[2])
        if closing and not inside:
            kept.clear()
        elif not closing and not inside:
            kept.append(text[position : tag.start()])
        inside, position = not closing, tag.end()
    rest = text[position:]
    if inside:
        answers = [opening.start() for opening in _ANSWER_OPEN.finditer(rest)]
        rest = rest[answers[-1] :] if answers else ""
    return "".join([*kept, rest])


def _inside_answer_tag(text: str) -> str:
    """The content of the last answer tag; a missing end is the text's end, a missing start its start."""
    start = 0
    for opening in _ANSWER_OPEN.finditer(text):
        start = opening.end()
    closing = _ANSWER_CLOSE.search(text, start)
    return text[start : closing.start()] if closing else text[start:]


def _inside_box(text: str) -> str:
    start = text.rfind("\\boxed{") + len("\\boxed{")
    depth = 1
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[start : start + brace.start()]
    return text[start:]


def _after_marker(text: str) -> str:
    """What follows the last line that opens with "Answer:" (or "Final answer:", ...), if anything does."""
    if "nswer" not in text and not _MARKER.search(text):
        return text
    markers = list(_MARKER.finditer(text))
    rest = text[markers[-1].end() :] if markers else ""
    return rest if rest.strip(" \t\r\n*_") else text
