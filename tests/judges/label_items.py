"""Captions to rate, and clinicians' files as the sheet saves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.judges.certificate.sheet import LabelItem, Sheet, SheetItem

EVIL = '</script><img src=x onerror="alert(1)"><b>bold</b>'


def label_item(number: int, score: float | None = 3.0, writer: str = "model-a", source: str = "AVOS") -> LabelItem:
    """The n-th caption; four captions share a group."""
    pair = CaptionPair(f"row-{number}", "VS", source, f"The hook cuts duct {number}.", f"A tool cuts {number}. {EVIL}")
    return LabelItem(pair, f"group-{number // 4}", writer, None if score is None else (score,) * 5)


def saved_file(
    folder: Path, sheet: Sheet, clinician: str, rate: Callable[[SheetItem], Mapping[str, int] | None]
) -> Path:
    """A clinician's file; `rate` gives the scores of an item, or None to leave it out."""
    answers = {item.item: {"scores": dict(rated)} for item in sheet.items if (rated := rate(item)) is not None}
    content = {"format": "medvidbench-judge-labels", "version": 1, "sheet": sheet.digest, "clinician": clinician}
    file = folder / f"{clinician}.json"
    file.write_text(json.dumps(content | {"answers": answers}))
    return file


def all_five(score: int) -> dict[str, int]:
    return dict.fromkeys(DIMENSIONS, score)
