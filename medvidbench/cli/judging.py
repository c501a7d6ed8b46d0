"""Options of the commands on caption judges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from medvidbench.cli.options import EVALUATING, Json, app


class _ResultsFirst(TyperGroup):
    """`judge RESULTS` is `judge results RESULTS`: the usual thing needs no second word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the second word in where the first argument is no command."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["results", *args]
        return super().parse_args(ctx, args)


Rubric = Annotated[str, typer.Option(help="Name of a rubric, or a file of yours.")]
MaxCost = Annotated[float | None, typer.Option(min=0.0, help="Dollars at most, for all judges.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and what it may cost.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Calls in flight at most.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds for one call.")]
Prices = Annotated[Path | None, typer.Option(help="JSON with prices of models that are not in the table.")]
Batch = Annotated[bool, typer.Option("--batch", help="Use the provider's batch API.")]
ReplyFormat = Annotated[str, typer.Option(help="json, or text for servers without JSON schemas.")]
Attempts = Annotated[int, typer.Option(min=1, help="Replies asked for one pair when they can't be read.")]

judge_app = typer.Typer(
    cls=_ResultsFirst, help="Judge captions, and prove that the judge can be trusted.", no_args_is_help=True
)


@judge_app.command(name="results")
def judge_results(
    results: Annotated[Path, typer.Argument(help="results.json, or its folder.")],
    data: Annotated[
        Path | None, typer.Option(help="Benchmark folder; the one named in the results when left out.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="concept, gpt-4.1, openai:NAME@URL, hf:PATH, A,B (jury), A x3. Repeatable.")
    ] = None,
    rubric: Rubric = "medical-v1",
    cache: Annotated[Path | None, typer.Option(help="Folder of judgements; beside the results.")] = None,
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    concurrency: Concurrency = 32,
    timeout: Timeout = 120.0,
    prices: Prices = None,
    batch: Batch = False,
    reply_form: ReplyFormat = "json",
    attempts: Attempts = 5,
) -> None:
    """Add a judge's numbers on DVC, VS and RC to results. Also: judge errors, rubrics, certify, sheet, agree."""
    from medvidbench.commands.judge import run_judge

    run_judge(
        results,
        data,
        judge or ["concept"],
        rubric=rubric,
        cache=cache,
        concurrency=concurrency,
        timeout=timeout,
        max_cost=max_cost,
        prices=prices,
        batch=batch,
        dry_run=dry_run,
        reply_form=reply_form,
        attempts=attempts,
    )


@judge_app.command(name="rubrics")
def judge_rubrics(own: Annotated[Path | None, typer.Argument(help="A rubric file of yours, to check.")] = None) -> None:
    """List the rubrics: dimensions, levels, versions."""
    from medvidbench.commands.judge import run_rubrics

    run_rubrics(own)


@judge_app.command(name="certify")
def judge_certify(
    judge: Annotated[str, typer.Argument(help="concept, gpt-4.1, openai:NAME@URL, hf:PATH.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File without ending: .json and .html are written.")],
    cache: Annotated[Path | None, typer.Option(help="Folder of judgements; OUT.cache.")] = None,
    references: Annotated[int | None, typer.Option(min=1, help="Only so many references, for a paid judge.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of the anchors, for the spread.")] = 3,
    anchors: Annotated[Path | None, typer.Option(help="Stored scores, to measure drift against.")] = None,
    freeze: Annotated[Path | None, typer.Option(help="File to store this judge's anchor scores in.")] = None,
    agreement: Annotated[Path | None, typer.Option(help="JSON of `judge agree`, shown on the page.")] = None,
    rubric: Rubric = "medical-v1",
    max_cost: MaxCost = None,
    dry_run: DryRun = False,
    concurrency: Concurrency = 32,
    timeout: Timeout = 120.0,
    prices: Prices = None,
    batch: Batch = False,
    reply_form: ReplyFormat = "json",
    attempts: Attempts = 5,
    as_json: Json = False,
) -> None:
    """Put a judge through pairs with known faults: what it tells apart, biases, stability, agreement."""
    from medvidbench.commands.certify import print_certify_estimate, run_certify
    from medvidbench.commands.judge import judge_options
    from medvidbench.judges.specs import opened_takes

    options = judge_options(
        cache or out.with_name(f"{out.name}.cache"),
        rubric,
        concurrency=concurrency,
        timeout=timeout,
        max_cost=max_cost,
        prices=prices,
        batch=batch,
        reply_form=reply_form,
        attempts=attempts,
    )
    with opened_takes(judge, repeats, options) as takes:
        if dry_run:
            print_certify_estimate(takes, references)
            return
        run_certify(
            takes[0],
            out,
            references,
            repeats,
            again=takes[1:],
            anchors=anchors,
            freeze=freeze,
            agreement=agreement,
            as_json=as_json,
        )


@judge_app.command(name="sheet")
def judge_sheet(
    results: Annotated[list[Path], typer.Argument(help="Judged results, of one or more models.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("ratings.html"),
    number: Annotated[int, typer.Option(min=1, help="Captions on the sheet.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the draw and the order.")] = 0,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Caption ratings",
    rubric: Annotated[str | None, typer.Option(help="Name of a rubric, or a file of yours.")] = None,
    judge: Annotated[str, typer.Option(help="Its scores stratify the draw.")] = "concept",
    cache: Annotated[Path | None, typer.Option(help="Folder of judgements; OUT.cache.")] = None,
) -> None:
    """Write a blinded page on which clinicians rate captions, offline."""
    from medvidbench.commands.ratings import run_sheet
    from medvidbench.judges.certificate.board import board_items
    from medvidbench.judges.specs import JudgeOptions, opened_judge

    with opened_judge(judge, JudgeOptions(cache or out.with_name(f"{out.name}.cache"))) as opened:
        run_sheet(board_items(results, opened), out, number, seed, title, rubric)


@judge_app.command(name="agree")
def judge_agree(
    sheet: Annotated[Path, typer.Argument(help="The page that was sent out.")],
    files: Annotated[list[Path], typer.Argument(help="The clinicians' saved ratings.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="JSON for `judge certify --agreement`.")] = None,
    board: Annotated[
        list[Path] | None, typer.Option(help="Judged results, for the board's mean as clinicians rate.")
    ] = None,
    own_writer: Annotated[str, typer.Option(help="The writer of the judge's family, for self-preference.")] = "",
    judge: Annotated[str, typer.Option(help="The judge of the board's mean.")] = "concept",
    cache: Annotated[Path | None, typer.Option(help="Folder of judgements; SHEET.cache.")] = None,
    as_json: Json = False,
) -> None:
    """How far clinicians agree with each other and with the judge."""
    from medvidbench.commands.ratings import run_agree
    from medvidbench.judges.certificate.board import board_items
    from medvidbench.judges.specs import JudgeOptions, opened_judge

    with opened_judge(judge, JudgeOptions(cache or sheet.with_name(f"{sheet.name}.cache"))) as opened:
        run_agree(sheet, files, out, board_items(board or [], opened), own_writer, as_json)


@judge_app.command(name="errors")
def judge_errors(
    results: Annotated[list[Path], typer.Argument(help="results.json files or folders, one a model.")],
    data: Annotated[
        Path | None, typer.Option(help="Benchmark folder; the one named in the results when left out.")
    ] = None,
    judge: Annotated[list[str] | None, typer.Option(help="concept, gpt-4.1, openai:NAME@URL. Repeatable.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of replies; beside the first results.")] = None,
    max_cost: MaxCost = None,
    concurrency: Concurrency = 32,
    timeout: Timeout = 120.0,
    prices: Prices = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON: the table, and every claim of every caption.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Never-events by model: what captions claim that would harm a patient."""
    from medvidbench.commands.judge_errors import run

    run(
        results,
        data,
        judge or ["concept"],
        cache=cache,
        max_cost=max_cost,
        concurrency=concurrency,
        timeout=timeout,
        prices=prices,
        out=out,
        as_json=as_json,
    )


app.add_typer(judge_app, name="judge", rich_help_panel=EVALUATING)
