"""Options of the commands that build a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.options import BUILDING, Json, Sources, Tasks, app

sources_app = typer.Typer(help="The raw datasets that a benchmark is built from.", no_args_is_help=True)
review_app = typer.Typer(help="Let people judge a sample of the captions, and use what they say.", no_args_is_help=True)


@app.command(rich_help_panel=BUILDING)
def build(
    source: Annotated[list[str], typer.Option(help="NAME=PATH of a raw dataset, e.g. cholect50=/data/CholecT50.")],
    out: Annotated[Path, typer.Option(help="Benchmark folder to write.")],
    seed: Annotated[int, typer.Option(help="Seed of the split, the clips and the wording.")] = 0,
    tasks: Tasks = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a benchmark that stands at --out.")] = False,
    test_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the groups that goes to test.")] = 0.15,
    plan: Annotated[str, typer.Option(help="full: every question; balanced: as many of each task.")] = "full",
    per_task: Annotated[int | None, typer.Option(help="Questions of a task in a balanced plan (6438).")] = None,
    generator: Annotated[
        list[str] | None,
        typer.Option(help="Caption model, given twice: gpt=gpt-4.1, gemini=gemini-2.5-flash, x=openai:NAME@URL."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show three prompts with their pictures, tokens and dollars; call nothing."),
    ] = False,
    max_cost: Annotated[
        float | None, typer.Option(min=0.0, help="Dollars that all calls may cost together, earlier runs included.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight at most.")] = 64,
    rpm: Annotated[float | None, typer.Option(help="Requests a minute of each model at most.")] = None,
    tpm: Annotated[float | None, typer.Option(help="Tokens a minute of each model at most.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one call.")] = 120.0,
    prices: Annotated[Path | None, typer.Option(help="JSON with prices of models that are not in the table.")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Use the provider's batch API: half the price, up to a day.")
    ] = False,
    accept_failures: Annotated[
        bool, typer.Option("--accept-failures", help="Build without the captions whose calls failed.")
    ] = False,
    similarity_threshold: Annotated[
        float | None,
        typer.Option(
            min=-1.0, max=1.0, help="A pair less alike is dropped: 0.3 by minilm, 0.15 by ngram unless given."
        ),
    ] = None,
    similarity: Annotated[str, typer.Option(help="minilm, ngram, or auto: minilm where it is installed.")] = "auto",
    keep: Annotated[str, typer.Option(help="pair: both captions or none; any: each for itself.")] = "pair",
    reviews: Annotated[
        list[Path] | None, typer.Option(help="Exported review file: what people kept and dropped. May be repeated.")
    ] = None,
    transcripts: Annotated[
        str | None, typer.Option(help="Folder of WhisperX JSON, SRT or VTT files; '.' for those beside the videos.")
    ] = None,
    aliases: Annotated[
        Path | None, typer.Option(help="CSV source,recording_id,physical_video: recordings that show the same video.")
    ] = None,
    frame_store: Annotated[
        Path | None, typer.Option(help="Folder to extract the frames of videos into, each once; they stay inside else.")
    ] = None,
    embed_frames: Annotated[
        bool, typer.Option("--embed-frames", help="Put the frames into the shards as JPEG.")
    ] = False,
    shard_rows: Annotated[int | None, typer.Option(min=1, help="Rows in a file at most; else about 256 MB.")] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder of the stages and paid calls; OUT.work when left out.")
    ] = None,
    until: Annotated[str, typer.Option(help="Stop after plan, prompt, generate or validate.")] = "",
    engine: Annotated[str, typer.Option(help="local or ray.")] = "local",
    address: Annotated[str, typer.Option(help="Address of a Ray cluster; one is started here when left out.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes, or CPUs of a Ray started here.")] = 2,
    rank: Annotated[int | None, typer.Option(help="Do the share of one job of an array; see --world.")] = None,
    world: Annotated[int, typer.Option(help="Jobs in the array.")] = 1,
) -> None:
    """Turn raw datasets into a benchmark: questions, captions by two models, validation, Parquet shards, a card."""
    from medvidbench.commands.build import parse_generators, parse_until, parse_validation, run
    from medvidbench.commands.common import parse_tasks
    from medvidbench.curation.settings import BuildSettings, CaptionCalls
    from medvidbench.models.call_settings import CallSettings

    sending = CallSettings(
        concurrency=concurrency,
        timeout=timeout,
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
        max_cost=max_cost,
        count_earlier_spend=True,
    )
    calls = CaptionCalls(sending=sending, prices=prices, batch=batch, accept_failures=accept_failures)
    settings = BuildSettings(
        seed=seed,
        tasks=tuple(parse_tasks(tasks)) or None,
        test_share=test_share,
        overwrite=overwrite,
        plan=plan,
        per_task=per_task,
        generators=parse_generators(generator or ()),
        validation=parse_validation(similarity_threshold, similarity, keep),
        calls=calls,
        work=work,
        frame_store=frame_store,
        aliases=aliases,
        transcripts="" if transcripts == "." else transcripts,
        reviews=tuple(reviews or ()),
        embed_frames=embed_frames,
        shard_rows=shard_rows,
        engine=engine,
        address=address,
        workers=workers,
        rank=rank,
        world=world,
        until=parse_until(until),
    )
    run(source, out, settings, dry_run)


@app.command(rich_help_panel=BUILDING)
def audit(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page with tables and pictures to write.")] = None,
    aliases: Annotated[
        Path | None, typer.Option(help="CSV source,recording_id,physical_video: recordings that show the same video.")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Also compare videos and frames across the split.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode frames.")] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict alone.")] = False,
) -> None:
    """Look for leaks between train and test, repeats and imbalance. Exit code 1 when something leaks."""
    from medvidbench.commands.audit import run

    raise typer.Exit(run(bench, out, html, aliases, pictures, workers, quiet))


@review_app.command(name="sheet")
def review_sheet(
    work: Annotated[Path, typer.Argument(help="Work folder of a build (OUT.work).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("review.html"),
    number: Annotated[int, typer.Option(min=1, help="Pairs on the sheet; every task of every source has one.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the draw, the order and the sides.")] = 0,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Caption review",
    with_frames: Annotated[bool, typer.Option("--with-frames", help="Put small pictures into the page.")] = False,
    also_rejected: Annotated[
        bool, typer.Option("--also-rejected", help="Also pairs of which validation rejected a text.")
    ] = False,
) -> None:
    """Write a page on which people compare the two captions of a stratified sample, by keyboard, offline."""
    from medvidbench.commands.review import run_sheet
    from medvidbench.curation.review.loading import frames_of, load_items

    run_sheet(load_items(work), out, number, seed, title, with_frames, frames_of(work), not also_rejected)


@review_app.command(name="agree")
def review_agree(
    sheet: Annotated[Path, typer.Argument(help="The page that was sent out.")],
    files: Annotated[list[Path], typer.Argument(help="The reviewers' saved answers.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON with figures and decisions, for `build --reviews`.")
    ] = None,
    only_better: Annotated[
        bool, typer.Option("--only-better", help="The text that lost to the other counts as a vote to drop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Agreement of the reviewers with each other and with validation, and what they decided."""
    from medvidbench.commands.review import run_agree

    run_agree(sheet, files, out, only_better, as_json)


