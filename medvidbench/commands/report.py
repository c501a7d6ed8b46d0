"""`medvidbench report`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from medvidbench.errors import MedVidBenchError

REDACT_HELP = (
    "Blacken what looks like burnt-in text near the borders of the frames. It misses faint, large, slanted and "
    "central text and every face: no guarantee of de-identification. Look at the pictures before you pass them on."
)
REGION_HELP = (
    "Blacken this region of every frame: x1,y1,x2,y2 as shares of the frame (0 to 1) or in pixels; SOURCE=... for one "
    "source only. May be repeated."
)


def run(
    results: Path,
    out: Path,
    data: Path | None = None,
    with_frames: bool = False,
    redact: bool = False,
    blind: Sequence[Path] = (),
    regions: Sequence[str] = (),
    frames_per_sample: int = 8,
    most_frames: int = 800,
) -> None:
    """Read the results and their rows, build the page, write it, and say what is in it.

    Args:
        results: results.json or its folder.
        out: the HTML file.
        data: benchmark; where the results say that it was, when None.
        with_frames: put a bounded number of frames into the page.
        redact: blacken what looks like burnt-in text on them.
        blind: results of blind models to show beside.
        regions: to blacken, see `REGION_HELP`.

    Raises:
        MedVidBenchError: a file is missing or doesn't fit, or pixels are to be blackened and none are asked for.
    """
    from medvidbench.evaluation.report import build_report, collect_frames, read_input
    from medvidbench.evaluation.report.redact import parse_region
    from medvidbench.evaluation.report.thumbnails import FrameOptions
    from medvidbench.evaluation.results import read_results
    from medvidbench.pages import write_page

    if (redact or regions) and not with_frames:
        raise MedVidBenchError("There is nothing to blacken without frames.", remedy="add --with-frames")
    if out.is_dir():
        raise MedVidBenchError(f"-o {out} is a folder.", "a file name, e.g. report.html")
    if frames_per_sample < 1 or most_frames < 1:
        raise MedVidBenchError(f"{min(frames_per_sample, most_frames)} frames.", "1 or more")
    report = read_input(read_results(results), results, data)
    shown = None
    if with_frames:
        named = tuple(parse_region(text) for text in regions)
        shown = collect_frames(report, FrameOptions(frames_per_sample, most_frames, redact=redact, regions=named))
        for problem in shown.problems[:5]:
            print(f"Frames left out: {problem}", file=sys.stderr)  # noqa: T201
    write_page(out, build_report(report, [read_results(path) for path in blind], shown))
    _say(out, report.note, "" if shown is None else shown.note)


def _say(out: Path, note: str, frames: str) -> None:
    print(f"Report: {out} ({out.stat().st_size / 1e6:.1f} MB)")  # noqa: T201
    for text in (note, frames):
        if text:
            print(text)  # noqa: T201
