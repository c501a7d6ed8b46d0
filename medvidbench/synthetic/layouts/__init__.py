"""Writers that put simulated scenes on disk as each of the eight raw datasets lies there."""

from __future__ import annotations

from medvidbench.synthetic.layouts.registry import LAYOUT_KEYS, expected, scenes_of, write_all, write_layout

__all__ = ["LAYOUT_KEYS", "expected", "scenes_of", "write_all", "write_layout"]
