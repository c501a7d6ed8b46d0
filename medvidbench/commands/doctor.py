"""`medvidbench doctor video`: which reader can be trusted on one's own files. `medvidbench doctor model`: whether a
model is told when its frames were taken."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.models.base import VideoModel
    from medvidbench.models.registry import ModelOptions
    from medvidbench.models.settings import EvalSettings
    from medvidbench.models.time_contract import Announced, TimeProof, VideoQuestion
    from medvidbench.video.doctor import Verdict

FAILED = 1
"""Exit code of `doctor model` when a case failed; 0 otherwise, and 2 for an error, as everywhere."""
SHOWN_LINES = 40


def run_video(files: list[Path], readers: str | None = None, frames: int = 40, as_json: bool = False) -> None:
    """Print right/asked and the worst error in seconds of each reader on each file.

    Args:
        readers: comma-separated names of `medvidbench.video.doctor.PROBED`; None is all.

    Raises:
        MedVidBenchError: no file is given or one doesn't exist, an unknown reader, or `frames` < 1. A damaged file or
            a reader that isn't installed is a line of the table, not an error.
    """
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise MedVidBenchError(f"No such file: {', '.join(missing) or '(none given)'}.", "video files")
    names = None if readers is None else [name.strip() for name in readers.split(",") if name.strip()]
    verdicts = [verdict for file in files for verdict in _diagnose(file, names, frames)]
    if as_json:
        print(json.dumps([asdict(v) for v in verdicts], indent=2))  # noqa: T201
    else:
        _print_table(verdicts)


def _diagnose(file: Path, readers: list[str] | None, frames: int) -> list[Verdict]:
    from medvidbench.video.doctor import Verdict, diagnose
    from medvidbench.video.errors import UnreadableVideo

    try:
        return diagnose(file, readers, frames=frames)
    except UnreadableVideo as error:
        return [Verdict(str(file), "(all)", frames, None, None, error.reason)]


def _print_table(verdicts: list[Verdict]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("file", "reader", "right / asked", "worst error"):
        table.add_column(name, justify="left" if name in ("file", "reader") else "right", overflow="fold")
    table.add_column("note", overflow="fold")
    for v in verdicts:
        right = "–" if v.right is None else f"{v.right} / {v.asked}"
        worst = "–" if v.worst is None else f"{v.worst:.2f} s"
        style = "" if v.right in (None, v.asked) else "bold red"
        table.add_row(Path(v.file).name, v.reader, right, worst, v.note.replace("[", "\\["), style=style)
    console_of(140).print(table)


def run_model(
    spec: str,
    data: Path | None = None,
    as_json: bool = False,
    ping: bool = False,
    settings: EvalSettings | None = None,
    options: ModelOptions | None = None,
) -> int:
    """Prove a model's time axis: on the frame times that break other harnesses, and on clips of a benchmark.

    Requests are rendered and read back; none is sent. Prints one line a case, then one rendered prompt with its times.

    Args:
        spec: as for `medvidbench.models.registry.video_model`.
        data: a benchmark folder, to check clips of each sampling rate of it too.
        ping: also ask a server for its models.
        options: where and how the model is run.

    Returns:
        1 when a case failed, else 0.

    Raises:
        MedVidBenchError: the model or the data can't be used, or the server doesn't answer the ping.
    """
    from medvidbench.models.registry import video_model
    from medvidbench.models.settings import EvalSettings

    chosen = settings or EvalSettings()
    with video_model(spec, chosen, options) as model:
        reached = _pinged(model) if ping else ""
        proofs, question = _proofs(model, data, chosen)
        if as_json:
            print(json.dumps(_as_json(model, proofs, question, reached), indent=2, ensure_ascii=False))  # noqa: T201
        else:
            _print_proofs(model, proofs, question, reached)
    return 0 if all(proof.passed for proof in proofs.values()) else FAILED


def _proofs(model: VideoModel, data: Path | None, settings: EvalSettings) -> tuple[dict[str, TimeProof], VideoQuestion]:
    """The proofs by case, and a question to show."""
    from medvidbench.models.time_cases import CASES, prove_times, synthetic_frames
    from medvidbench.models.time_contract import VideoQuestion

    if data is None:
        question = VideoQuestion("holes", "When does it happen?", synthetic_frames(CASES["holes"]))
        return prove_times(model), question
    from medvidbench.evaluation.asking import Asker
    from medvidbench.evaluation.clips import clip_job, load_clip
    from medvidbench.evaluation.evaluate import EvalOptions, chosen_data, shown_in
    from medvidbench.evaluation.time_axis import prove

    options = EvalOptions(settings=settings)
    truth, bench = chosen_data(data, options)
    shown = shown_in(bench, options)
    sample = min(truth.samples, key=lambda s: (not s.frame_times, len(s.frame_times)))
    frames = load_clip(clip_job(sample, shown.place(sample), None, settings, model.shrink))
    return prove(model, truth.samples, shown, settings).proofs, Asker(settings).question(sample, frames)


def _pinged(model: VideoModel) -> str:
    from medvidbench.models.openai_api import OpenAIVideoModel
    from medvidbench.models.ping import ping

    if not isinstance(model, OpenAIVideoModel):
        return "no server: the model runs in this process"
    return ping(model.endpoint, model.model).detail


def _as_json(
    model: VideoModel, proofs: dict[str, TimeProof], question: VideoQuestion, reached: str
) -> dict[str, object]:
    """JSON values; a worst error that is infinite (a frame was never announced) is null."""
    prompt, units, why = _rendered(model, question)
    cases = {name: asdict(proof) for name, proof in proofs.items()}
    for case in cases.values():
        case["worst_error"] = case["worst_error"] if isfinite(case["worst_error"]) else None
    return {
        "model": model.name,
        "passed": all(proof.passed for proof in proofs.values()),
        "ping": reached or None,
        "record": model.record(),
        "cases": cases,
        "prompt": prompt,
        "announced": [unit._asdict() for unit in units],
        "unreadable": why or None,
    }


def _rendered(model: VideoModel, question: VideoQuestion) -> tuple[str, list[Announced], str]:
    """The prompt, the times read back from it, and why there are none."""
    text = ""
    try:
        prepared = model.prepare(question)
        text = str(prepared.text)
        return text, model.describe_times(prepared), ""
    except MedVidBenchError as error:
        return text, [], str(error)


def _print_proofs(model: VideoModel, proofs: dict[str, TimeProof], question: VideoQuestion, reached: str) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=escape(model.name), title_justify="left")
    table.add_column("case", overflow="fold")
    table.add_column("times reach the model as", overflow="fold")
    for name in ("worst error", "allowed", "passed"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, proof in proofs.items():
        worst = f"{proof.worst_error:.3f} s" if isfinite(proof.worst_error) else "not announced"
        table.add_row(
            escape(name),
            escape(proof.channel),
            worst,
            f"{proof.half_step:.3f} s",
            "yes" if proof.passed else "NO",
            style="" if proof.passed else "bold red",
        )
    console = console_of(140)
    console.print(table)
    if reached:
        console.print(f"Ping: {reached}.", markup=False, highlight=False, soft_wrap=True)
    for name, proof in proofs.items():
        if not proof.passed:
            console.print(f"{name}: {proof.detail}", markup=False, highlight=False, soft_wrap=True)
    _print_prompt(model, question, console)
    failed = sum(not proof.passed for proof in proofs.values())
    verdict = f"{failed} of {len(proofs)} cases failed." if failed else f"All {len(proofs)} cases passed."
    console.print(f"{verdict} Nothing was asked.", markup=False, highlight=False)


def _print_prompt(model: VideoModel, question: VideoQuestion, console: Console) -> None:
    """One rendered prompt, long ones without their middle, and the times read back from it."""
    console.rule(f"One prompt: {question.sample_id}", align="left")
    prompt, units, why = _rendered(model, question)
    lines = prompt.splitlines()
    if len(lines) > SHOWN_LINES:
        half = SHOWN_LINES // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half} more lines ...", *lines[-half:]]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    console.rule("Times read back from it", align="left")
    told = ", ".join(f"{u.start:g}" if u.end <= u.start else f"{u.start:g} to {u.end:g}" for u in units)
    console.print(why or f"{told} s", markup=False, highlight=False, soft_wrap=True)
