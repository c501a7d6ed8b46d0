"""Options of the commands that score, show and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.options import EVALUATING, DataOption, Json, ProtocolOption, Sources, Tasks, app


@app.command(rich_help_panel=EVALUATING)
def score(
    predictions: Annotated[Path, typer.Argument(help="JSON, JSON Lines, CSV, or merged file with a model's answers.")],
    data: DataOption = None,
    protocol: ProtocolOption = None,
    out: Annotated[
        Path | None, typer.Option(help="results.json to write; the rows go into a Parquet beside it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name to show; the file's name when left out.")] = None,
    by_position: Annotated[bool, typer.Option(help="Join by position instead of by id.")] = False,
    written_by: Annotated[
        str | None, typer.Option("--from", help="The log is lmms-eval's, vlmevalkit's, inspect's or medgrpo's.")
    ] = None,
    answers: Annotated[Path | None, typer.Option(help="Answer key of a question-only benchmark.")] = None,
    split: Annotated[str, typer.Option(help="Split of a benchmark folder: test or train.")] = "test",
    tasks: Tasks = None,
    sources: Sources = None,
) -> None:
    """Score a file of predictions: official and strict numbers side by side, with intervals and parse rates."""
    from medvidbench.commands.score import run

    run(predictions, data, protocol, out, model, by_position, split, tasks, sources, written_by, answers)


@app.command(rich_help_panel=EVALUATING)
def report(
    results: Annotated[Path, typer.Argument(help="results.json, or its folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write.")] = Path("report.html"),
    data: Annotated[Path | None, typer.Option(help="Benchmark folder, for questions, truth and frames.")] = None,
    with_frames: Annotated[
        bool, typer.Option("--with-frames", help="Put small frames into the page: they leave this machine with it.")
    ] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Blacken what looks like burnt-in text. No guarantee of de-identification.")
    ] = False,
    region: Annotated[list[str] | None, typer.Option(help="x1,y1,x2,y2 to blacken on every frame, in pixels.")] = None,
    blind: Annotated[
        list[Path] | None, typer.Option(help="Results of a blind model, shown beside. May be repeated.")
    ] = None,
    frames_per_sample: Annotated[int, typer.Option(min=1, help="Frames of a sample at most.")] = 8,
    max_frames: Annotated[int, typer.Option(min=1, help="Frames in the page at most.")] = 800,
) -> None:
    """One self-contained page of a run: numbers with intervals, confusions, and every sample to look at."""
    from medvidbench.commands.report import run

    run(
        results,
        out,
        data=data,
        with_frames=with_frames,
        redact=redact,
        blind=blind or [],
        regions=region or [],
        frames_per_sample=frames_per_sample,
        most_frames=max_frames,
    )


@app.command(rich_help_panel=EVALUATING)
def plot(
    results: Annotated[list[Path], typer.Argument(help="results.json files, or their folders.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="SVG, PNG or PDF to write.")],
    protocol: ProtocolOption = None,
    metrics: Annotated[str | None, typer.Option(help="Metrics in order, e.g. CVS_acc,TAG_mIoU.")] = None,
    source: Annotated[str, typer.Option(help="One source's numbers instead of all.")] = "",
) -> None:
    """Dots with intervals for a paper, one panel a metric."""
    from medvidbench.commands.plot import run

    run(results, out, protocol, metrics, source)


@app.command(rich_help_panel=EVALUATING)
def compare(
    a: Annotated[Path, typer.Argument(help="results.json of the first model, or its folder.")],
    b: Annotated[Path, typer.Argument(help="results.json of the second model, or its folder.")],
    more: Annotated[list[Path] | None, typer.Argument(help="Further models.")] = None,
    protocol: ProtocolOption = None,
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Page to write.")] = None,
    data: Annotated[Path | None, typer.Option(help="Benchmark folder, for the questions on the page.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Rows that differ most, of each task.")] = 10,
) -> None:
    """Compare models on the rows that all answered: paired, clustered, Holm-corrected, with tie groups."""
    from medvidbench.commands.compare import run

    run(a, b, protocol, as_json, more or [], html, data, top)


@app.command(rich_help_panel=EVALUATING)
def table(
    results: Annotated[list[Path] | None, typer.Argument(help="results.json files, or their folders.")] = None,
    format: Annotated[str, typer.Option(help="md, latex, csv or json.")] = "md",
    protocol: Annotated[str | None, typer.Option(help="strict, official, or both with a comma.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Columns in order, e.g. CVS_acc,TAG_mIoU.")] = None,
    source: Annotated[str, typer.Option(help='Sources in order, e.g. all,AVOS; "all" is over all of them.')] = "",
    published: Annotated[bool, typer.Option("--published", help="Add the published rows.")] = False,
    board: Annotated[Path | None, typer.Option(help="Add the listed rows of a board.")] = None,
    show: Annotated[str, typer.Option(help="all, intervals or values.")] = "all",
    info: Annotated[str, typer.Option(help="Columns about the model: place,team,table,date.")] = "",
    rank_by: Annotated[
        str, typer.Option(help='Order rows by "mean rank", "mean normalised score" or "pairwise wins".')
    ] = "",
    paper: Annotated[bool, typer.Option("--paper", help="The published table exactly, RESULTS below it.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write instead of printing.")] = None,
) -> None:
    """Print the results of one or more models as a table for a paper."""
    from medvidbench.commands.table import run

    run(
        results or [],
        format,
        protocol,
        metrics,
        source,
        out,
        published=published,
        board=board,
        show=show,
        info=info,
        rank_by=rank_by,
        paper=paper,
    )
