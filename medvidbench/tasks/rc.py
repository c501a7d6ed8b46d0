"""RC: region captioning. What does the object in a box do, over an interval?"""

from __future__ import annotations

from collections.abc import Iterator

from medvidbench.records import Box, Caption, FrameFile, Recording, Region, Sample
from medvidbench.tasks.asking import build_sample, first_distinct, plain_number
from medvidbench.tasks.caption import CaptionTask
from medvidbench.tasks.clips import Clip
from medvidbench.tasks.scoring import normal_label
from medvidbench.tasks.timeline import active_labels, on_grid
from medvidbench.tasks.tracks import BoxIndex, Window, asked_times, boxes_by_label, clip_of, is_only_one, windows
from medvidbench.tasks.verbalise import place, region_sentence

SAME_TIME = 0.05
"""Seconds within which a frame shows the moment of a box (half the answer grid)."""


class RegionCaptioning(CaptionTask):
    """Truth: one sentence. Only a judge can score it."""

    name = "RC"
    qa_types = ("region_caption", "region_caption_gpt", "region_caption_gemini", "region_caption_annotations")

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """Questions on windows of tracks; the box is the window's first one that lies on a frame of the clip.

        The question doesn't name the object. The sentence is written from the track's label and the triplets of that
        instrument in the interval, or from the way that the box moves; where a second object of the label is in view
        the triplets could be its, and are left out.
        """
        index = boxes_by_label(recording)
        samples = (self._ask_window(recording, window, index, seed) for window in windows(recording, "RC", seed))
        yield from first_distinct(samples)

    def _ask_window(self, recording: Recording, window: Window, index: BoxIndex, seed: int) -> Sample | None:
        clip = clip_of(recording, window, "RC", seed)
        shown = None if clip is None else _shown_region(clip, window)
        if clip is None or shown is None:
            return None
        time, region = shown
        truth = Caption(_sentence(recording, window, is_only_one(index, window)))
        slots = {
            "box": _written(region.box),
            "time": f"{time:.1f}",
            "start": f"{on_grid(clip, window.start):.1f}",
            "end": f"{on_grid(clip, window.end):.1f}",
        }
        answer = self.write(truth)
        qa_type = "region_caption_annotations"
        label = window.track.label
        return build_sample("RC", qa_type, recording, clip, seed, truth, answer, slots, label, region=region)


def _shown_region(clip: Clip, window: Window) -> tuple[float, Region] | None:
    """When the box is drawn, clip-relative, and on which frame; the path is "" when frames come from a video file."""
    times = asked_times(clip, window)
    if not clip.frames:
        return times[0], Region("", window.boxes[0].box, times[0])
    for time, boxed in zip(times, window.boxes, strict=True):
        frame = _frame_at(clip, time)
        if frame is not None:
            return time, Region(frame.path, boxed.box, time)
    return None


def _frame_at(clip: Clip, time: float) -> FrameFile | None:
    nearest = min(clip.frames, key=lambda frame: abs(frame.time - time))
    return nearest if abs(nearest.time - time) <= SAME_TIME + 1e-9 else None


def _sentence(recording: Recording, window: Window, alone: bool) -> str:
    name, until = window.track.label, window.end + window.step
    deeds: list[str] = []
    if alone:
        triplets = active_labels(recording, "triplet", window.start, until)
        deeds = [t for t in triplets if t.count(",") == 2 and normal_label(t.split(",")[0]) == normal_label(name)]
    phases = active_labels(recording, "phase", window.start, until)
    first, last = (place(b.box, recording.width, recording.height) for b in (window.boxes[0], window.boxes[-1]))
    return region_sentence(name, deeds, phases[0] if len(phases) == 1 else "", first, last)


def _written(box: Box) -> str:
    return "[" + ", ".join(plain_number(v) for v in (box.x1, box.y1, box.x2, box.y2)) + "]"
