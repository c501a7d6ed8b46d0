"""From a recording and a caption question to what the annotations say about the question's clip.

A build asks this for some 10^5 questions, so a recording is indexed once (`Gatherer`) and each question looks only at
what lies in its clip. Nothing is made up between two annotations: a box is shown on a frame when it was drawn on that
frame or nearer to it than to any other annotated one, never interpolated.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

from medvidbench.curation.evidence import MAX_MOMENTS, Evidence, LabelSet, Moment, NamedLabel, SeenBox
from medvidbench.records import Box, Event, Recording, Sample, Segment, Track
from medvidbench.tasks.tracks import usable_box

LONGEST_REACH = 0.5
"""Seconds that a box may be off at most, however sparse the annotation: hands and instruments move."""
SAME_TIME = 0.05
"""Seconds within which a frame shows the moment of a region's box (half the answer grid)."""
_INTERVAL = re.compile(r"from (\d+(?:\.\d+)?) to (\d+(?:\.\d+)?) seconds")


class Gatherer:
    """One recording, indexed for `gather`."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._boxes = _by_time(recording)
        self._box_times = [time for time, _, _, _ in self._boxes]
        self._segments = sorted(recording.segments, key=lambda s: (s.start, s.end, s.kind, s.label))
        self._starts = [segment.start for segment in self._segments]
        # the latest end so far never falls, so that it can be searched although the ends themselves can't
        self._latest_ends = list(accumulate((segment.end for segment in self._segments), max))
        self._vocabulary = _vocabulary(recording)

    def gather(self, sample: Sample) -> Evidence:
        """What the annotations say about one question's clip; times clip-relative, on the 0.1 s grid for intervals.

        `moments` are the shown frames (the sampling grid where a recording has none on disk), at most `MAX_MOMENTS`:
        the first, the last, and others evenly between. For RC the region's frame is among them, and those between are
        spread over the interval that the question asks about, which can be seconds out of minutes.
        """
        start, duration = sample.clip_offset, clip_duration(sample)
        inside = self._inside(start, start + duration)
        times = _moment_times(sample, duration)
        paths = dict(zip(sample.frame_times, sample.frame_paths, strict=False))
        return Evidence(
            sample_id=sample.sample_id,
            source=sample.source,
            recording_id=sample.recording_id,
            procedure=self.recording.procedure.strip(),
            duration=duration,
            moments=tuple(self._moment(time, start + time, paths.get(time, ""), inside) for time in times),
            segments=tuple(cut for s in inside if (cut := _cut(s, start, duration)) is not None),
            vocabulary=self._vocabulary,
            transcript=tuple(_heard(self.recording.transcript, start, duration)),
            video_title=self.recording.procedure.strip(),
        )

    def _inside(self, start: float, end: float) -> list[Segment]:
        """The segments that overlap [start, end) of the recording's axis."""
        first, last = bisect_right(self._latest_ends, start), bisect_left(self._starts, end)
        return [segment for segment in self._segments[first:last] if segment.end > start]

    def _moment(self, time: float, at: float, path: str, inside: Sequence[Segment]) -> Moment:
        labels = sorted({(s.kind, s.label) for s in inside if s.start <= at + 1e-6 < s.end})
        return Moment(time, path, self._seen(at), tuple(NamedLabel(*pair) for pair in labels))

    def _seen(self, at: float) -> tuple[SeenBox, ...]:
        """The box of every track at a time of the recording's axis; of two equally near the earlier."""
        low = bisect_left(self._box_times, at - LONGEST_REACH - 1e-6)
        high = bisect_right(self._box_times, at + LONGEST_REACH + 1e-6)
        nearest: dict[int, tuple[float, Box]] = {}
        for time, number, reach, box in self._boxes[low:high]:
            off = abs(time - at)
            if off <= reach + 1e-6 and (number not in nearest or off < nearest[number][0] - 1e-9):
                nearest[number] = (off, box)
        tracks = self.recording.tracks
        return tuple(SeenBox(tracks[n].label, tracks[n].track_id, nearest[n][1]) for n in sorted(nearest))


def gather(recording: Recording, sample: Sample) -> Evidence:
    """`Gatherer(recording).gather(sample)`, for one question."""
    return Gatherer(recording).gather(sample)


def clip_duration(sample: Sample) -> float:
    """Length of the clip in seconds; to the end of the last frame shown where the sample doesn't say."""
    if sample.duration is not None:
        return sample.duration
    return sample.frame_times[-1] + 1.0 / sample.fps if sample.frame_times else 0.0


