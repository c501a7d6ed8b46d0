"""Options of the commands that ask models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.options import EVALUATING, ProtocolOption, Sources, Tasks, app


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
