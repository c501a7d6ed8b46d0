"""`medvidbench eval`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import print_results
from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import Model, question_only
from medvidbench.records import Answer, Sample

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.evaluation.evaluate import EvalOptions, Evaluated
    from medvidbench.evaluation.results import Results
    from medvidbench.evaluation.runner import Progress
    from medvidbench.models.base import VideoModel
    from medvidbench.models.registry import ModelOptions
    from medvidbench.models.settings import AnswerFormat, EvalSettings, View

RULES = ("constant", "majority", "random")
"""Blind models that are rules; the others are views of a model."""
VIEWS: dict[str, View] = {"question-only": "none", "middle-frame": "middle", "shuffled-frames": "shuffled"}
MODELS = (
    "openai:MODEL[@URL], a GPT or Gemini name, hf:PATH, vllm:PATH, tiny, file:PREDICTIONS, blind:constant, "
    "blind:majority, blind:random, blind:question-only=MODEL, blind:middle-frame=MODEL, blind:shuffled-frames=MODEL"
)


def run(
    model: str,
    data: Path,
    out: Path,
    options: EvalOptions,
    model_options: ModelOptions | None = None,
    seed: int = 0,
    dry_run: bool = False,
) -> None:
    """Ask, keep the answers, score, write `results.json`, print."""
    family, _, rest = model.partition(":")
    if family == "blind" and rest in RULES:
        _finish(evaluate(model, data, out, options, seed), out)
    elif family == "file":
        _finish(_replayed(Path(rest), data, out, options), out)
    else:
        view, spec = view_of(model)
        options = replace(options, settings=replace(options.settings, view=view)) if view else options
        _run_model(spec, data, out, options, model_options, dry_run, f"blind:{rest.partition('=')[0]}" if view else "")


def view_of(model: str) -> tuple[View | None, str]:
    """The view and the model behind "blind:middle-frame=hf:PATH"; None for a model that sees everything.

    Raises:
        MedVidBenchError: an unknown blind model, or one that names no model.
    """
    family, _, rest = model.partition(":")
    if family != "blind":
        return None, model
    name, sign, spec = rest.partition("=")
    if name not in VIEWS or not sign or not spec:
        raise MedVidBenchError(f"Unknown model {model!r}.", MODELS)
    return VIEWS[name], spec


def parse_shard(text: str) -> tuple[int, int]:
    """ "0/4" as (0, 4).

    Raises:
        MedVidBenchError: no such pair of numbers.
    """
    first, sign, second = text.partition("/")
    if not sign or not first.isdecimal() or not second.isdecimal() or int(first) >= int(second):
        raise MedVidBenchError(f"--shard {text!r}.", "I/N with I from 0 to N-1, e.g. 0/4")
    return int(first), int(second)


def parse_settings(answer_format: str, max_pixels: int, **values: Any) -> EvalSettings:
    """The options on how a model is asked.

    Raises:
        MedVidBenchError: values that make no sense.
    """
    from medvidbench.models.settings import EvalSettings

    least = EvalSettings().min_pixels
    form: AnswerFormat = "json" if answer_format == "json" else "text"
    if form != answer_format:
        raise MedVidBenchError(f"--format {answer_format!r}.", "text, json")
    settings = EvalSettings(
        answer_format=form, max_pixels=max_pixels, min_pixels=min(least, max(1, max_pixels)), **values
    )
    settings.check()
    return settings


def evaluate(model: str, data: Path, out: Path, options: EvalOptions, seed: int = 0) -> Results:
    """A blind model that is a rule: needs no frames and no time."""
    from medvidbench.evaluation.data import load_data
    from medvidbench.evaluation.evaluate import judged_answers, within_limit
    from medvidbench.hashing import file_sha256

    if out.exists() and not out.is_dir():
        raise MedVidBenchError(f"--out {out} is a file.", "a folder, new or from an earlier run")
    truth = within_limit(load_data(data, "test", options.tasks, options.sources), options.limit)
    asked = _rule(model, data, seed)
    answers = list(_progress(asked.answer([question_only(s) for s in truth.samples]), len(truth.samples)))
    file = out / "answers.jsonl"
    _write_answers(file, answers)
    used = {"path": str(file), "sha256": file_sha256(file), "joined_by": "sample_id"}
    scored = judged_answers(truth, list(answers), asked.name, used, out, options)
    scored.write(out / "results.json")
    return scored.results


def _replayed(predictions: Path, data: Path, out: Path, options: EvalOptions) -> Results:
    """The predictions of a file, scored as if a model had given them now."""
    from medvidbench.evaluation.score_file import score_file

    scored = score_file(predictions, data, options.protocol, tasks=options.tasks, sources=options.sources)
    scored.write(out / "results.json")
    return scored.results


def _run_model(
    spec: str,
    data: Path,
    out: Path,
    options: EvalOptions,
    model_options: ModelOptions | None,
    dry_run: bool,
    blind: str,
) -> None:
    from medvidbench.models.registry import ModelOptions

    chosen = model_options or ModelOptions()
    if chosen.cache is None:
        chosen = replace(chosen, cache=out / "calls")
    if not dry_run:
        _finish_run(asked(spec, data, out, options, chosen, blind), out)
        return
    from medvidbench.commands.eval_dry_run import show

    with _opened(spec, options, chosen, blind) as model:
        show(model, data, options)


def asked(
    spec: str, data: Path, out: Path, options: EvalOptions, model_options: ModelOptions, blind: str = ""
) -> Evaluated:
    """Asks a model that sees, with a progress bar.

    Args:
        blind: the blind row's name, where the options' view takes the frames away.

    Raises:
        MedVidBenchError: see `medvidbench.evaluation.evaluate.evaluate`.
    """
    from rich.console import Console

    from medvidbench.evaluation.evaluate import evaluate as ask

    with _opened(spec, options, model_options, blind) as model, _Bar(Console(stderr=True)) as bar:
        return ask(model, data, out, options, bar.say)


@contextmanager
def _opened(spec: str, options: EvalOptions, model_options: ModelOptions, blind: str) -> Iterator[VideoModel]:
    """The model, under the blind row's name where there is one."""
    from medvidbench.models.registry import video_model

    with video_model(spec, options.settings, model_options) as model:
        model.name = f"{blind}={model.name}" if blind else model.name
        yield model


