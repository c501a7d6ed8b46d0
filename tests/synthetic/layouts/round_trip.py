"""Comparing what an adapter read with what a scene says, for every layout's round trip."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from medvidbench.records import Box, Recording, TimedBox, Track
from medvidbench.sources.registry import source_of
from medvidbench.synthetic.layouts import expected, write_layout

HUNDREDTH = 2
"""Decimals of a pixel to which boxes are compared: quotients by the frame's size carry float dust."""


def read_and_expected(key: str, out: Path, recordings: int, seconds: int = 24, seed: int = 5) -> tuple[Any, Any]:
    """Writes a layout, reads it with its adapter, and returns both sides as lists of recordings."""
    scenes = write_layout(key, out, recordings, seconds, seed)
    return list(source_of(key).recordings(out)), expected(key, scenes)


def assert_equal(read: list[Recording], wanted: list[Recording]) -> None:
    """Field by field, so that a failure names the recording and the field."""
    assert [r.recording_id for r in read] == [r.recording_id for r in wanted]
    for found, want in zip(read, wanted, strict=True):
        for item in fields(Recording):
            if item.name == "findings":
                continue
            have, should = getattr(_rounded(found), item.name), getattr(_rounded(want), item.name)
            assert have == should, f"{found.recording_id}: {item.name}"


def _rounded(recording: Recording) -> Recording:
    return replace(recording, tracks=tuple(_track(track) for track in recording.tracks))


def _track(track: Track) -> Track:
    return replace(track, boxes=tuple(TimedBox(timed.time, _box(timed.box)) for timed in track.boxes))


def _box(box: Box) -> Box:
    corners = (round(corner, HUNDREDTH) for corner in (box.x1, box.y1, box.x2, box.y2))
    return Box(*corners)
