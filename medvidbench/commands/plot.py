"""`medvidbench plot`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medvidbench.errors import MedVidBenchError


def run(
    results: Sequence[Path], out: Path, protocol: str | None = None, metrics: str | None = None, source: str = ""
) -> None:
    """Draw the results of one or more models as interval dot plots.

    Args:
        out: .svg, .png or .pdf.
        protocol: strict or official; the main one of the first results when None.
        metrics: names with commas between, e.g. "TAG_mIoU,CVS_kappa".
        source: one source's numbers instead of all.
    """
    from medvidbench.evaluation.report.plot import plot_intervals
    from medvidbench.evaluation.results import read_results

    if protocol not in (None, "strict", "official"):
        raise MedVidBenchError(f"Unknown protocol {protocol!r}.", "strict, official")
    wanted = [part.strip() for part in (metrics or "").split(",") if part.strip()]
    drawn = plot_intervals([read_results(path) for path in results], out, protocol, wanted, source)
    print(f"Figure: {out} ({len(drawn)} metrics)")  # noqa: T201