def asked_interval(sample: Sample) -> tuple[float, float]:
    """The seconds that a question is about: "from 2.0 to 7.0 seconds" in it, else the whole clip."""
    found = _INTERVAL.search(sample.question)
    if found is None:
        return 0.0, clip_duration(sample)
    return float(found[1]), float(found[2])


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the positions 0 ... count - 1, evenly spread, the first and the last among them.

    >>> evenly(10, 4)
    [0, 3, 6, 9]
    >>> evenly(3, 12)
    [0, 1, 2]
    """
    if count <= most:
        return list(range(count))
    if most == 1:
        return [0]
    return [math.floor(i * (count - 1) / (most - 1) + 0.5) for i in range(most)]


# --- moments ---------------------------------------------------------------------------------------


def _moment_times(sample: Sample, duration: float) -> list[float]:
    shown = list(sample.frame_times) or _grid(duration, sample.fps)
    if sample.region is None or sample.region.time is None or not shown:
        return [shown[i] for i in evenly(len(shown), MAX_MOMENTS)]
    return _region_times(shown, _region_frame(shown, sample.region.time, bool(sample.frame_paths)), sample)


def _grid(duration: float, fps: float) -> list[float]:
    return [round(k / fps, 6) for k in range(math.ceil(duration * fps - 1e-9))]


def _region_frame(shown: Sequence[float], time: float, on_disk: bool) -> float:
    """The frame that a region is drawn on; a video has one at any time, a folder only those it shows."""
    nearest = min(shown, key=lambda t: abs(t - time))
    return nearest if on_disk or abs(nearest - time) <= SAME_TIME + 1e-9 else time


def _region_times(shown: Sequence[float], region: float, sample: Sample) -> list[float]:
    start, end = asked_interval(sample)
    fixed = {shown[0], shown[-1], region}
    asked = [t for t in shown if start - 1e-6 <= t <= end + 1e-6 and t not in fixed]
    free = MAX_MOMENTS - len(fixed)
    return sorted(fixed.union(asked[i] for i in evenly(len(asked), free)))


# --- the index -------------------------------------------------------------------------------------


def _by_time(recording: Recording) -> list[tuple[float, int, float, Box]]:
    """(time, track, reach, box) of every box that shows, cut to the frame as in the questions; ascending in time."""
    reaches = [_reach(track, recording.native_fps) for track in recording.tracks]
    boxes = ((n, timed.time, timed.box) for n, track in enumerate(recording.tracks) for timed in track.boxes)
    usable = ((n, time, usable_box(recording, box)) for n, time, box in boxes)
    rows = [(time, n, reaches[n], box) for n, time, box in usable if box is not None]
    return sorted(rows, key=lambda row: row[:2])


def _reach(track: Track, native_fps: float) -> float:
    """Half the usual distance of the track's boxes; half a native frame for a track of one box (a frame on its own)."""
    gaps = [b.time - a.time for a, b in pairwise(track.boxes)]
    native = 1.0 / native_fps if native_fps > 0 else 0.0
    return min(LONGEST_REACH, (median(gaps) if gaps else native) / 2)


def _vocabulary(recording: Recording) -> tuple[LabelSet, ...]:
    sets = [LabelSet(kind, tuple(labels)) for kind, labels in recording.labels]
    objects = tuple(sorted({track.label for track in recording.tracks}))
    return (*sets, LabelSet("object", objects)) if objects else tuple(sets)


# --- cutting to the clip ---------------------------------------------------------------------------


def _cut(segment: Segment, start: float, duration: float) -> Segment | None:
    first, last = _gridded(segment.start, segment.end, start, duration)
    return Segment(first, last, segment.label, segment.kind) if last > first else None


def _heard(transcript: Sequence[Event], start: float, duration: float) -> list[Event]:
    """What is said in the clip; the text of a sentence that is cut stays whole, since nothing says which words go."""
    found = []
    for event in transcript:
        if event.start < start + duration and event.end > start:
            first, last = _gridded(event.start, event.end, start, duration)
            found += [Event(first, last, event.caption)] if last > first else []
    return sorted(found, key=lambda event: (event.start, event.end))


def _gridded(first: float, last: float, start: float, duration: float) -> tuple[float, float]:
    return (round(min(max(first - start, 0.0), duration), 1), round(min(max(last - start, 0.0), duration), 1))
