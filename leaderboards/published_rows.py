"""The published results of MedVidBench as entries: 14 models of arXiv 2512.06581 and of its public leaderboard.

They have three digits, no intervals and no counts; the numbers are kept as published. A pair that the metric can't
give (TAG_mIoU@0.5 over TAG_mIoU@0.3 / 0.3, of Qwen2.5-VL-7B) stands there with a flag.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from medvidbench.leaderboards.entries import Entry, JudgeMark, Number, ProtocolName, ProtocolNumbers
from medvidbench.leaderboards.from_results import flags_of, slug

NOTE = "published without interval and count"


@lru_cache(maxsize=1)
def published_entries() -> tuple[Entry, ...]:
    """The published rows, in the order of the publication."""
    text = files("medvidbench.leaderboards").joinpath("published/medvidbench.json").read_text(encoding="utf-8")
    content = json.loads(text)
    return tuple(_entry(row, content) for row in content["rows"])


def _entry(row: dict[str, Any], content: dict[str, Any]) -> Entry:
    source = content["sources"][row["source"]]
    values = zip(content["columns"], row["values"], strict=True)
    metrics = {name: Number(value=value, note=NOTE) for name, value in values}
    numbers: dict[ProtocolName, ProtocolNumbers] = {
        "official": ProtocolNumbers(version="public evaluator", metrics=metrics)
    }
    return Entry(
        entry_id=f"published-{slug(row['model'])}",
        model=row["model"],
        team=row["team"],
        link=row["link"],
        date=source["date"],
        table="published",
        protocols=numbers,
        judges=(JudgeMark(name=content["judge"], kind="llm"),),
        flags=flags_of(numbers),
        source=source["text"],
    )