@app.command(rich_help_panel=BUILDING)
def export(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    to: Annotated[str, typer.Option(help="questions (truth apart), published, merged, lmms-eval or inspect.")],
    out: Annotated[Path, typer.Option(help="Folder, or JSON file, to write.")],
    answers: Annotated[Path | None, typer.Option(help="Answer key of --to questions; OUT.answers.parquet.")] = None,
    split: Annotated[str | None, typer.Option(help="train, test or all; all for JSON, else test.")] = None,
    tasks: Tasks = None,
    sources: Sources = None,
    overwrite: Annotated[bool, typer.Option(help="Replace what stands at --out.")] = False,
    truth: Annotated[
        Path | None, typer.Option(help="lmms-eval, inspect: write the truth here instead of inside.")
    ] = None,
    no_truth: Annotated[bool, typer.Option("--no-truth", help="lmms-eval, inspect: leave the truth out.")] = False,
    frames: Annotated[int | None, typer.Option(min=0, help="lmms-eval, inspect: frames of a clip at most.")] = None,
) -> None:
    """Write a benchmark for others: questions without any truth, published JSON, or a task of another tool."""
    from medvidbench.commands.export import run

    run(bench, to, out, answers, split, tasks, sources, overwrite, truth, not no_truth, frames)


@app.command(name="import", rich_help_panel=BUILDING)
def import_(
    files: Annotated[list[Path], typer.Argument(help="JSON files of published rows.")],
    out: Annotated[Path, typer.Option(help="Benchmark folder to write.")],
    frames: Annotated[
        list[str] | None, typer.Option(help="SOURCE=PATH: the folder that a source's frame paths are relative to.")
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="The recordings are simulated.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace a benchmark that stands at --out.")] = False,
) -> None:
    """Turn published JSON rows into a benchmark folder."""
    from medvidbench.commands.import_ import run

    run(files, out, frames, synthetic, overwrite)


@app.command(rich_help_panel=BUILDING)
def synth(
    out: Annotated[Path, typer.Option(help="Folder to write the raw datasets into, new or empty.")],
    recordings: Annotated[int, typer.Option(help="Number of simulated recordings in each layout.")] = 12,
    seconds: Annotated[int, typer.Option(help="Length of each in seconds, about.")] = 60,
    seed: Annotated[int, typer.Option(help="Another seed gives other recordings.")] = 0,
    sources: Annotated[str | None, typer.Option(help="Only these layouts, e.g. cholect50,nurvid.")] = None,
) -> None:
    """Write simulated recordings in the raw layouts of the eight datasets (videos need the extra "video")."""
    from medvidbench.commands.synth import run

    run(out, recordings, seconds, seed, sources)


@sources_app.command(name="list")
def sources_list(as_json: Json = False) -> None:
    """What each raw dataset is: tasks, licence, and how to get it."""
    from medvidbench.commands.sources import run_list

    run_list(as_json)


@sources_app.command(name="check")
def sources_check(
    named: Annotated[list[str], typer.Argument(help="NAME=PATH of each raw dataset, e.g. nurvid=/data/NurViD.")],
    as_json: Json = False,
) -> None:
    """Read raw datasets without building: what was found, what is missing, and every finding."""
    from medvidbench.commands.sources import run_check

    run_check(named, as_json)


app.add_typer(sources_app, name="sources", rich_help_panel=BUILDING)
app.add_typer(review_app, name="review", rich_help_panel=BUILDING)
