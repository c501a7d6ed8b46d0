"""`medvidbench score`."""

from __future__ import annotations

import os
from pathlib import Path

from medvidbench.commands.common import (
    parse_protocol,
    parse_sources,
    parse_split,
    parse_tasks,
    print_results,
    without_collector,
)
from medvidbench.errors import MedVidBenchError


def run(
    predictions: Path,
    data: Path | None,
    protocol: str | None,
    out: Path | None,
    model: str | None,
    by_position: bool,
    split: str,
    tasks: str | None,
    sources: str | None,
    written_by: str | None = None,
    answers: Path | None = None,
) -> None:
    """Load, join, score, print; write `out` and its row file when asked."""
    # scoring multiplies no large matrix: BLAS threads would only spin, a tenth of the CPU time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from medvidbench.evaluation.score_file import score_file

    chosen = parse_protocol(protocol)
    if out is not None and out.is_dir():
        raise MedVidBenchError(f"--out {out} is a folder.", "a file name, e.g. results.json")
    with without_collector():
        scored = score_file(
            predictions,
            data,
            chosen,
            model=model,
            by_position=by_position,
            split=parse_split(split),
            tasks=parse_tasks(tasks),
            sources=parse_sources(sources),
            written_by=written_by,
            answers=answers,
        )
        if out is not None:
            scored.write(out)
    print_results(scored.results)
    if out is not None:
        print(f"Results: {out}")  # noqa: T201
