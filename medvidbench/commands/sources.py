"""`medvidbench sources list` and `medvidbench sources check NAME=PATH ...`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of, named_path
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.sources.report import SourceReport


def run_list(as_json: bool) -> None:
    """Prints what each source is: name, tasks, licence, and how to get it."""
    from medvidbench.sources.registry import SOURCE_KEYS, source_of

    listed = [_described(source_of(key)) for key in SOURCE_KEYS]
    if as_json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))  # noqa: T201
        return
    console = console_of()
    for source in listed:
        console.print(f"[bold]{source['key']}[/bold]  {source['name']}: {', '.join(source['tasks'])}", highlight=False)
        for field in ("licence", "obtain", "layout", "citation", "homepage"):
            console.print(f"    {field:9} {source[field]}", markup=False, highlight=False, soft_wrap=True)


def run_check(named: list[str], as_json: bool) -> None:
    """Reads the named dataset folders and prints what was found, what is missing and what is wrong.

    Args:
        named: "NAME=PATH" for each folder, e.g. "nurvid=/data/NurViD".
        as_json: print one JSON array instead of tables.

    Raises:
        MedVidBenchError: a text that is no NAME=PATH, an unknown source, or a folder not laid out as its source.
    """
    from medvidbench.sources.registry import source_of
    from medvidbench.sources.report import check_source

    if not named:
        raise MedVidBenchError("No source is named.", "at least one, e.g. nurvid=/data/NurViD")
    chosen = [(source_of(name), path) for name, path in map(named_path, named)]
    reports = [check_source(source, path) for source, path in chosen]
    if as_json:
        print(json.dumps([_as_json(report) for report in reports], indent=2, ensure_ascii=False))  # noqa: T201
        return
    console = console_of()
    for report in reports:
        _print(report, console)


def _described(source: Any) -> dict[str, Any]:
    fields = ("key", "name", "licence", "licence_url", "citation", "homepage", "obtain", "layout")
    return {field: getattr(source, field) for field in fields} | {"tasks": list(source.tasks)}


def _numbers(report: SourceReport) -> dict[str, Any]:
    """What was found, in the order of the table; nothing that is zero for this source's kind of truth."""
    numbers: dict[str, Any] = {
        "recordings": report.recordings,
        "hours": round(report.hours, 2),
        "groups": len(report.groups),
        "with video": report.videos,
        "with frames": report.framed,
        "annotation only": report.annotation_only,
        "frames": report.frames,
        **{f"segments ({kind})": number for kind, number in sorted(report.segments.items())},
        "tracks": report.tracks,
        "boxes": report.boxes,
        "rated intervals": report.rated,
        **{f"official split {name or '(none)'}": number for name, number in sorted(report.splits.items())},
    }
    always = ("recordings", "with video", "with frames", "annotation only")
    return {name: number for name, number in numbers.items() if number or name in always}


def _as_json(report: SourceReport) -> dict[str, Any]:
    from medvidbench.sources.report import finding_kinds

    return {
        **_described(report.source),
        "root": str(report.root),
        "synthetic": report.synthetic,
        "found": _numbers(report),
        "in_files": dict(report.counts),
        "missing": list(report.missing),
        "findings": [
            {"count": k.count, "what": k.what, "done": k.done, "example": _place(k.example), "said": k.example.what}
            for k in finding_kinds(report.findings)
        ],
    }


def _print(report: SourceReport, console: Console) -> None:
    mark = " (synthetic data)" if report.synthetic else ""
    console.print(f"{report.source.name}{mark} at {report.root}", style="bold", markup=False, highlight=False)
    found = {name: f"{number:,}" for name, number in _numbers(report).items()}
    _columns(console, "found", found)
    _columns(console, "in the files", {name: f"{number:,}" for name, number in report.counts})
    for part in report.missing:
        console.print(f"  missing: {part}", markup=False, highlight=False)
    _print_findings(report, console)
    console.print()


def _columns(console: Console, title: str, numbers: dict[str, str]) -> None:
    """Names and numbers under a title, two columns, no wrapping."""
    from rich import box
    from rich.table import Table

    if not numbers:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=True)
    table.add_column(title, no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    for name, number in numbers.items():
        table.add_row(name, number)
    console.print(table)


def _print_findings(report: SourceReport, console: Console) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from medvidbench.sources.report import finding_kinds

    if not report.findings:
        console.print("  no findings", highlight=False)
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("count", justify="right", no_wrap=True)
    for name in ("finding", "what was done", "for example"):
        table.add_column(name, overflow="fold")
    for kind in finding_kinds(report.findings):
        example = f"{_place(kind.example)}: {kind.example.what}"
        table.add_row(f"{kind.count:,}", escape(kind.what), escape(kind.done), escape(example))
    console.print(table)


def _place(finding: Any) -> str:
    return f"{finding.file}, {finding.row}" if finding.row else str(finding.file)
