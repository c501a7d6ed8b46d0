"""The command tree. Each command imports its room when it runs, so that `--help` stays fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from medvidbench import __version__
from medvidbench.errors import MedVidBenchError

app = typer.Typer(
    name="medvidbench",
    help="Build medical video benchmarks, score vision-language models on them, compare and publish the numbers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

BUILDING, EVALUATING, CHECKING = "Build a benchmark", "Evaluate models", "Check and try"
sources_app = typer.Typer(help="The raw datasets that a benchmark is built from.", no_args_is_help=True)
doctor_app = typer.Typer(help="Check what the numbers rest on: video readers, time axes.", no_args_is_help=True)
app.add_typer(sources_app, name="sources", rich_help_panel=BUILDING)
app.add_typer(doctor_app, name="doctor", rich_help_panel=CHECKING)


class _ResultsFirst(TyperGroup):
    """`judge RESULTS` is `judge results RESULTS`: the usual thing needs no second word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the second word in where the first argument is no command."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["results", *args]
        return super().parse_args(ctx, args)


judge_app = typer.Typer(
    cls=_ResultsFirst, help="Judge captions, and prove that the judge can be trusted.", no_args_is_help=True
)
app.add_typer(judge_app, name="judge", rich_help_panel=EVALUATING)
review_app = typer.Typer(help="Let people judge a sample of the captions, and use what they say.", no_args_is_help=True)
app.add_typer(review_app, name="review", rich_help_panel=BUILDING)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Tasks = Annotated[str | None, typer.Option(help="Only these tasks, e.g. TAG,CVS.")]
Sources = Annotated[str | None, typer.Option(help="Only these sources, e.g. CholecT50,NurViD.")]
DataOption = Annotated[
    Path | None, typer.Option(help="Benchmark folder, published JSON rows, or merged file with the truth.")
]
ProtocolOption = Annotated[
    str | None,
    typer.Option(help="strict or official; both when left out, strict being the main one."),
]


