"""Takes the frames that samples show out of their videos, each once, into a content-addressed store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from medvidbench.records import Finding, Region, Sample
from medvidbench.video.store import FrameStore
from medvidbench.video.workers import FrameJob, read_many

Video: TypeAlias = tuple[str, str]  # source name, path of the video below the source's folder
FRAMES_A_JOB = 64
"""Frames that one job decodes at most: bounds the memory of a worker."""


def store_frames(
    samples: Sequence[Sample],
    roots: Mapping[str, Path],
    folder: Path,
    progress: Callable[[str], object] | None = None,
    workers: int = 2,
) -> tuple[list[Sample], list[tuple[str, Finding]]]:
    """The samples with `frame_paths` that point into the store at `folder`, and (source name, finding) of bad videos.

    A frame that several questions show is decoded and stored once. The samples of a video that can't be read keep their
    times and get no paths.

    Raises:
        MedVidBenchError: the store can't be written, or PyAV is not installed.
    """
    store = FrameStore(folder)
    times: dict[Video, set[float]] = defaultdict(set)
    for sample in samples:
        if sample.video:
            times[sample.source, sample.video] |= set(_times(sample))
    paths: dict[Video, dict[float, str]] = defaultdict(dict)
    bad: dict[Video, Finding] = {}
    for video, path, finding in _read_all(store, times, roots, workers):
        paths[video].update(path)
        if finding is not None:
            bad.setdefault(video, replace(finding, file=video[1]))
        if progress is not None:
            progress(f"{video[0]} {video[1]}")
    whole = {video: found for video, found in paths.items() if video not in bad}
    stored = [_with_paths(sample, whole.get((sample.source, sample.video), {})) for sample in samples]
    return stored, [(source, finding) for (source, _), finding in bad.items()]


def _read_all(
    store: FrameStore, times: Mapping[Video, set[float]], roots: Mapping[str, Path], workers: int
) -> Iterator[tuple[Video, dict[float, str], Finding | None]]:
    """Each part of each video: its frames' paths by time, or the finding that says why there are none."""
    parts = [
        (video, ordered[i : i + FRAMES_A_JOB])
        for video, wanted in sorted(times.items())
        for ordered in [sorted(wanted)]
        for i in range(0, len(ordered), FRAMES_A_JOB)
    ]
    jobs = (FrameJob(str(roots[source] / video), tuple(part)) for (source, video), part in parts)
    for (video, part), outcome in zip(parts, read_many(jobs, workers=workers), strict=True):
        if outcome.value is None:
            yield video, {}, outcome.finding
            continue
        digests = store.put("/".join(video), outcome.value)
        below = [store.path(digest).relative_to(store.folder).as_posix() for digest in digests]
        yield video, dict(zip(part, below, strict=True)), None


def _times(sample: Sample) -> list[float]:
    """The times of a sample's frames on the recording's axis."""
    return [round(sample.clip_offset + time, 6) for time in sample.frame_times]


def _with_paths(sample: Sample, paths: Mapping[float, str]) -> Sample:
    wanted = _times(sample)
    if not sample.video or not all(time in paths for time in wanted):
        return sample
    region = sample.region
    if region is not None and region.time is not None and wanted:
        at = sample.clip_offset + region.time
        nearest = min(wanted, key=lambda time: abs(time - at))
        region = Region(paths[nearest], region.box, region.time)
    return replace(sample, frame_paths=tuple(paths[time] for time in wanted), region=region)
