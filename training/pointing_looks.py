"""What each token of an answer is about, by task: see `pointing`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from medvidbench.records import Box, Event, Events, Sample
from medvidbench.training.frame_pairs import frame_pairs, showing, tokens_shape
from medvidbench.training.rows import Example

Kind: TypeAlias = Literal["action", "span", "edge"]
Look: TypeAlias = tuple[int, Kind, Tensor]
"""A place in the answer's text, what kind of thing is looked at there, and the vision tokens."""
NUMBER = r"(\d+(?:\.\d+)?)"
SPAN = re.compile(rf"{NUMBER}-{NUMBER}(?: seconds: (?=\S))?")
BOX = re.compile(rf"{NUMBER} seconds: \[{NUMBER}, {NUMBER}, {NUMBER}, {NUMBER}\]")


class Frames:
    """Where the clip's pairs of frames stand in the prompt."""

    def __init__(self, example: Example, config: Any) -> None:
        self._sample, self._shape = example.sample, tokens_shape(example, config)
        self._pairs = frame_pairs(example, config)
        places = (example.prompt.input_ids == config.video_token_id).nonzero().flatten()
        self._places = torch.split(places, [pair.tokens for pair in self._pairs])

    def within(self, start: float, end: float) -> list[Tensor]:
        """The vision tokens of each pair that shows a frame in [start, end), or at the start."""
        return [
            places
            for places, pair in zip(self._places, self._pairs, strict=True)
            if any(start <= second < end or second == start for second in pair.times)
        ]

    def on(self, box: Box, second: float) -> Tensor | None:
        """The vision tokens that show a box at a time, all of the pair where the frame's size isn't known; None where
        no frame was taken then."""
        pair = next(iter(self.within(second, second)), None)
        if pair is None or not (self._sample.width and self._sample.height):
            return pair
        return pair[showing(box, self._sample, self._shape)]

    @property
    def last(self) -> Tensor:
        """The vision tokens of the clip's last pair."""
        return self._places[-1]


class Timeline:
    """What the rows of DVC tell of recordings, for the summaries of clips that say the same without times."""

    def __init__(self, rows: Sequence[Sample]) -> None:
        self._events: dict[tuple[str, str], set[Event]] = defaultdict(set)
        for row in rows:
            if isinstance(row.truth, Events):
                for event in row.truth.events:
                    start, end = event.start + row.clip_offset, event.end + row.clip_offset
                    self._events[row.source, row.recording_id].add(Event(start, end, event.caption))

    def said(self, row: Sample) -> list[tuple[int, int, Event]]:
        """Where in a row's answer which event is told, in order: first and last place in the text, and the event in
        seconds of the clip."""
        captions = {_inner(event.caption) for event in self._events[row.source, row.recording_id]}
        if not captions or not row.answer:
            return []
        either = "|".join(re.escape(caption) for caption in sorted(captions, key=len, reverse=True))
        told = list(re.finditer(either, row.answer, re.IGNORECASE))
        said = [found[0].lower() for found in told]
        events = self._shown(row, set(said))
        matcher = SequenceMatcher(None, said, [_inner(event.caption) for event in events], autojunk=False)
        return [
            (told[block.a + k].start(), told[block.a + k].end(), events[block.b + k])
            for block in matcher.get_matching_blocks()
            for k in range(block.size)
        ]

    def _shown(self, row: Sample, captions: set[str]) -> list[Event]:
        """The events of a clip that have one of these captions, each once, cut to it."""
        length, found = row.duration or float("inf"), list[Event]()
        for event in sorted(self._events[row.source, row.recording_id], key=lambda e: (e.start, -e.end)):
            start, end = max(0.0, event.start - row.clip_offset), min(length, event.end - row.clip_offset)
            if _inner(event.caption) not in captions or start >= end:
                continue
            # clips that begin within an event tell its end alone
            if found and start < found[-1].end and found[-1].caption == event.caption:
                found[-1] = Event(found[-1].start, max(end, found[-1].end), event.caption)
            else:
                found.append(Event(start, end, event.caption))
        return found


def _inner(caption: str) -> str:
    """A caption as it may stand within a sentence."""
    return caption.lower().removesuffix(".")


def looks(row: Sample, frames: Frames, timeline: Timeline) -> Iterator[Look]:
    """All of an answer."""
    answer = row.answer or ""
    if row.task == "NAP":
        yield 0, "span", frames.last
    elif row.task == "STG":
        yield from _at_boxes(answer, frames)
    elif row.task in ("TAG", "DVC"):
        yield from _at_spans(answer, frames)
    elif row.task == "VS":
        yield from _at_steps(row, frames, timeline)


def _at_spans(answer: str, frames: Frames) -> Iterator[Look]:
    for found in SPAN.finditer(answer):
        pairs = frames.within(float(found[1]), float(found[2]))
        if not pairs:
            continue
        for group, edge in ((1, pairs[0]), (2, pairs[-1])):
            yield found.start(group), "span", torch.cat(pairs)
            yield found.start(group), "edge", edge
        if found[0].endswith(": "):
            yield found.end(), "span", torch.cat(pairs)


def _at_boxes(answer: str, frames: Frames) -> Iterator[Look]:
    for found in BOX.finditer(answer):
        second, *corners = map(float, found.groups())
        shown = frames.on(Box(*corners), second)
        if shown is None:
            continue
        yield found.start(2), "span", shown
        for corner in range(2, 6):
            yield found.start(corner), "edge", shown


def _at_steps(row: Sample, frames: Frames, timeline: Timeline) -> Iterator[Look]:
    """A summary tells one step after the other: each looks at its own frames, its end at those of the clip."""
    told = timeline.said(row)
    for begin, end, event in told:
        pairs = frames.within(event.start, event.end)
        if not pairs:
            continue
        yield begin, "edge", pairs[0]
        yield begin, "span", torch.cat(pairs)
        yield end - 1, "span", torch.cat(pairs)
    if told:
        yield len(row.answer or ""), "edge", frames.last
