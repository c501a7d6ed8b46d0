"""Small pictures for the page: a bounded number of frames, from frame files or out of the videos.

Only on demand: a report is passed on more easily than a benchmark, and its pictures may be of patients.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.report.inputs import Item, ReportInput
from medvidbench.evaluation.report.redact import Corners, NamedRegion, blacken, find_text, scaled, standing
from medvidbench.evaluation.report.wording import headline_metric
from medvidbench.records import BoxTrack, Sample

QUALITY = 72
FRAMES_AT_ONCE = 16
"""Frames that are decoded together at most: bounds the memory."""
T = TypeVar("T")
Film: TypeAlias = tuple[str, str]
"""Source and recording (or video): what is filmed with one overlay on it."""


@dataclass(frozen=True)
class FrameOptions:
    """Which frames a page gets.

    Attributes:
        per_sample, most_frames, most_bytes: bounds; the samples with the lowest scores of every task and source come
            first.
        width: pixels of a thumbnail.
        redact: whether to look for burnt-in text and blacken it.
        regions: to blacken in any case.
    """

    per_sample: int = 8
    most_frames: int = 800
    most_bytes: int = 25_000_000
    width: int = 400
    redact: bool = False
    regions: tuple[NamedRegion, ...] = ()


@dataclass(frozen=True)
class Thumbnails:
    """JPEG pictures in base64; per sample, (time in the clip, number of its picture), ascending.

    `sizes` are (width, height) of each sample's original frames, which the data doesn't always tell. `note` is for the
    page. `problems` name files, with their folders, and are for the user alone.
    """

    pictures: list[str] = field(default_factory=list)
    by_sample: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    note: str = ""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """One frame of a film: the file, or the video and the time on the recording's axis."""

    film: Film
    path: str
    time: float | None


@dataclass(frozen=True)
class Picture:
    """A thumbnail's JPEG bytes and the size of the frame that it was made from."""

    jpeg: bytes
    size: tuple[int, int]


@dataclass(frozen=True)
class _Small:
    """A shrunken frame with the size of the original and what was found on it."""

    one: Wanted
    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    found: list[Corners]


def collect_frames(report: ReportInput, options: FrameOptions) -> Thumbnails:
    """Choose, read, redact and shrink.

    Raises:
        MedVidBenchError: the data is not at hand, or is no benchmark folder (a JSON file doesn't say where frames are).
    """
    if report.data is None or not Path(report.data.path).is_dir():
        raise MedVidBenchError(
            "Frames need the benchmark folder.", "a folder written by `medvidbench build`", "pass it with --data"
        )
    plan = _plan(report, Benchmark.open(Path(report.data.path)), options)
    pictures, problems, blackened = _read_all({w for frames in plan.values() for _, w in frames}, options)
    shown, encoded = _within(plan, {one: picture.jpeg for one, picture in pictures.items()}, options.most_bytes)
    sizes = {i: next(pictures[one].size for _, one in plan[i] if one in pictures) for i in shown}
    counts = f"{len(encoded)} frames of {len(shown)} of {len(report.items)} samples"
    return Thumbnails(encoded, shown, sizes, _note(counts, len(problems), blackened, options), problems)


def _plan(report: ReportInput, benchmark: Benchmark, options: FrameOptions) -> dict[str, list[tuple[float, Wanted]]]:
    plan: dict[str, list[tuple[float, Wanted]]] = {}
    seen: set[Wanted] = set()
    for item in worst_first(report.items, report.results.metrics):
        frames = _wanted(item.sample, benchmark, options.per_sample) if item.sample else []
        if len(seen | {w for _, w in frames}) > options.most_frames:
            break
        if frames:
            plan[item.row["sample_id"]] = frames
            seen.update(w for _, w in frames)
    return plan


def worst_first(items: Sequence[Item], metrics: Mapping[str, object]) -> list[Item]:
    """The lowest score of each task and source, then the second lowest of each, and so on; without a number last."""
    queues: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        queues[item.row["task"], item.row["source"]].append(item)
    for queue in queues.values():
        queue.sort(key=lambda item: (_score(item, metrics), item.row["sample_id"]))
    rounds = max(map(len, queues.values()), default=0)
    return [queue[n] for n in range(rounds) for _, queue in sorted(queues.items()) if n < len(queue)]


def _score(item: Item, metrics: Mapping[str, object]) -> float:
    name = headline_metric(item.row, metrics)
    value = next((n["value"] for n in item.row["numbers"] if n["name"] == name), None)
    return float("inf") if value is None or value != value else float(value)


def chosen_frames(sample: Sample, most: int) -> list[int]:
    """Positions in `frame_times`: near the true boxes, at the region, else spread evenly over the clip."""
    times = np.asarray(sample.frame_times)
    if not len(times):
        return []
    moments: list[float] = []
    if isinstance(sample.truth, BoxTrack) and sample.truth.boxes:
        moments = [box.time for box in _spread(sample.truth.boxes, most)]
    elif sample.region is not None and sample.region.time is not None:
        moments = [sample.region.time]
    near = [int(np.abs(times - moment).argmin()) for moment in moments]
    rest = _spread(range(len(times)), most)
    return sorted(dict.fromkeys([*near, *(rest if len(near) < most else [])][:most]))