def _version(show: bool) -> None:
    if show:
        typer.echo(f"medvidbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


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


@doctor_app.command(name="video")
def doctor_video(
    files: Annotated[list[Path], typer.Argument(help="Video files of yours.")],
    readers: Annotated[str | None, typer.Option(help="Only these readers, e.g. pyav,decord.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames asked of each reader, in random order.")] = 40,
    as_json: Json = False,
) -> None:
    """Compare each installed video reader with linear decoding on your own files: frames right, worst error."""
    from medvidbench.commands.doctor import run_video

    run_video(files, readers, frames, as_json)


@doctor_app.command(name="model")
def doctor_model(
    model: Annotated[str, typer.Argument(help="gpt-4.1, openai:NAME@URL, hf:PATH or vllm:PATH.")],
    data: Annotated[Path | None, typer.Option(help="Benchmark folder: also check some of its clips.")] = None,
    ping: Annotated[bool, typer.Option("--ping", help="Also ask the server which models it has.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that a model is told when its frames were taken, and show a prompt. Exit code 1 when it isn't."""
    from medvidbench.commands.doctor import run_model

    raise typer.Exit(run_model(model, data, as_json, ping))


@app.command(rich_help_panel=CHECKING)
def demo(out: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("demo")) -> None:
    """From raw data to a scored table on simulated recordings: synth, build, three blind models, table."""
    from medvidbench.commands.demo import run

    run(out)


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


@app.command(name="eval", rich_help_panel=EVALUATING)
def evaluate(
    model: Annotated[str, typer.Option(help="gpt-4.1, openai:NAME@URL, hf:PATH, vllm:PATH, file:ANSWERS, blind:...")],
    data: Annotated[Path, typer.Option(help="Benchmark folder.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the run: answers, results.json and the rows. Goes on where it was.")
    ],
    protocol: ProtocolOption = None,
    tasks: Tasks = None,
    sources: Sources = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many questions, of every task.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="At most so many frames a clip; all when left out.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second; the clip's own rate when left out.")] = None,
    pixels: Annotated[int, typer.Option(help="Pixels of a frame at most; the published 48 x 28 x 28.")] = 37632,
    max_tokens: Annotated[int, typer.Option(help="Tokens of an answer at most.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 for the likeliest token.")] = 0.0,
    answer_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    one_shot: Annotated[bool, typer.Option("--one-shot", help="Put a training example before each question.")] = False,
    shard: Annotated[
        str, typer.Option(help="I/N: every N-th question from the I-th on, for several machines.")
    ] = "0/1",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show three questions as the model gets them, tokens and dollars.")
    ] = False,
    max_cost: Annotated[float | None, typer.Option(min=0.0, help="Dollars that this run may cost.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight at most.")] = 64,
    rpm: Annotated[float | None, typer.Option(help="Requests a minute at most.")] = None,
    tpm: Annotated[float | None, typer.Option(help="Tokens a minute at most.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one call.")] = 120.0,
    prices: Annotated[Path | None, typer.Option(help="JSON with prices of models that are not in the table.")] = None,
    call_cache: Annotated[
        Path | None, typer.Option(help="Folder of paid calls to share between runs; OUT/calls.")
    ] = None,
    frame_cache: Annotated[
        Path | None, typer.Option(help="Folder of decoded frames to share between models; BENCH.frames.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ... for local models.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, bfloat16, float16 or float32 for local models.")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Questions of like length at once, local models.")] = 1,
    revision: Annotated[str | None, typer.Option(help="Of a model on a hub.")] = None,
    allow_wrong_times: Annotated[
        bool, typer.Option("--allow-wrong-times", help="Go on although the model is told wrong times; results say so.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of blind:random, shuffled frames and examples.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode frames.")] = 2,
    judge: Annotated[
        list[str] | None,
        typer.Option(help="Judges of captions: concept (offline, default), gpt-4.1, ...; none for none."),
    ] = None,
) -> None:
    """Ask a model every question of the test split, keep its answers, and score them."""
    from medvidbench.commands.common import parse_protocol, parse_sources, parse_tasks
    from medvidbench.commands.evaluate import parse_settings, parse_shard, run
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.models.call_settings import CallSettings
    from medvidbench.models.registry import ModelOptions

    settings = parse_settings(
        frames=frames,
        fps=fps,
        max_pixels=pixels,
        max_new_tokens=max_tokens,
        temperature=temperature,
        answer_format=answer_format,
        one_shot=one_shot,
        seed=seed,
    )
    options = EvalOptions(
        protocol=parse_protocol(protocol),
        tasks=tuple(parse_tasks(tasks)),
        sources=tuple(parse_sources(sources)),
        settings=settings,
        limit=limit,
        shard=parse_shard(shard),
        frame_cache=frame_cache or data.with_name(f"{data.name}.frames"),
        allow_wrong_times=allow_wrong_times,
        workers=workers,
        judges=() if judge == ["none"] else tuple(judge or ["concept"]),
    )
    sending = CallSettings(
        concurrency=concurrency,
        timeout=timeout,
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
        max_cost=max_cost,
        count_earlier_spend=True,
    )
    chosen = ModelOptions(
        cache=call_cache,
        sending=sending,
        prices=prices,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        revision=revision,
    )
    run(model, data, out, options, chosen, seed, dry_run)


@app.command(rich_help_panel=EVALUATING)
def sweep(
    model: Annotated[str, typer.Option(help="gpt-4.1, openai:NAME@URL, hf:PATH or vllm:PATH.")],
    data: Annotated[Path, typer.Option(help="Benchmark folder.")],
    out: Annotated[Path, typer.Option(help="Folder for a run at each value, sweep.json and sweep.svg.")],
    frames: Annotated[str | None, typer.Option(help="Frames a clip at most: 8,16,32.")] = None,
    fps: Annotated[str | None, typer.Option(help="Frames a second: 0.5,1,2.")] = None,
    pixels: Annotated[str | None, typer.Option(help="Pixels of a frame at most: 12544,37632.")] = None,
    tasks: Tasks = None,
    sources: Sources = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many questions, of every task.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Metrics to draw, e.g. TAG_mIoU,CVS_bacc.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Tokens of an answer at most.")] = 256,
    max_cost: Annotated[float | None, typer.Option(min=0.0, help="Dollars at each value.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight at most.")] = 64,
    prices: Annotated[Path | None, typer.Option(help="JSON with prices of models that are not in the table.")] = None,
    frame_cache: Annotated[Path | None, typer.Option(help="Folder of decoded frames to share; BENCH.frames.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ... for local models.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode frames.")] = 2,
) -> None:
    """Curves of score against tokens, seconds and dollars, over frames, rate or pixels."""
    from medvidbench.commands.common import parse_sources, parse_tasks
    from medvidbench.commands.sweep import parse_values, run
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.models.call_settings import CallSettings
    from medvidbench.models.registry import ModelOptions
    from medvidbench.models.settings import EvalSettings

    axis, values = parse_values(frames, fps, pixels)
    options = EvalOptions(
        protocol="strict",
        tasks=tuple(parse_tasks(tasks)),
        sources=tuple(parse_sources(sources)),
        settings=EvalSettings(max_new_tokens=max_tokens),
        limit=limit,
        frame_cache=frame_cache or data.with_name(f"{data.name}.frames"),
        workers=workers,
    )
    sending = CallSettings(concurrency=concurrency, max_cost=max_cost, count_earlier_spend=True)
    chosen = ModelOptions(sending=sending, prices=prices, device=device)
    run(model, data, out, axis, values, options, chosen, metrics)


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


@judge_app.command(name="results")
def judge_results(
    results: Annotated[Path, typer.Argument(help="results.json, or its folder.")],
    data: Annotated[
        Path | None, typer.Option(help="Benchmark folder; the one named in the results when left out.")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="concept, gpt-4.1, openai:NAME@URL, hf:PATH, A,B (jury), A x3. Repeatable.")
    ] = None,
    rubric: Annotated[str, typer.Option(help="Name of a rubric, or a file of yours.")] = "medical-v1",
    cache: Annotated[Path | None, typer.Option(help="Folder of judgements; beside the results.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0.0, help="Dollars at most, for all judges.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and what it may cost.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight at most.")] = 32,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one call.")] = 120.0,
    prices: Annotated[Path | None, typer.Option(help="JSON with prices of models that are not in the table.")] = None,
    batch: Annotated[bool, typer.Option("--batch", help="Use the provider's batch API.")] = False,
    reply_form: Annotated[str, typer.Option(help="json, or text for servers without JSON schemas.")] = "json",
    attempts: Annotated[int, typer.Option(min=1, help="Replies asked for one pair when they can't be read.")] = 5,
) -> None:
    """Add a judge's numbers on DVC, VS and RC to results. Also: judge rubrics, certify, sheet, agree."""
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
    max_cost: Annotated[float | None, typer.Option(min=0.0, help="Dollars at most.")] = None,
    as_json: Json = False,
) -> None:
    """Put a judge through pairs with known faults: what it tells apart, biases, stability, agreement."""
    from medvidbench.commands.certify import run_certify
    from medvidbench.judges.specs import JudgeOptions, opened_judge
    from medvidbench.models.call_settings import CallSettings

    sending = CallSettings(concurrency=32, max_cost=max_cost)
    options = JudgeOptions(cache or out.with_name(f"{out.name}.cache"), calls=sending)
    with opened_judge(judge, options) as opened:
        run_certify(
            opened, out, references, repeats, anchors=anchors, freeze=freeze, agreement=agreement, as_json=as_json
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
    from medvidbench.commands.certify import run_sheet
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
    from medvidbench.commands.certify import run_agree
    from medvidbench.judges.certificate.board import board_items
    from medvidbench.judges.specs import JudgeOptions, opened_judge

    with opened_judge(judge, JudgeOptions(cache or sheet.with_name(f"{sheet.name}.cache"))) as opened:
        run_agree(sheet, files, out, board_items(board or [], opened), own_writer, as_json)


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
    results: Annotated[list[Path], typer.Argument(help="results.json files, or their folders.")],
    format: Annotated[str, typer.Option(help="md, latex or csv.")] = "md",
    protocol: ProtocolOption = None,
    metrics: Annotated[str | None, typer.Option(help="Columns in order, e.g. CVS_acc,TAG_mIoU.")] = None,
    source: Annotated[str, typer.Option(help="One source's numbers instead of all.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write instead of printing.")] = None,
) -> None:
    """Print the results of one or more models as a table for a paper."""
    from medvidbench.commands.table import run

    run(results, format, protocol, metrics, source, out)


def main() -> None:
    """Entry point: an error that the user can mend is one message and exit code 2, never a traceback."""
    try:
        app()
    except MedVidBenchError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # the reader (head, less) has gone: not an error, and nothing more can be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
