"""`medvidbench eval`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.commands.common import parse_protocol, parse_sources, parse_tasks, print_results
from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import Model, question_only
from medvidbench.records import Answer, Sample

if TYPE_CHECKING:
    from medvidbench.evaluation.results import Results


def run(
    model: str, data: Path, out: Path, protocol: str | None, seed: int, tasks: str | None, sources: str | None
) -> None:
    """Ask, write `answers.jsonl`, score, write `results.json`, print."""
    print_results(evaluate(model, data, out, protocol, seed, tasks, sources))
    print(f"Results: {out / 'results.json'}")  # noqa: T201


def evaluate(
    model: str, data: Path, out: Path, protocol: str | None, seed: int, tasks: str | None, sources: str | None
) -> Results:
    """`run` without the printing."""
    from medvidbench.evaluation.data import file_digest, load_data
    from medvidbench.evaluation.score_file import score_answers

    chosen, wanted_tasks, wanted_sources = parse_protocol(protocol), parse_tasks(tasks), parse_sources(sources)
    if out.exists() and not out.is_dir():
        raise MedVidBenchError(f"--out {out} is a file.", "a folder, new or from an earlier run")
    truth = load_data(data, "test", wanted_tasks, wanted_sources)
    asked = _model(model, data, seed)
    answers = list(_progress(asked.answer([question_only(s) for s in truth.samples]), len(truth.samples)))
    file = out / "answers.jsonl"
    _write_answers(file, answers)
    used = {"path": str(file), "sha256": file_digest(file), "joined_by": "sample_id"}
    scored = score_answers(truth, list(answers), chosen, asked.name, used)
    scored.write(out / "results.json")
    return scored.results


def _model(name: str, data: Path, seed: int) -> Model:
    family, _, kind = name.partition(":")
    if family != "blind":
        raise MedVidBenchError(f"Unknown model {name!r}.", "blind:constant, blind:majority, blind:random")
    from medvidbench.models.blind import blind_model

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
