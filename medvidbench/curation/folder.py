"""Writing a benchmark folder whole or not at all: staging beside its place, the manifest last, one rename.

A process that is killed leaves at most a hidden folder beside `out`; the next build on the same machine removes it,
and puts back a replaced benchmark that the killed process had moved aside.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from medvidbench.benchmark import CARD, FINDINGS, FORMAT, FORMAT_VERSION, MANIFEST, read_manifest
from medvidbench.curation.sharding import write_rows
from medvidbench.curation.sorting import table_rows
from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.records import TASK_NAMES, Finding, Sample


def check_target(out: Path, overwrite: bool = False) -> None:
    """Whether a benchmark may be written to `out`: nothing there, an empty folder, or a benchmark to replace.

    Raises:
        MedVidBenchError: something else is there, or a benchmark without `overwrite`, or a benchmark among whose
            files lie others, which a replacement would delete.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    accepted = "a path where nothing is, an empty folder, or a benchmark with --overwrite"
    if not (out / MANIFEST).is_file():
        raise MedVidBenchError(f"{out} exists and is not a benchmark.", accepted, "Name another --out.")
    # a benchmark of an older format may be replaced, though not read
    manifest = read_manifest(out, any_version=True)
    if not overwrite:
        raise MedVidBenchError(f"{out} already holds a benchmark.", accepted, "Add --overwrite to replace it.")
    own = {MANIFEST, *(entry["path"] for entry in manifest["files"])}
    others = sorted({p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file() or p.is_symlink()} - own)
    if others:
        seen = f"{out} holds files that no build wrote, and replacing it would delete them: {', '.join(others[:5])}."
        raise MedVidBenchError(seen, accepted, "Move them away, or name another --out.")


@contextmanager
def staged(out: Path, overwrite: bool = False) -> Iterator[Path]:
    """An empty folder beside `out` to write shards into; gone afterwards, whether `finish_benchmark` was called or not.

    Raises:
        MedVidBenchError: `check_target` refuses `out`, or the disk is full or not writable, inside the block too.
    """
    out = out.resolve()
    mend(out)
    check_target(out, overwrite)
    staging = out.with_name(f".{out.name}.{_process()}.part")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def finish_benchmark(
    staging: Path,
    out: Path,
    entries: Sequence[Mapping[str, Any]],
    findings: Iterable[Finding] | None,
    fields: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    overwrite: bool = False,
    extra: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Writes findings, card, further text files and the manifest beside the shards, and moves the folder to `out`.

    Args:
        staging: the folder that `staged` gave, with the shards in it.
        entries: the shards' manifest entries, in any order.
        findings: in the order to be listed; None writes no findings file.
        fields: what the manifest says beside the format, the counts and the file list.
        card: makes the text of README.md from the manifest (in which the texts themselves are not yet listed).
        overwrite: replace a benchmark that stands at `out`.
        extra: makes further files, name to text, from the same manifest.

    Returns:
        The manifest as written.

    Raises:
        MedVidBenchError: `check_target` refuses `out` by now.
        OSError: the disk is full or not writable.
    """
    out = out.resolve()
    files = sorted(map(dict, entries), key=_place)
    if findings is not None:
        files = [_write_findings(staging, findings), *files]
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, **fields, "counts": _counts(files), "files": files}
    texts = {CARD: card(manifest), **(extra(manifest) if extra else {})}
    manifest["files"] = [*(_write_text(staging, name, text) for name, text in texts.items()), *files]
    _write_text(staging, MANIFEST, json.dumps(manifest, indent=1) + "\n")
    check_target(out, overwrite)
    _move_into_place(staging, out)
    return manifest


def write_benchmark(
    out: Path,
    samples: Iterable[Sample],
    findings: Iterable[Finding] | None,
    fields: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    overwrite: bool = False,
    extra: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """A benchmark folder from samples in memory; arguments, result and errors as in `staged` and `finish_benchmark`."""
    from medvidbench.arrow import to_table

    with staged(out, overwrite) as staging:
        entries = []
        rows = sorted(samples, key=lambda s: (TASK_NAMES.index(s.task), s.source))
        for (_, source), group in groupby(rows, key=lambda s: (TASK_NAMES.index(s.task), s.source)):
            held = list(group)
            entries += write_rows(staging, held[0].task, source, table_rows(to_table(held, Sample)))
        return finish_benchmark(staging, out, entries, findings, fields, card, overwrite, extra)


def mend(out: Path) -> None:
    """Removes what a killed process of this machine left beside `out`; puts back a benchmark that it moved aside."""
    if os.name != "posix" or not out.parent.is_dir():
        return
    for left in sorted(out.parent.glob(f".{out.name}.{platform.node()}-*")):
        pid = left.name.removesuffix(left.suffix).rpartition("-")[2]
        if left.suffix not in (".part", ".old") or not pid.isdigit() or _runs(int(pid)):
            continue
        if left.suffix == ".old" and not out.exists():
            left.rename(out)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _process() -> str:
    return f"{platform.node()}-{os.getpid()}"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _move_into_place(staging: Path, out: Path) -> None:
    if not out.exists():
        staging.rename(out)
        return
    old = out.with_name(f".{out.name}.{_process()}.old")
    out.rename(old)
    try:
        staging.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old)


def _place(entry: Mapping[str, Any]) -> tuple[str, int, str, str]:
    return entry["split"], TASK_NAMES.index(entry["task"]), entry["source"], entry["path"]


def _write_findings(folder: Path, findings: Iterable[Finding]) -> dict[str, Any]:
    lines = [json.dumps(asdict(finding)) + "\n" for finding in findings]
    return _write_text(folder, FINDINGS, "".join(lines)) | {"rows": len(lines)}


def _write_text(folder: Path, name: str, text: str) -> dict[str, Any]:
    file = folder / name
    # A lone surrogate, from a file name with broken bytes, has no UTF-8 form.
    file.write_text(text, encoding="utf-8", errors="replace", newline="")
    key = dict.fromkeys(("split", "granularity", "task", "source"), "")
    return {"path": name, **key, "rows": None, "bytes": file.stat().st_size, "sha256": file_sha256(file)}


def _counts(files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """Rows by split, task and source."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for entry in files:
        if entry["split"]:
            by_source = counts.setdefault(entry["split"], {}).setdefault(entry["task"], {})
            by_source[entry["source"]] = by_source.get(entry["source"], 0) + entry["rows"]
    return counts
