"""The report page: everything put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.report.confusion import REST, UNREAD, confusions
from medvidbench.evaluation.report.inputs import ReportInput
from medvidbench.evaluation.report.overview import (
    duration_text,
    last_name,
    plot_of,
    protocol_views,
    row_counts,
    run_facts,
    time_axis,
)
from medvidbench.evaluation.report.payload import deflated, payload_of
from medvidbench.evaluation.report.thumbnails import Thumbnails
from medvidbench.evaluation.report.wording import TASK_TITLES
from medvidbench.evaluation.results import Results
from medvidbench.pages import render_page

FOLDER = Path(__file__).parent
SCRIPTS = ("dom.js", "rows.js", "drawing.js", "sample.js", "browser.js")
SHOWN_FINDINGS = 200


def build_report(report: ReportInput, blind: Sequence[Results] = (), frames: Thumbnails | None = None) -> str:
    """The page as HTML text, complete in itself.

    Args:
        report: from `read_input`.
        blind: results of models that never see the video, on the same data.
        frames: from `collect_frames`. None leaves all pictures out: medical pixels should not leave by accident.

    Raises:
        MedVidBenchError: a blind model's results rest on other data.
    """
    _check_same_data(report.results, blind)
    shown = frames or Thumbnails()
    css, js = (FOLDER / "report.css").read_text("utf-8"), [(FOLDER / name).read_text("utf-8") for name in SCRIPTS]
    return render_page(
        FOLDER,
        "report.html.j2",
        css=css,
        js="\n".join(js),
        **_header(report.results),
        **_numbers(report, blind),
        frames=shown.pictures,
        frames_note=shown.note,
        rows=deflated(payload_of(report, shown)),
    )


def _check_same_data(results: Results, others: Sequence[Results]) -> None:
    for other in others:
        if other.data["sha256"] != results.data["sha256"]:
            raise MedVidBenchError(
                f"{other.model} was scored on other data than {results.model}.",
                "blind results of the same benchmark, tasks and sources",
                "run the blind model with the same --data",
            )


def _header(results: Results) -> dict[str, Any]:
    run = getattr(results, "run", None) or {}
    cost, seconds = run.get("cost_usd"), run.get("seconds")
    timed = isinstance(seconds, (int, float)) and seconds > 0
    rate = f"{results.counts['answers'] / float(seconds or 1):.2g} answers a second" if timed else ""
    return {
        "model": results.model,
        "synthetic": results.synthetic,
        "version": results.medvidbench,
        "benchmark": last_name(results.data["path"]),
        "digest": results.data["sha256"][:12],
        "axis": time_axis(run),
        "facts": run_facts(run),
        "cost": cost if isinstance(cost, (int, float)) else None,
        "time": duration_text(seconds),
        "rate": rate,
    }


def _numbers(report: ReportInput, blind: Sequence[Results]) -> dict[str, Any]:
    findings = report.results.findings
    return {
        "protocols": protocol_views(report.results, blind),
        "blind": blind,
        "counts": row_counts(report),
        "note": report.note,
        "findings": findings[:SHOWN_FINDINGS],
        "n_findings": len(findings),
        "confusions": confusions(report),
        "titles": TASK_TITLES,
        "plot_of": plot_of,
        "rest": REST,
        "unread": UNREAD,
    }
