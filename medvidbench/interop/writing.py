"""Writing a task package: questions, truth, manifest and the tool's files, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench import __version__
from medvidbench.errors import MedVidBenchError
from medvidbench.interop.package import FORMAT, MANIFEST, QUESTIONS, TRUTH
from medvidbench.interop.questions import Question, question_of
from medvidbench.records import TASK_NAMES, Sample, Split, TaskName

if TYPE_CHECKING:
    from medvidbench.benchmark import Benchmark

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ExportOptions:
    """What goes into a package.

    Attributes:
        tasks, sources: only these; empty takes all.
        truth: where to write the truth; None writes it into the package.
        with_truth: False writes none: the tool then only logs answers, and `medvidbench score --from` scores its log.
        frames: of a clip at most, spread evenly; 0 shows none, None all (the published setting).
        overwrite: replace a package that stands at the place.
    """

    split: Split = "test"
    tasks: tuple[TaskName, ...] = ()
    sources: tuple[str, ...] = ()
    truth: Path | None = None
    with_truth: bool = True
    frames: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        truth: the truth file, or None.
        command: how to run the package.
    """

    out: Path
    rows: int
    tasks: tuple[TaskName, ...]
    truth: Path | None
    command: str


def samples_for(bench: Benchmark, options: ExportOptions) -> list[Sample]:
    """The rows to export.

    Raises:
        MedVidBenchError: no row is left, an unknown source, or a question-only benchmark that should give a truth.
    """
    if options.frames is not None and options.frames < 0:
        raise MedVidBenchError(f"{options.frames} frames.", "0 or more")
    if bench.question_only and options.with_truth:
        raise MedVidBenchError(f"{bench.path} holds no truth.", remedy="export without truth, and score elsewhere")
    rows = bench.samples(options.split, options.tasks or None, options.sources or None)
    if not rows:
        raise MedVidBenchError(f"{bench.path} holds no such row in the split {options.split!r}.")
    return rows


def write_package(
    bench: Benchmark, out: Path, tool: str, rows: Sequence[Sample], texts: Mapping[str, str], options: ExportOptions
) -> Path | None:
    """Writes the package and returns where its truth lies, or None.

    Args:
        tool: named in the manifest.
        texts: the tool's own files by name.

    Raises:
        MedVidBenchError: something else stands at `out`, or the disk can't be written.
    """
    check_place(out, options.overwrite)
    staging = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        truth = _write_truth(staging, out, rows, options)
        _write_table([question_of(s) for s in rows], Question, staging / QUESTIONS)
        manifest = _manifest(bench, tool, rows, truth, options)
        for name, text in {**texts, MANIFEST: json.dumps(manifest, indent=1) + "\n"}.items():
            (staging / name).write_text(text, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        staging.rename(out)
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return truth


def check_place(out: Path, overwrite: bool) -> None:
    """Only a new or empty folder is written into, or, with `overwrite`, an earlier package.

    Raises:
        MedVidBenchError: something else is there.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MANIFEST).is_file():
        raise MedVidBenchError(f"{out} holds something else.", "a folder that is new, empty, or an earlier export")
    if not overwrite:
        raise MedVidBenchError(f"{out} holds an earlier export.", remedy="pass --overwrite, or name another folder")


def render(template: str, **values: Any) -> str:
    """One of this package's text templates, filled in."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(  # noqa: S701 (the texts are Python, YAML and Markdown, never HTML)
        loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return env.get_template(template).render(**values)


def tasks_in(rows: Sequence[Sample]) -> tuple[TaskName, ...]:
    """The tasks that have rows, in the benchmark's order."""
    held = {row.task for row in rows}
    return tuple(task for task in TASK_NAMES if task in held)


def _write_truth(staging: Path, out: Path, rows: Sequence[Sample], options: ExportOptions) -> Path | None:
    if not options.with_truth:
        return None
    if options.truth is None:
        _write_table(rows, Sample, staging / TRUTH)
        return out / TRUTH
    place = options.truth.resolve()
    if place.is_relative_to(out.resolve()):
        raise MedVidBenchError(f"The truth file {place} lies in the package.", "a place outside, or none")
    place.parent.mkdir(parents=True, exist_ok=True)
    _write_table(rows, Sample, place)
    return place


def _write_table(rows: Sequence[Any], record: type, path: Path) -> None:
    import pyarrow.parquet as pq

    from medvidbench.arrow import to_table

    pq.write_table(to_table(rows, record), path, compression="zstd")


def _manifest(
    bench: Benchmark, tool: str, rows: Sequence[Sample], truth: Path | None, options: ExportOptions
) -> dict[str, Any]:
    folders = {entry["name"]: str(Path(entry["root"]).resolve()) for entry in bench.manifest.get("sources", [])}
    store = bench.manifest.get("frame_store")
    return {
        "format": FORMAT,
        "medvidbench": __version__,
        "tool": tool,
        "synthetic": bool(bench.manifest.get("synthetic")),
        "split": options.split,
        "rows": len(rows),
        "tasks": list(tasks_in(rows)),
        "frames": options.frames,
        "truth": None if truth is None else TRUTH if options.truth is None else str(truth),
        "folders": {source: folders[source] for source in sorted({s.source for s in rows} & folders.keys())},
        "frame_store": str(Path(store).resolve()) if store else "",
    }
