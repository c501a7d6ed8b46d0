"""What the rows say about each recording: its sides, its groups, its video and a thin choice of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from medvidbench.curation.audit.scan import Batch, Place

Key: TypeAlias = tuple[str, str, str]  # split, source, recording id
STEPS = {"train": 10.0, "test": 1.0}
"""Seconds between the frames that are compared. Dense on the small side: of a copy that begins some seconds later, some
frame then lies within half a second of each of the other side's."""


@dataclass
class SeenRecording:
    """One recording on one side.

    Attributes:
        groups: values of the column `group`.
        videos: paths of its videos, relative to the source's folder.
        frames: by slot of the time grid, the frame file nearest to it: (distance in s, time in s, path).
        in_store: the frame files lie in the frame store.
    """

    split: str
    source: str
    recording_id: str
    rows: int = 0
    groups: set[str] = field(default_factory=set)
    videos: set[str] = field(default_factory=set)
    frames: dict[int, tuple[float, float, str]] = field(default_factory=dict)
    in_store: bool = False

    @property
    def name(self) -> str:
        """Source and id, as a report names it."""
        return f"{self.source} {self.recording_id}"


class Recordings:
    """Tally of `SeenRecording`s by side, source and id."""

    columns = ("recording_id", "group", "video", "clip_offset", "frame_times", "frame_paths")

    def __init__(self) -> None:
        self.found: dict[Key, SeenRecording] = {}

    def add(self, batch: Batch, place: Place) -> None:
        """Counts rows, groups and videos; keeps the frame nearest to each slot of the grid."""
        kinds = batch.group_by(["recording_id", "group", "video"]).aggregate([([], "count_all")]).to_pylist()
        for kind in kinds:
            seen = self._of(place, kind["recording_id"])
            seen.rows += kind["count_all"]
            seen.groups.add(kind["group"])
            if kind["video"]:
                seen.videos.add(kind["video"])
                seen.in_store = True
        self._add_frames(batch, place)

    def _of(self, place: Place, recording_id: str) -> SeenRecording:
        key = (place.split, place.source, recording_id)
        return self.found.setdefault(key, SeenRecording(*key))

    def _add_frames(self, batch: Batch, place: Place) -> None:
        import pyarrow.compute as pc

        paths, times = batch["frame_paths"].combine_chunks(), batch["frame_times"].combine_chunks()
        counts = pc.list_value_length(paths).to_numpy(zero_copy_only=False)
        # A row whose paths and times don't pair up is counted elsewhere; here it has no frames with times.
        usable = (counts > 0) & (counts == pc.list_value_length(times).to_numpy(zero_copy_only=False))
        rows = np.flatnonzero(usable)
        if not len(rows):
            return
        own = batch.take(rows)
        flat = own["frame_paths"].combine_chunks().flatten()
        at = own["frame_times"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        row_of = np.repeat(np.arange(len(rows)), counts[rows])
        at = at + own["clip_offset"].to_numpy()[row_of]
        names = own["recording_id"].combine_chunks().dictionary_encode()
        codes = names.indices.to_numpy(zero_copy_only=False)[row_of]
        step = STEPS[place.split]
        slots = np.rint(at / step).astype(np.int64)
        gaps = np.abs(at - slots * step)
        order = np.lexsort((gaps, slots, codes))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(codes[order]) != 0) | (np.diff(slots[order]) != 0)
        for index, path in zip(order[first], flat.take(order[first]).to_pylist(), strict=True):
            frames = self._of(place, names.dictionary[int(codes[index])].as_py()).frames
            found = (float(gaps[index]), float(at[index]), path)
            slot = int(slots[index])
            if slot not in frames or found < frames[slot]:
                frames[slot] = found
