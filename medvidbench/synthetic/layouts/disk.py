"""Writing the files of a layout: the folder, the mark that it is synthetic, texts, tables and JSON, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.base import SYNTHETIC_MARKER

DESCRIPTION = "synthetic: drawn and labelled by medvidbench.synthetic; no patient, no surgery, no camera"
LICENCE = {"id": 1, "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}


def claim(out: Path) -> Path:
    """A folder that is new or empty, so that no real data are mixed with drawn ones.

    Raises:
        MedVidBenchError: `out` is a file or holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MedVidBenchError(f"{out} is not an empty folder.", accepted="a folder that is new or empty")
    out.mkdir(parents=True, exist_ok=True)
    return out


def mark(root: Path, name: str) -> None:
    """Writes the marker file that says that the dataset at `root` is drawn."""
    text = (
        "SYNTHETIC DATA\n"
        f"Drawn and labelled by medvidbench.synthetic in the file layout of {name}.\n"
        "No patient, no surgery, no camera.\n"
        f"Results on these recordings say nothing about {name} or about medicine. Apache-2.0.\n"
    )
    write_text(root / SYNTHETIC_MARKER, text)


def write_text(path: Path, text: str, newline: str = "\n") -> None:
    """Writes UTF-8 text, its line ends as given; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.replace("\n", newline).encode("utf-8"))


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Writes JSON without NaN, so that every reader takes it."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False))


def write_table(path: Path, rows: Iterable[Sequence[object]], separator: str = ",", newline: str = "\n") -> None:
    """Writes rows of plain cells (no quotes, no separators inside them), the header first."""
    write_text(path, "".join(separator.join(map(str, row)) + "\n" for row in rows), newline)
