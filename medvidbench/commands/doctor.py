"""`medvidbench doctor video`: which reader can be trusted on one's own files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.video.doctor import Verdict


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
