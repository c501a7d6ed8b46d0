"""The page of one or several training runs, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from medvidbench.evaluation.report.overview import duration_text
from medvidbench.pages import render_page
from medvidbench.training.report.cells import HEADS, cells, number
from medvidbench.training.report.charts import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Line, charts, smoothing, style
from medvidbench.training.report.curves import sections
from medvidbench.training.report.inputs import Run
from medvidbench.training.report.tables import skipped, window_table
from medvidbench.training.steps import SampledCompletion

FOLDER = Path(__file__).parent
FIRST_SAMPLES, LAST_SAMPLES = 4, 12
"""Completions that the page shows of a run."""
FOLDED = 4
STATES = {"finished": "good", "alarm": "bad", "stopped": "warn", "open": "accent"}


@dataclass(frozen=True)
class RunView:
    """What the page says of a run beside its curves.

    Attributes:
        state: "finished", "alarm", "stopped", or "open" without a written end.
        ended: the state in words, `reason` why.
        facts: (name, text) in the order of the table.
    """

    run: Run
    state: str
    colour: str
    ended: str
    reason: str
    facts: list[tuple[str, str]]


def build_train_report(runs: Sequence[Run], now: datetime | None = None) -> str:
    """The page as HTML text, complete in itself.

    Args:
        runs: from `read_runs`; of several, each curve is drawn over the same curve of the others.
        now: the time at which the page is made; the clock's when left out.
    """
    made = now or datetime.now(timezone.utc)
    drawn = [(name, [(panel.title, charts(panel, runs)) for panel in panels]) for name, panels in sections(runs)]
    views = [_view(run, made) for run in runs]
    return render_page(
        FOLDER,
        "train_report.html.j2",
        css=(FOLDER / "train_report.css").read_text("utf-8"),
        js=(FOLDER / "train_report.js").read_text("utf-8"),
        views=views,
        facts=_facts_table(views),
        sections=[_section(name, panels) for name, panels in drawn if any(found for _, found in panels)],
        tables=[(run, window_table(run)) for run in runs],
        samples=[(run, _shown(run.samples)) for run in runs if run.samples],
        skipped=[(run, skipped(run)) for run in runs if skipped(run)],
        synthetic=any(run.facts is not None and run.facts.synthetic for run in runs),
        smoothing=sorted({smoothing(run) for run in runs}),
        kind=runs[0].kind,
        made=made.isoformat(timespec="seconds"),
        box={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP},
        readings=_readings,
        latest=_latest,
        heads=HEADS[runs[0].kind],
        cells=cells,
        number=number,
        line_style=style,
    )


@dataclass(frozen=True)
class Section:
    """A heading with its charts; panels of more than `FOLDED` charts (several runs, many keys) are folded up."""

    name: str
    charts: list[Chart]
    folded: list[tuple[str, list[Chart]]]


def _section(name: str, panels: Sequence[tuple[str, list[Chart]]]) -> Section:
    return Section(
        name,
        [chart for _, found in panels if len(found) <= FOLDED for chart in found],
        [(title, found) for title, found in panels if len(found) > FOLDED],
    )


def _view(run: Run, now: datetime) -> RunView:
    state, ended, reason = _ending(run, now)
    facts = run.facts
    wanted = f" of {facts.steps:,}" if facts is not None else ""
    rows = [("Steps", f"{run.last_step:,}{wanted}"), ("Time in steps", duration_text(_seconds(run)))]
    if facts is not None:
        several = "" if facts.processes == 1 else f", {facts.processes} processes"
        rows += [
            ("Recipe", f"{facts.recipe} ({facts.kind})"),
            ("Device", f"{facts.device}, {facts.dtype}{several}"),
            ("Model at the start", facts.model),
            ("Its fingerprint", facts.revision),
            ("Benchmark", facts.benchmark),
            ("Its digest", facts.benchmark_id[:16]),
            ("Started", facts.started),
            ("Software", ", ".join(f"{name} {version}" for name, version in sorted(facts.versions.items()))),
        ]
    return RunView(run, state, STATES[state], ended, reason, rows)


def _ending(run: Run, now: datetime) -> tuple[str, str, str]:
    """(state, in words, why)."""
    ending = None if run.facts is None else run.facts.ending
    if ending is not None:
        words = {
            "finished": f"finished at step {ending.step:,}",
            "alarm": f"stopped by an alarm at step {ending.step:,}",
            "stopped": f"stopped at step {ending.step:,}",
        }
        return ending.how, words[ending.how], ending.reason
    since = "no step yet"
    if run.written is not None and run.steps:
        since = f"last step {duration_text(max(0.0, (now - run.written).total_seconds()))} before this page"
    return "open", "running, or killed", f"No end was written; {since}."


def _facts_table(views: Sequence[RunView]) -> list[tuple[str, list[str]]]:
    """(name, one text a run) of all facts that any run has."""
    names = dict.fromkeys(name for view in views for name, _ in view.facts)
    return [(name, [dict(view.facts).get(name, "") for view in views]) for name in names]


def _seconds(run: Run) -> float:
    return sum(sum(step.seconds.values()) for step in run.steps)


def _shown(samples: Sequence[SampledCompletion]) -> list[SampledCompletion]:
    """The first and the last ones, the newest first."""
    few = len(samples) <= FIRST_SAMPLES + LAST_SAMPLES
    chosen = list(samples) if few else [*samples[:FIRST_SAMPLES], *samples[-LAST_SAMPLES:]]
    return chosen[::-1]


def _readings(chart: Chart) -> dict[str, list[object]]:
    """What the page's script reads a chart's values from."""
    return {
        "steps": list(chart.steps),
        "places": list(chart.places),
        "values": [[None if v is None else _short(v) for v in line.values] for line in chart.lines],
    }


def _short(value: float) -> str:
    return f"{value:.4g}"


def _latest(line: Line) -> str:
    """The value at the chart's last point, as the script writes it."""
    value = line.values[-1]
    return "–" if value is None else _short(value)
