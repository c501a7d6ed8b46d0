"""The frames that a question shows: which ones, and how a worker process gets them.

A frame of a video is decoded once and kept in a store that all models and runs share, under the video's fingerprint
and the frame's own time. Frame files of a source are read where they lie. Times that leave here are those of the frames
themselves, in seconds from the start of the clip.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.models.settings import EvalSettings, View
from medvidbench.records import FrameFile, Region, Sample
from medvidbench.video.frames import FrameSet
from medvidbench.video.sampling import evenly_spread


class Shrink(Protocol):
    """Makes frames smaller in the worker, so that less travels between processes; must be picklable."""

    def __call__(self, frames: FrameSet) -> FrameSet:
        """The frames as the model's adapter would resize them."""


@dataclass(frozen=True)
class ClipJob:
    """What a worker needs to get one question's frames.

    Attributes:
        place: the folder that `paths` or `video` are relative to.
        times: seconds from the start of the clip, one a frame wanted.
        offset: where the clip starts on the recording's axis, seconds.
        size: (width, height) of the original frame, or None.
        store: folder of the shared frame store, "" for none.
    """

    sample_id: str
    place: str
    paths: tuple[str, ...]
    video: str
    times: tuple[float, ...]
    offset: float
    size: tuple[int, int] | None
    region: Region | None
    view: View
    seed: int
    store: str
    shrink: Shrink | None = None

    def __str__(self) -> str:
        return self.video or (self.paths[0] if self.paths else self.sample_id)


def clip_job(sample: Sample, place: Path, store: Path | None, settings: EvalSettings, shrink: Shrink | None) -> ClipJob:
    """The job for one sample under the settings.

    Raises:
        MedVidBenchError: the sample has frames neither on disk nor in a video.
    """
    if settings.view != "none" and not sample.frame_paths and not sample.video:
        raise MedVidBenchError(
            f"The frames of {sample.clip_id} ({sample.source}) are not on disk.",
            remedy="build the benchmark again with the videos beside the annotations",
        )
    times, paths = _shown(sample, settings)
    size = (sample.width, sample.height) if sample.width and sample.height else None
    return ClipJob(
        sample_id=sample.sample_id,
        place=str(place),
        paths=paths,
        video="" if sample.frame_paths else sample.video,
        times=times,
        offset=sample.clip_offset,
        size=size,
        region=sample.region if settings.draw_region else None,
        view=settings.view,
        seed=settings.seed,
        store=str(store or ""),
        shrink=shrink,
    )


def _shown(sample: Sample, settings: EvalSettings) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Times and paths (empty for a video) of the frames to show."""
    if settings.view == "none":
        return (), ()
    times = sample.frame_times
    if settings.fps and sample.video and not sample.frame_paths and sample.duration:
        count = max(1, math.ceil(sample.duration * settings.fps - 1e-9))
        times = tuple(round(k / settings.fps, 6) for k in range(count))
        kept = list(range(count))
    else:
        kept = thinned(times, settings.fps)
    if settings.view == "middle":
        kept = [kept[len(kept) // 2]] if kept else []
    elif settings.frames is not None and len(kept) > settings.frames:
        kept = _with_region_frame([kept[place] for place in evenly_spread(len(kept), settings.frames)], sample, times)
    return tuple(times[k] for k in kept), tuple(sample.frame_paths[k] for k in kept) if sample.frame_paths else ()


def _with_region_frame(kept: list[int], sample: Sample, times: Sequence[float]) -> list[int]:
    """The same number of frames, the one that the region's box belongs to among them."""
    if sample.region is None or sample.region.time is None:
        return kept
    at = sample.region.time
    own = min(range(len(times)), key=lambda k: abs(times[k] - at))
    if own in kept:
        return kept
    nearest = min(range(len(kept)), key=lambda place: abs(times[kept[place]] - at))
    return sorted([*kept[:nearest], own, *kept[nearest + 1 :]])


