"""The caption pairs of a build, from its work folder, for the sheet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import read_rows
from medvidbench.curation.review.items import ReviewItem
from medvidbench.curation.review.pictures import MAX_FRAMES, spread
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample

LATEST = "latest.json"
"""In the work folder: which stages' folders the last build went through."""


def load_items(work: Path) -> Iterator[ReviewItem]:
    """Every caption question that the last build in a work folder validated.

    Raises:
        MedVidBenchError: no build has validated captions there, or its files are damaged.
    """
    for part in _latest(work)["parts"]:
        folder, generated, validated = (work / part[name] for name in ("selected", "generated", "validated"))
        samples = read_rows(folder / "captions-0.parquet", Sample)
        evidence = read_rows(folder / "evidence-0.parquet", Evidence)
        candidates = _by_question(read_rows(generated / "candidates-0.parquet", Candidate))
        verdicts = _by_question(read_rows(validated / "verdicts-0.parquet", Verdict))
        for sample, found in zip(samples, evidence, strict=True):
            key = sample.sample_id
            yield ReviewItem(sample, found, tuple(candidates.get(key, ())), tuple(verdicts.get(key, ())))


def frames_of(work: Path) -> Callable[[Sample], list[tuple[float, bytes]]]:
    """A function that gives a sample's frames, as (seconds from the start of the clip, JPEG or PNG bytes).

    Raises:
        MedVidBenchError: no build has validated captions there; when it is called, frames that can't be read.
    """
    latest = _latest(work)
    roots: Mapping[str, str] = latest["roots"]
    store: str = latest["frame_store"]

    def frames(sample: Sample) -> list[tuple[float, bytes]]:
        root = Path(store) if sample.video and sample.frame_paths else Path(roots[sample.source])
        if sample.frame_paths:
            shown = spread(list(zip(sample.frame_times, sample.frame_paths, strict=True)), MAX_FRAMES)
            return [(time, _bytes(root / path)) for time, path in shown]
        return _from_video(root / sample.video, sample) if sample.video else []

    return frames


def _from_video(path: Path, sample: Sample) -> list[tuple[float, bytes]]:
    from medvidbench.video.decode import read_frames
    from medvidbench.video.store import encode_jpeg

    times = spread(list(sample.frame_times), MAX_FRAMES)
    frames = read_frames(path, [sample.clip_offset + time for time in times])
    return [(time, encode_jpeg(picture)) for time, picture in zip(times, frames.frames, strict=True)]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MedVidBenchError(f"The frame {path} can't be read: {error.strerror}.") from error


def _latest(work: Path) -> dict[str, Any]:
    file = work / LATEST
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        seen = f"{work} holds no validated captions: {LATEST} can't be read ({error})."
        raise MedVidBenchError(
            seen, "the work folder of a build (OUT.work)", "run `medvidbench build` first"
        ) from error
    return found


def _by_question(rows: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.sample_id, []).append(row)
    return found
