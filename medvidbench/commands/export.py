"""`medvidbench export`."""

from __future__ import annotations

from pathlib import Path

from medvidbench.commands.common import parse_sources, parse_split, parse_tasks
from medvidbench.errors import MedVidBenchError

FORMS = ("questions", "published", "merged")


def run(
    bench: Path,
    to: str,
    out: Path,
    answers: Path | None = None,
    split: str | None = None,
    tasks: str | None = None,
    sources: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a benchmark as questions with a separate answer key, or as published or merged JSON.

    Args:
        to: "questions", "published" or "merged".
        answers: the answer key's file; with "questions" only, by default OUT.answers.parquet.
        split: "train", "test" or "all"; None is "test" for questions and "all" for JSON.
    """
    from medvidbench.benchmark import Benchmark
    from medvidbench.curation.export import export_published, export_questions

    if to not in FORMS:
        raise MedVidBenchError(f"Unknown form {to!r}.", ", ".join(FORMS))
    if answers is not None and to != "questions":
        raise MedVidBenchError("--answers goes with --to questions only.")
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