def thinned(times: Sequence[float], fps: float | None) -> list[int]:
    """Positions of the frames that lie nearest to a grid of `fps`, each once; all for None.

    >>> thinned([0.0, 0.5, 1.0, 1.5, 2.0], 1.0)
    [0, 2, 4]
    """
    if not fps or not times:
        return list(range(len(times)))
    at = np.asarray(times)
    grid = np.arange(math.floor((times[-1] - times[0]) * fps + 1e-6) + 1) / fps + times[0]
    nearest = np.abs(at[None, :] - grid[:, None]).argmin(axis=1) if len(at) * len(grid) < 4_000_000 else range(len(at))
    return sorted({int(place) for place in nearest})


def load_clip(job: ClipJob) -> FrameSet:
    """The frames of a job, the region drawn at full size, shuffled or shrunk as asked (runs in a worker).

    Raises:
        MedVidBenchError: a frame is missing, damaged or lies in a hole, or a video can't be read.
    """
    if not job.times:
        width, height = job.size or (0, 0)
        return FrameSet(np.empty((0, height, width, 3), np.uint8), np.empty(0), (width, height))
    if not job.store:
        return _made(job)
    return _kept_or_made(job)


def _kept_or_made(job: ClipJob) -> FrameSet:
    """From the cache of shrunken clips, or made and, where frames travel as JPEG files, kept."""
    from medvidbench.evaluation import clip_cache
    from medvidbench.models.shrinking import JpegFrames

    try:
        key = clip_cache.clip_key(job)
    except OSError:
        return _made(job)  # which says what is missing
    found = clip_cache.load(Path(job.store), key)
    if found is not None:
        return found
    frames = _made(job)
    if isinstance(frames, JpegFrames):
        clip_cache.save(Path(job.store), key, frames)
    return frames


def _made(job: ClipJob) -> FrameSet:
    frames = _from_video(job) if job.video else _from_files(job)
    frames = FrameSet(
        frames.frames, np.round(frames.t_seconds - job.offset, 6) if job.video else frames.t_seconds, frames.size
    )
    if job.region is not None:
        frames = _with_region(frames, job.region, job.size or frames.size)
    if job.view == "shuffled":
        frames = _shuffled(frames, f"{job.seed}/{job.sample_id}")
    return job.shrink(frames) if job.shrink is not None else frames


def _from_files(job: ClipJob) -> FrameSet:
    from medvidbench.video.folder import read_frame_files

    files = [FrameFile(path, time) for path, time in zip(job.paths, job.times, strict=True)]
    return read_frame_files(files, job.times, root=job.place, tolerance=1e-6)


def _from_video(job: ClipJob) -> FrameSet:
    from medvidbench.video.decode import read_frames
    from medvidbench.video.index_cache import fingerprint, index_of
    from medvidbench.video.store import FrameStore

    path = Path(job.place) / job.video
    wanted = [job.offset + time for time in job.times]
    if not job.store:
        return read_frames(path, wanted)
    folder = Path(job.store)
    index = index_of(path, folder / "index")
    store, key = FrameStore(folder), fingerprint(path)
    shown = index.times[index.numbers_at(wanted)]
    known = store.times(key)
    missing = sorted({time for time in shown.tolist() if _micro(time) not in known})
    if missing:
        store.put(key, read_frames(path, missing))
        known = store.times(key)
    pictures = {time: store.frame(known[_micro(time)]) for time in dict.fromkeys(shown.tolist())}
    return FrameSet(np.stack([pictures[time] for time in shown.tolist()]), shown, index.size)


def _micro(time: float) -> float:
    """A time as the store gives it back: whole microseconds."""
    return round(time * 1_000_000) / 1e6


def _with_region(frames: FrameSet, region: Region, original: tuple[int, int]) -> FrameSet:
    """The box on the frame nearest to its time (the first frame when the data don't tell)."""
    from medvidbench.video.overlay import draw_region

    place = 0 if region.time is None else int(np.argmin(np.abs(frames.t_seconds - region.time)))
    pictures = frames.frames.copy()
    pictures[place] = draw_region(pictures[place], region.box, original)
    return FrameSet(pictures, frames.t_seconds, frames.size)


def _shuffled(frames: FrameSet, seed: str) -> FrameSet:
    """Pictures in a wrong order at the right times: what a model knows without the order of things."""
    order = list(range(len(frames)))
    random.Random(hashlib.sha256(seed.encode()).hexdigest()).shuffle(order)
    return FrameSet(frames.frames[order], frames.t_seconds, frames.size)
