"""`medvidbench export`."""

from __future__ import annotations

from pathlib import Path

from medvidbench.commands.common import parse_sources, parse_split, parse_tasks
from medvidbench.errors import MedVidBenchError

TOOLS = ("lmms-eval", "inspect")
FORMS = ("questions", "published", "merged", *TOOLS)


def run(
    bench: Path,
    to: str,
    out: Path,
    answers: Path | None = None,
    split: str | None = None,
    tasks: str | None = None,
    sources: str | None = None,
    overwrite: bool = False,
    truth: Path | None = None,
    with_truth: bool = True,
    frames: int | None = None,
) -> None:
    """Write a benchmark as questions with a separate answer key, as published or merged JSON, or for another tool.

    Args:
        to: "questions", "published", "merged", "lmms-eval" or "inspect".
        answers: the answer key's file; with "questions" only, by default OUT.answers.parquet.
        split: "train", "test" or "all"; None is "all" for JSON and "test" for the rest.
        truth, with_truth, frames: for another tool, see `medvidbench.interop.writing.ExportOptions`.
    """
    from medvidbench.benchmark import Benchmark
    from medvidbench.curation.export import export_published, export_questions

    if to not in FORMS:
        raise MedVidBenchError(f"Unknown form {to!r}.", ", ".join(FORMS))
    if answers is not None and to != "questions":
        raise MedVidBenchError("--answers goes with --to questions only.")
    if to in TOOLS:
        _for_tool(bench, to, out, split, tasks, sources, overwrite, truth, with_truth, frames)
        return
    if truth is not None or not with_truth or frames is not None:
        raise MedVidBenchError("--truth, --no-truth and --frames go with --to lmms-eval or inspect only.")
    opened = Benchmark.open(bench)
    text = split or ("test" if to == "questions" else "all")
    side = None if text == "all" else parse_split(text)
    chosen = (side, parse_tasks(tasks) or None, parse_sources(sources) or None)
    if to == "questions":
        key = answers or out.with_name(f"{out.name}.answers.parquet")
        manifest = export_questions(opened, out, key, *chosen, overwrite=overwrite)
        rows = sum(entry["rows"] or 0 for entry in manifest["files"])
        print(f"Questions: {out} ({rows} rows)\nAnswer key: {key}")  # noqa: T201
        return
    count = export_published(opened, out, to == "merged", *chosen, overwrite=overwrite)
    print(f"Rows: {out} ({count} rows)")  # noqa: T201


def _for_tool(
    bench: Path,
    tool: str,
    out: Path,
    split: str | None,
    tasks: str | None,
    sources: str | None,
    overwrite: bool,
    truth: Path | None,
    with_truth: bool,
    frames: int | None,
) -> None:
    """A task package that another tool runs, and that calls this project's scorer."""
    from medvidbench.benchmark import Benchmark
    from medvidbench.interop import export_inspect, export_lmms_eval
    from medvidbench.interop.writing import ExportOptions

    options = ExportOptions(
        split=parse_split(split or "test"),
        tasks=tuple(parse_tasks(tasks)),
        sources=tuple(parse_sources(sources)),
        truth=truth,
        with_truth=with_truth,
        frames=frames,
        overwrite=overwrite,
    )
    export = export_lmms_eval if tool == "lmms-eval" else export_inspect
    report = export(Benchmark.open(bench), out, options)
    print(f"Task package: {report.out} ({report.rows} questions)\nTruth: {report.truth or 'left out'}")  # noqa: T201
    print(f"Run: {report.command}")  # noqa: T201