def _finish(results: Results, out: Path) -> None:
    print_results(results)
    print(f"Results: {out / 'results.json'}")  # noqa: T201


def _finish_run(done: Evaluated, out: Path) -> None:
    if done.scored is not None:
        print_results(done.scored.results)
    facts = [f"{done.answered} of {done.total} questions asked"]
    if done.progress.failed:
        facts.append(f"{done.progress.failed} failed just now (run again to ask them again)")
    if done.time_axis is not None:
        facts.append(f"time axis {'proven' if done.time_axis.passed else 'NOT right'}: {done.time_axis.detail}")
    print("; ".join(facts) + ".")  # noqa: T201
    if done.scored is None:
        print(done.note)  # noqa: T201
    else:
        print(f"Results: {out / 'results.json'}")  # noqa: T201


class _Bar:
    """One line: how far, how fast, how long yet, what it cost, how much could be read."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("Asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, TextColumn("{task.description}"), console=console, transient=True)
        self._bar = self._progress.add_task("proving the time axis", total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def say(self, now: Progress) -> None:
        """Moves the bar."""
        parsed = "" if now.parse_rate is None else f", {100 * now.parse_rate:.0f} % read"
        cost = f", ${now.dollars:.2f}" if now.dollars else ""
        failed = f", {now.failed} failed" if now.failed else ""
        text = f"{now.rate:.1f}/s{cost}{parsed}{failed}"
        self._progress.update(self._bar, total=now.total, completed=now.kept + now.done, description=text)


def _rule(name: str, data: Path, seed: int) -> Model:
    from medvidbench.models.blind import blind_model

    kind = name.removeprefix("blind:")
    return blind_model(kind, _training_rows(data) if kind == "majority" else (), seed)


def _training_rows(data: Path) -> list[Sample]:
    """The training split of a benchmark folder; a JSON file has none, and majority answers stay unscored."""
    from medvidbench.benchmark import Benchmark

    return Benchmark.open(data).samples(split="train") if data.is_dir() else []


def _progress(answers: Iterable[Answer], total: int) -> Iterator[Answer]:
    from rich.console import Console
    from rich.progress import track

    yield from track(answers, "Asking", total=total, console=Console(stderr=True), transient=True)


def _write_answers(path: Path, answers: Iterable[Answer]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(asdict(a), ensure_ascii=False) + "\n" for a in answers)
    part.replace(path)