def _spread(values: Sequence[T], most: int) -> list[T]:
    if len(values) <= most:
        return list(values)
    return [values[i] for i in np.linspace(0, len(values) - 1, most).round().astype(int)]


def _wanted(sample: Sample, benchmark: Benchmark, most: int) -> list[tuple[float, Wanted]]:
    positions = chosen_frames(sample, most)
    film = (sample.source, sample.video or sample.recording_id)
    if sample.frame_paths and len(sample.frame_paths) == len(sample.frame_times):
        return [(sample.frame_times[i], Wanted(film, str(benchmark.frame_file(sample, i)), None)) for i in positions]
    if not sample.video:
        return []
    video = str(benchmark.frame_root(sample.source) / sample.video)
    return [
        (t, Wanted(film, video, round(sample.clip_offset + t, 6))) for t in (sample.frame_times[i] for i in positions)
    ]


def _read_all(wanted: set[Wanted], options: FrameOptions) -> tuple[dict[Wanted, Picture], list[str], int]:
    """Thumbnails by frame; what could not be read; frames on which something was blackened."""
    films: dict[Film, list[Wanted]] = defaultdict(list)
    for one in sorted(wanted, key=lambda w: (w.film, w.path, w.time or 0.0)):
        films[one.film].append(one)
    pictures: dict[Wanted, Picture] = {}
    problems: list[str] = []
    blackened = 0
    for film, frames in films.items():
        small: list[_Small] = []
        for one, frame in _decode(frames, problems):
            size = (frame.shape[1], frame.shape[0])
            found = find_text(frame) if options.redact else []
            small.append(_Small(one, _shrunk(frame, options.width), size, found))
        everywhere = standing([item.found for item in small])
        for item in small:
            named = [r.on(item.size) for r in options.regions if r.source in ("", film[0])]
            boxes = [*named, *item.found, *everywhere]
            blackened += bool(boxes)
            pictures[item.one] = Picture(_jpeg(item, boxes), item.size)
    return pictures, problems, blackened


def _decode(frames: Sequence[Wanted], problems: list[str]) -> Iterator[tuple[Wanted, NDArray[np.uint8]]]:
    from medvidbench.video.folder import read_picture
    from medvidbench.video.readers import DEFAULT_READER, read_with

    files = [one for one in frames if one.time is None]
    for one in files:
        try:
            yield one, read_picture(Path(one.path))
        except MedVidBenchError as error:
            problems.append(error.seen)
    timed = [one for one in frames if one.time is not None]
    for start in range(0, len(timed), FRAMES_AT_ONCE):
        part = timed[start : start + FRAMES_AT_ONCE]
        try:
            read = read_with(DEFAULT_READER, part[0].path, [one.time or 0.0 for one in part])
        except MedVidBenchError as error:
            problems.append(error.seen)
            continue
        yield from zip(part, read.frames, strict=True)


def _shrunk(frame: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    from PIL import Image

    if frame.shape[1] <= width:
        return frame
    image = Image.fromarray(frame)
    image.thumbnail((width, 10 * width), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _jpeg(item: _Small, boxes: Sequence[Corners]) -> bytes:
    from medvidbench.video.store import encode_jpeg

    to = (item.pixels.shape[1], item.pixels.shape[0])
    return encode_jpeg(blacken(item.pixels, scaled(boxes, item.size, to)), QUALITY)


def _within(
    plan: Mapping[str, Sequence[tuple[float, Wanted]]], pictures: Mapping[Wanted, bytes], most: int
) -> tuple[dict[str, list[tuple[float, int]]], list[str]]:
    """The samples whose pictures fit into `most` bytes, in the order of the plan; a shared picture counts once."""
    numbers: dict[Wanted, int] = {}
    shown: dict[str, list[tuple[float, int]]] = {}
    encoded: list[str] = []
    used = 0
    for sample_id, frames in plan.items():
        there = [(time, one) for time, one in frames if one in pictures]
        new = {one: base64.b64encode(pictures[one]).decode("ascii") for _, one in there if one not in numbers}
        used += sum(map(len, new.values()))
        if used > most:
            break
        for one, text in new.items():
            numbers[one] = len(encoded)
            encoded.append(text)
        if there:
            shown[sample_id] = sorted((round(time, 3), numbers[one]) for time, one in there)
    return shown, encoded


def _note(counts: str, problems: int, blackened: int, options: FrameOptions) -> str:
    parts = [f"{counts}, the lowest scores of every task and source first."]
    if options.redact or options.regions:
        how = "by a simple detector of text near the borders" if options.redact else "in the regions named"
        parts.append(f"Something was blackened on {blackened} frames {how}: no guarantee of de-identification.")
    if problems:
        parts.append(f"Frames from {problems} places could not be read.")
    return " ".join(parts)
