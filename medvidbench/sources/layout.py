"""Where the synthetic marker may lie."""

from __future__ import annotations

from pathlib import Path

from medvidbench.sources.base import SYNTHETIC_MARKER
from medvidbench.sources.files import Files


def is_marked_synthetic(root: Path) -> bool:
    """Whether the marker file lies at the root or in a folder directly below it."""
    places = [root, *(Path(entry.path) for entry in Files(root).entries(root))]
    return any((place / SYNTHETIC_MARKER).is_file() for place in places)
