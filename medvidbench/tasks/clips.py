"""Which stretches of a recording a question shows, and which of its frames.

Every choice is drawn from a hash of what it is about (seed, source, recording, task, ordinal), never from a running
random state: adding a recording or changing the order of a list changes no other clip. Clips are half-open
[start, end), 20 to 1,800 s long (the published range, arXiv 2512.06581); a shorter recording is one clip.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from medvidbench.records import FrameFile, Recording, TaskName

V = TypeVar("V")

MIN_CLIP, MAX_CLIP = 20.0, 1800.0
SECONDS_PER_CLIP, MIN_CLIPS, MAX_CLIPS = 60.0, 4, 32
"""One clip a minute of recording, within bounds that keep a long recording from filling the benchmark."""
MIN_FRAMES, MAX_FRAMES = 8, 384
START_SLACK = 10.0
"""Seconds kept free below the longest clip, so that moving a start back to a whole frame stays within it."""
LONGEST_AROUND = 300.0
"""Longest clip around a tracked object; its question is about seconds, not minutes."""
FILES_TIMED = 1000
"""How many frame files are looked at for the rate on disk."""
RATES = ((0.5, 0.633), (1.0, 0.220), (2.0, 0.075), (0.1, 0.024), (0.2, 0.024), (3.0, 0.024))
"""Sampling rates in 1/s with their weights: the published share of 0.5, 1 and 2, the rest spread over 0.1 to 3."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a recording as a model is shown it.

    Attributes:
        start, end: seconds on the recording's axis.
        fps: sampling rate of the frames shown, in 1/s.
        frames: the frame files shown, with times relative to the clip; empty when frames come from a video file.
    """

    start: float
    end: float
    fps: float
    frames: tuple[FrameFile, ...] = ()

    @property
    def duration(self) -> float:
        """Length in seconds, without the float dust of the subtraction (microseconds are kept)."""
        return round(self.end - self.start, 6)


def draw(*key: str | float) -> float:
    """A number in [0, 1) from the SHA-256 of a key; equal keys give equal numbers on every machine.

    Numbers count by value: 5 and 5.0 are one key.
    """
    plain = [part if isinstance(part, str) else float(part) for part in key]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def choose(options: Sequence[V], *key: str | float) -> V:
    """One of the options, drawn by a key; the options must come in an order that means nothing, e.g. sorted."""
    return options[int(draw(*key) * len(options))]


def plan_clips(recording: Recording, task: TaskName, seed: int) -> Iterator[Clip]:
    """Clips for one task, spread over the whole recording; about one a minute, at least 4, at most 32.

    Lengths are log-uniform from 20 s to 1,800 s or the recording's end, starts uniform. A clip that would show fewer
    than two of the frame files (a hole) is left out, and so is one that repeats an earlier one.
    """
    count = min(MAX_CLIPS, max(MIN_CLIPS, math.ceil(recording.duration / SECONDS_PER_CLIP)))
    seen: set[tuple[int, int]] = set()
    native = recording.native_fps if recording.native_fps > 0 else 1.0
    for ordinal in range(count):
        key = (seed, recording.source, recording.recording_id, task, ordinal)
        length = _in_frames(recording, clip_length(recording.duration, *key))
        start = snap(recording, draw("start", *key) * (recording.duration - length))
        end = min(recording.duration, start + length)
        frames = (round(start * native), round(end * native))  # as published, so that no two clips get one id
        clip = make_clip(recording, start, end, *key)
        if clip is not None and frames not in seen:
            seen.add(frames)
            yield clip


def clip_length(limit: float, *key: str | float) -> float:
    """A log-uniform length in whole seconds from 20 to 1,790, at most `limit`; `limit` itself when that is under 20."""
    longest = min(MAX_CLIP - START_SLACK, limit)
    if longest <= MIN_CLIP:
        return limit
    return min(longest, float(round(MIN_CLIP * (longest / MIN_CLIP) ** draw("length", *key))))


def snap(recording: Recording, time: float) -> float:
    """The last clip start at or before a time: whole seconds, or whole native frames when those are longer.

    On whole seconds every native frame rate met (25, 30, 15, 1) has a frame, so the published frame number says
    exactly where the clip starts.
    """
    step = max(1.0, 1.0 / recording.native_fps) if recording.native_fps > 0 else 1.0
    return math.floor(time / step + 1e-9) * step


def _in_frames(recording: Recording, length: float) -> float:
    """A length made whole in native frames where those are longer than a second, so that published bounds keep it."""
    step = 1.0 / recording.native_fps if recording.native_fps > 0 else 1.0
    return length if step <= 1.0 else min(recording.duration, math.ceil(length / step - 1e-9) * step)


def clip_ending_at(recording: Recording, end: float, *key: str | float) -> Clip | None:
    """A clip of drawn length that ends at `end`; None when that is before 20 s, or when no frame would be shown."""
    if end < MIN_CLIP:
        return None
    start = snap(recording, max(0.0, end - clip_length(end, *key)))
    return make_clip(recording, start, end, *key)


def clip_around(recording: Recording, start: float, end: float, step: float, *key: str | float) -> Clip | None:
    """A clip that holds [start, end) and shows the times start, start + step, ...; None when it would show no frame.

    It is 20 to 300 s long, or as long as the interval, and lies at random around it.
    """
    drawn = _in_frames(recording, clip_length(min(recording.duration, LONGEST_AROUND), *key))
    length = max(end - start, drawn)
    low, high = max(0.0, end - length), max(0.0, min(start, recording.duration - length))
    placed = low + draw("place", *key) * max(0.0, high - low)
    rates = _fitting_rates(recording, length, step)
    fps = _drawn_rate(rates, *key)
    unit = max(1.0, 1.0 / fps)
    first = max(0.0, start - math.floor((start - placed) / unit + 1e-9) * unit)
    if recording.duration - first < min(MIN_CLIP, recording.duration):  # no room: length goes before shown times
        first = snap(recording, placed)
    return _with_frames(recording, first, max(end, min(recording.duration, first + length)), fps, rates)


def make_clip(recording: Recording, start: float, end: float, *key: str | float) -> Clip | None:
    """A clip with its drawn sampling rate and its frames; None when frames are on disk and fewer than two are in it."""
    rates = _fitting_rates(recording, end - start)
    return _with_frames(recording, start, end, _drawn_rate(rates, *key), rates)


def _with_frames(
    recording: Recording, start: float, end: float, fps: float, rates: Sequence[tuple[float, float]]
) -> Clip | None:
    if recording.video or not recording.frames:
        return Clip(start, end, fps)
    frames = sample_frames(recording, start, end, fps)
    if len(frames) < MIN_FRAMES:  # holes: show what is there
        fps = max(rate for rate, _ in rates)
        frames = sample_frames(recording, start, end, fps)
    return Clip(start, end, fps, frames) if len(frames) >= 2 else None


def sample_frames(recording: Recording, start: float, end: float, fps: float) -> tuple[FrameFile, ...]:
    """The frame files of [start, end) that lie on the grid start + k / fps, with their own times, clip-relative.

    Each grid time takes the nearest file within half a native frame; where there is none, a hole stays.
    """
    reach = 0.5 / frame_rate(recording) + 1e-6
    picked: dict[int, None] = {}
    for step in range(math.ceil((end - start) * fps - 1e-9)):
        wanted = start + step / fps
        index = _nearest(recording.frames, wanted)
        time = recording.frames[index].time
        if abs(time - wanted) <= reach and start - 1e-9 <= time < end:
            picked[index] = None
    files = (recording.frames[i] for i in sorted(picked))
    return tuple(FrameFile(f.path, round(max(0.0, f.time - start), 6)) for f in files)


def frame_rate(recording: Recording) -> float:
    """Frames per second that can be shown: the native rate, or that of the files on disk when it is lower.

    CholecTrack20 counts frames at 25 per second and ships every 25th, so its rate is 1.
    """
    times = [frame.time for frame in recording.frames[:FILES_TIMED]]
    # The shortest gap, not the mean: holes only lengthen gaps, and most of a sparsely labelled folder is holes.
    gaps = [b - a for a, b in pairwise(times) if b - a > 1e-3]
    on_disk = 1.0 / min(gaps) if gaps else math.inf
    native = recording.native_fps if recording.native_fps > 0 else math.inf
    rate = min(native, on_disk)
    return rate if math.isfinite(rate) else 1.0


def _nearest(frames: Sequence[FrameFile], time: float) -> int:
    """Index of the file nearest to `time`; the earlier of two at the same distance."""
    right = bisect_left(frames, time, key=lambda frame: frame.time)
    if right == 0 or (right < len(frames) and frames[right].time - time < time - frames[right - 1].time):
        return right
    return right - 1


def _fitting_rates(recording: Recording, duration: float, step: float = 0.0) -> list[tuple[float, float]]:
    """(rate, weight) pairs that the recording's frames can serve, that hit every `step`, and that give 8 to 384 frames.

    Wishes that no rate fulfils are dropped, the last first; at the end the rate nearest to 8 to 384 frames is left.
    """
    # without files on disk the native rate limits too: they may come later, and starts must fall on native frames
    limit = math.inf if recording.video else frame_rate(recording) + 1e-9
    served = [(rate, weight) for rate, weight in RATES if rate <= limit] or [(frame_rate(recording), 1.0)]
    served = [(rate, weight) for rate, weight in served if abs(step * rate - round(step * rate)) < 1e-6] or served
    fitting = [(rate, weight) for rate, weight in served if MIN_FRAMES <= duration * rate <= MAX_FRAMES]
    if fitting:
        return fitting
    too_few = duration * max(rate for rate, _ in served) < MIN_FRAMES
    return [max(served) if too_few else min(served)]


def _drawn_rate(rates: Sequence[tuple[float, float]], *key: str | float) -> float:
    mark = draw("fps", *key) * sum(weight for _, weight in rates)
    for rate, weight in rates:
        mark -= weight
        if mark < 0:
            return rate
    return rates[-1][0]
