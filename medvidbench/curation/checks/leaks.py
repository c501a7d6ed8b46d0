"""Checks for parts of the prompt in the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from medvidbench.curation.checks.base import Remark, Subject

ECHO_WORDS = 8
"""Words in a row of the question that make an answer an echo of it."""
_TEMPLATE = re.compile(
    r"\{\{|\}\}|\{%|<image>|<video>|<\|\w+\|>|\[/?INST\]|<</?SYS>>|\A\s*(?:system|user|assistant)\s*:", re.IGNORECASE
)
_INSTRUCTION = re.compile(
    r"\byou are an? (?:expert|experienced)\b|\banswer with (?:one|a|only|seconds)\b|\bstart-end seconds\b"
    r"|\bthe (?:prompt|instructions?|annotations?|ground truth|provided (?:labels?|frames?|images?))\b"
    r"|\b(?:according to|based on|as per) the (?:labels?|annotations?|provided|given|instructions?)\b"
    r"|\bbounding box(?:es)?\b|\boverlaid\b|\bnormali[sz]ed (?:time|timestamp)",
    re.IGNORECASE,
)


def leaks(subject: Subject) -> Iterator[Remark]:
    """Template marks, instructions, or eight words in a row of the question."""
    for pattern in (_TEMPLATE, _INSTRUCTION):
        if match := pattern.search(subject.text):
            yield Remark(repr(match[0].strip()))
            return
    # the procedure's name is the answer's to repeat, however long it is
    asked = _runs(subject.sample.question, subject.evidence.procedure.strip())
    words = _words(subject.text)
    for i in range(len(words) - ECHO_WORDS + 1):
        if words[i : i + ECHO_WORDS] in asked:
            yield Remark(f"repeats the question: {' '.join(words[i : i + ECHO_WORDS])!r}")
            return


@lru_cache(maxsize=4096)
def _runs(question: str, procedure: str) -> frozenset[tuple[str, ...]]:
    parts = [_words(part) for part in (question.split(procedure) if procedure else [question])]
    return frozenset(words[i : i + ECHO_WORDS] for words in parts for i in range(len(words) - ECHO_WORDS + 1))


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9']+", text.lower()))
