"""A caption as received, read into the content that a row of the benchmark would hold."""

from __future__ import annotations

import re
from dataclasses import replace

from medvidbench.records import Caption, Event, Events, Sample, Unparsed
from medvidbench.tasks.registry import TASKS, context_of

_BOLD = re.compile(r"\*\*([^*\n]{1,2000})\*\*")
_SPACE = re.compile(r"\s+")


def read_answer(text: str, sample: Sample) -> Events | Caption | Unparsed:
    """What a caption says, without the wrapping that the task's tolerant reader knows (reasoning, JSON, fences, bold).

    Events stand in the order given; a summary or region caption is one paragraph.
    """
    content = TASKS[sample.task].read(text, context_of(sample))
    if isinstance(content, Caption):
        return replace(content, text=_plain(content.text))
    if isinstance(content, Events):
        return replace(content, events=tuple(replace(e, caption=_plain(e.caption)) for e in content.events))
    return content if isinstance(content, Unparsed) else Unparsed(f"{sample.task} asks for no caption")


def texts_of(content: Events | Caption) -> list[tuple[Event | None, str]]:
    """The texts of a content, each with its event (None for a summary or region caption)."""
    if isinstance(content, Caption):
        return [(None, content.text)]
    return [(event, event.caption) for event in content.events]


def _plain(text: str) -> str:
    return _SPACE.sub(" ", _BOLD.sub(r"\1", text)).strip()
