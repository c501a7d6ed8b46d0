"""STG: spatio-temporal grounding. Where is an object, at a row of times?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from medvidbench.records import BoxTrack, Recording, Sample, TimedBox, Unparsed
from medvidbench.tasks.asking import build_sample, first_distinct, plain_number
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.reading.boxes import read_boxes
from medvidbench.tasks.scoring import format_term
from medvidbench.tasks.tracks import Window, asked_times, boxes_by_label, clip_of, is_only_one, spread, windows
from medvidbench.tasks.verbalise import instrument_words
from medvidbench.tasks.writing import write_boxes

LONE_TIME_REACH = 0.5
"""Seconds within which a single truth time takes a box when the sampling rate isn't known."""
MAX_ASKED = 1000
EVERY = re.compile(r"every (\d{1,6}(?:\.\d{1,3})?) ?s", re.IGNORECASE)
FROM_TO = re.compile(r"from (\d{1,6}(?:\.\d{1,3})?) ?(?:s|seconds)? ?to (\d{1,6}(?:\.\d{1,3})?) ?s", re.IGNORECASE)


class SpatioTemporalGrounding(Task[BoxTrack]):
    """Truth: the object's box at each time asked for, in clip-relative seconds and pixels of the original frame."""

    name = "STG"
    qa_types = ("stg",)
    metrics = ("STG_mIoU",)

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """Questions on windows of tracks: the boxes every N seconds from a to b.

        A window in which a second object of the same label is in view is left out: its question has no one answer.
        """
        index = boxes_by_label(recording)
        found = (w for w in windows(recording, "STG", seed) if is_only_one(index, w))
        samples = (self._ask_window(recording, window, seed) for window in found)
        yield from first_distinct(samples)

    def _ask_window(self, recording: Recording, window: Window, seed: int) -> Sample | None:
        clip = clip_of(recording, window, "STG", seed)
        if clip is None:
            return None
        times = asked_times(clip, window)
        truth = BoxTrack(tuple(TimedBox(time, b.box) for time, b in zip(times, window.boxes, strict=True)))
        slots = {
            "object": instrument_words(window.track.label),
            "step": plain_number(window.step),
            "start": f"{times[0]:.1f}",
            "end": f"{times[-1]:.1f}",
        }
        answer = self.write(truth)
        return build_sample("STG", "stg", recording, clip, seed, truth, answer, slots, window.track.label)

    def write(self, truth: BoxTrack) -> str:
        """`1.0 seconds: [x1, y1, x2, y2] 5.0 seconds: [x1, y1, x2, y2]`"""
        return write_boxes(truth)

    def read(self, text: str, context: Context) -> BoxTrack | Unparsed:
        """The timed boxes that an answer names."""
        return read_boxes(text, context)

    def score(self, parsed: BoxTrack | Unparsed, truth: BoxTrack, context: Context) -> Mapping[str, float]:
        """`STG_mIoU`: mean box IoU over the truth times; a time without a box counts 0.

        A predicted box serves only the truth time nearest to it (the earlier of two), and only within half a sampling
        step: half the smallest distance of truth times; for a single truth time half a frame of the clip (0.5 / fps),
        or 0.5 s when the rate is unknown. Of several boxes for one time the nearest counts, the first of equals.
        Boxes at times not asked for cost nothing. 0 for an unparsed answer and for a truth without boxes.
        """
        if isinstance(parsed, Unparsed) or not parsed.boxes or not truth.boxes:
            return {"STG_mIoU": 0.0}
        from medvidbench.metrics.boxes import box_iou

        pairs = _served(parsed.boxes, truth.boxes, _reach(truth.boxes, context.fps))
        if not pairs:
            return {"STG_mIoU": 0.0}
        iou = box_iou([_corners(said) for said, _ in pairs], [_corners(wanted) for _, wanted in pairs])
        return {"STG_mIoU": float(iou.sum()) / len(truth.boxes)}

    def reward(self, parsed: BoxTrack | Unparsed, truth: BoxTrack, context: Context) -> float:
        """`STG_mIoU` times the format term, in [0, 1]; 0 when unparsed or empty.

        More boxes than times can't add: each truth time counts one box, chosen by its time and never by its IoU.
        """
        if isinstance(parsed, Unparsed):
            return 0.0
        return self.score(parsed, truth, context)["STG_mIoU"] * format_term(parsed.flags)


def times_in_question(question: str) -> tuple[float, ...]:
    """The times at which a question asks for boxes, from "every N seconds" and "from a to b seconds", or ()."""
    every, bounds = EVERY.search(question), FROM_TO.search(question)
    if every is None or bounds is None:
        return ()
    step, first, last = float(every[1]), float(bounds[1]), float(bounds[2])
    if step <= 0 or last < first or (last - first) / step >= MAX_ASKED:
        return ()
    return spread(first, step, int((last - first) / step + 1e-6) + 1)


def _reach(wanted: Sequence[TimedBox], fps: float | None) -> float:
    times = sorted(t.time for t in wanted)
    gaps = [b - a for a, b in pairwise(times) if b > a]
    if gaps:
        return min(gaps) / 2 + 1e-9
    return 0.5 / fps if fps is not None and 0 < fps < float("inf") else LONE_TIME_REACH


def _served(said: Sequence[TimedBox], wanted: Sequence[TimedBox], reach: float) -> list[tuple[TimedBox, TimedBox]]:
    """(predicted, truth) pairs: every truth time at most once, every predicted box at most once."""
    chosen: dict[int, tuple[float, TimedBox]] = {}
    for box in said:
        distances = [abs(truth.time - box.time) for truth in wanted]
        distance = min(distances)
        index = distances.index(distance)
        if distance <= reach and (index not in chosen or distance < chosen[index][0]):
            chosen[index] = (distance, box)
    return [(box, wanted[index]) for index, (_, box) in chosen.items()]


def _corners(timed: TimedBox) -> tuple[float, float, float, float]:
    return timed.box.x1, timed.box.y1, timed.box.x2, timed.box.y2
