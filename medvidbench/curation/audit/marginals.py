"""How long, how fast, how balanced: the benchmark's marginals beside the published ones (arXiv 2512.06581)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.curation.audit.scan import Batch, Place
from medvidbench.records import TASK_NAMES

PUBLISHED = {
    "answers up to 5 words": 0.281,
    "answers above 20 words": 0.518,
    "0.5 frames/s": 0.633,
    "1 frame/s": 0.220,
    "2 frames/s": 0.075,
}
"""Shares of rows in the published benchmark."""
PUBLISHED_RANGES = {"answer words": (1, 1170), "clip seconds": (20.0, 1800.0), "frames/s": (0.1, 3.0)}
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_NUMBERS = ("words", "seconds", "fps", "frames")
_TARGETS = ("TAG", "STG", "RC")
_TASKS: list[str] = list(TASK_NAMES)


class Marginals:
    """Tally of lengths and rates: four numbers a row, 13 MB for 531,850 rows."""

    columns = ("answer", "duration", "fps", "frame_times", "frame_paths", "video")

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_NUMBERS, "task")}
        self.without_frames = self.without_files = self.short_of_frames = 0

    def add(self, batch: Batch, place: Place) -> None:
        """Takes the numbers of one batch."""
        import pyarrow.compute as pc

        words = pc.fill_null(pc.count_substring_regex(batch["answer"], r"\S+"), -1).to_numpy()
        seconds = pc.fill_null(batch["duration"], np.nan).to_numpy()
        fps = batch["fps"].to_numpy()
        frames = pc.list_value_length(batch["frame_times"]).to_numpy()
        files = pc.list_value_length(batch["frame_paths"]).to_numpy()
        in_video = pc.utf8_length(batch["video"]).to_numpy() > 0
        parts = {"words": words, "seconds": seconds, "fps": fps, "frames": frames}
        for name, values in parts.items():
            self._parts[name].append(values.astype(np.float32 if name in ("seconds", "fps") else np.int32))
        self._parts["task"].append(np.full(len(fps), _TASKS.index(place.task), np.int8))
        self.without_frames += int((frames == 0).sum())
        self.without_files += int(((files == 0) & ~in_video).sum())
        # One frame of slack: whether the last instant of a clip has a frame is a matter of rounding.
        self.short_of_frames += int((frames + 1 < np.floor(np.nan_to_num(seconds) * fps)).sum())

    def values(self, name: str, task: str | None = None) -> NDArray[Any]:
        """All known values of "words", "seconds", "fps" or "frames"; of one task, or of all."""
        parts = self._parts[name]
        every = np.concatenate(parts) if parts else np.empty(0, np.float32)
        known = every >= 0  # also false for nan
        if task is not None:
            tasks = np.concatenate(self._parts["task"]) if parts else np.empty(0, np.int8)
            known &= tasks == _TASKS.index(task)
        return every[known]

    def shares(self) -> dict[str, float | None]:
        """The published shares, measured here; None without rows."""
        words, fps = self.values("words"), self.values("fps")
        found = {
            "answers up to 5 words": words <= 5,
            "answers above 20 words": words > 20,
            **{name: np.isclose(fps, float(name.split()[0]), atol=1e-3) for name in list(PUBLISHED)[2:]},
        }
        return {name: float(hits.mean()) if len(hits) else None for name, hits in found.items()}

    def quantiles(self) -> dict[str, dict[str, list[float] | None]]:
        """Minimum, quartiles and maximum of each number, by task and over "all"."""
        return {
            name: {
                key: _quantiles(self.values(name, task))
                for key, task in (("all", None), *zip(_TASKS, _TASKS, strict=True))
            }
            for name in _NUMBERS
        }


def _quantiles(values: NDArray[Any]) -> list[float] | None:
    return [round(float(q), 4) for q in np.quantile(values, QUANTILES)] if len(values) else None


class Balance:
    """Tally of rows, labels and generators by task and source."""

    columns = ("target", "answer", "generator", "truth.ratings.ratings", "provenance.decision", "provenance.similarity")

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str, str]] = Counter()
        self.generators: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.labels: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.decisions: Counter[str] = Counter()
        self.similarity: list[NDArray[np.float32]] = []

    def add(self, batch: Batch, place: Place) -> None:
        """Counts one batch."""
        import pyarrow.compute as pc

        key = (place.task, place.source)
        self.rows[place.split, place.task, place.source] += batch.num_rows
        self.generators[key].update(_counts(batch["generator"]))
        if place.task in _TARGETS:
            self.labels[key].update(_counts(batch["target"]))
        elif place.task == "NAP":
            self.labels[key].update(_counts(batch["answer"]))
        elif place.task in ("SA", "CVS"):
            ratings = pc.struct_field(batch["truth"], ["ratings", "ratings"]).combine_chunks().flatten().to_pylist()
            self.labels[key].update(f"{rating['name']}: {rating['value']}" for rating in ratings)
        self.decisions.update(_counts(pc.struct_field(batch["provenance"], ["decision"])))
        similar = pc.struct_field(batch["provenance"], ["similarity"]).drop_null()
        if len(similar):
            self.similarity.append(similar.to_numpy().astype(np.float32))


def _counts(column: Any) -> dict[str, int]:
    import pyarrow.compute as pc

    return {str(item["values"]): item["counts"] for item in pc.value_counts(column).to_pylist() if item["values"]}
