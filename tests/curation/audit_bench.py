"""Small benchmark folders for the audit tests, written without the build."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medvidbench.arrow import to_table
from medvidbench.benchmark import FORMAT, FORMAT_VERSION, Benchmark
from medvidbench.records import Label, Provenance, Rating, Ratings, Sample


def row(number: int, **changes: Any) -> Sample:
    """A NAP row of its own recording; `changes` are fields of `Sample`."""
    recording = f"VID{number + 200}"
    plain = Sample(
        sample_id=f"{number:024x}",
        clip_id=f"{recording}&&0&&30&&1.0",
        source="CholecT50",
        recording_id=recording,
        group=f"cholect50/{recording}",
        split="train",
        task="NAP",
        qa_type="next_action",
        clip_start=0,
        clip_end=30,
        clip_unit="input_video_frame",
        fps=1.0,
        duration=30.0,
        width=320,
        height=180,
        frame_paths=tuple(f"videos/{recording}/{k:06d}.png" for k in range(30)),
        frame_times=tuple(float(k) for k in range(30)),
        question=f"What comes next? ({number})",
        target="",
        choices=("preparation",),
        region=None,
        answer="preparation",
        truth=Label("preparation"),
        generator="annotations",
        provenance=Provenance("row"),
    )
    return replace(plain, **changes)


def cvs(number: int, split: str, recording: str, values: tuple[int, int, int] = (0, 0, 0)) -> Sample:
    """A CVS row of Cholec80."""
    names = ("Two structures", "Cystic plate", "Hepatocystic triangle")
    ratings = tuple(Rating(name, value) for name, value in zip(names, values, strict=True))
    answer = ", ".join(f"{r.name}: {r.value}" for r in ratings)
    return row(
        number,
        split=split,
        task="CVS",
        qa_type="cvs_assessment",
        source="Cholec80-CVS",
        recording_id=recording,
        group=f"cvs/{recording}",
        answer=answer,
        truth=Ratings(ratings),
    )


def bench(folder: Path, samples: Iterable[Sample], **manifest: Any) -> Benchmark:
    """Writes the samples as a benchmark folder; file names say nothing, as the manifest is what counts."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    ordered = sorted(samples, key=lambda s: (s.split, s.task, s.source))
    for at, (key, group) in enumerate(groupby(ordered, key=lambda s: (s.split, s.task, s.source))):
        rows = list(group)
        pq.write_table(to_table(rows, Sample), folder / f"part{at}.parquet")
        split, task, source = key
        size = (folder / f"part{at}.parquet").stat().st_size
        files.append(
            {"path": f"part{at}.parquet", "split": split, "task": task, "source": source, "rows": len(rows)}
            | {"bytes": size, "sha256": ""}
        )
    files.append({"path": "README.md", "split": "", "task": "", "source": "", "rows": None, "bytes": 0, "sha256": ""})
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, "files": files, "sources": [], **manifest}
    (folder / "manifest.json").write_text(json.dumps(content))
    return Benchmark.open(folder)


def rooted(*sources: tuple[str, Path]) -> list[dict[str, str]]:
    """The manifest's `sources` with their folders."""
    return [{"name": name, "root": str(root)} for name, root in sources]
