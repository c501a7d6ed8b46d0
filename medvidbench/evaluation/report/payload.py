"""The rows as the page's script reads them: columns of JSON, deflated, in base64.

Strings stand in a table of their own with one index a row, so that a question asked a hundred times is kept once. What
was read and what is true are JSON texts inside the JSON: the page parses those of the row that is shown, not 6,245.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from medvidbench.evaluation.protocols.strict import reading_of
from medvidbench.evaluation.report.inputs import JUDGE_COLUMNS, Item, ReportInput
from medvidbench.evaluation.report.thumbnails import Thumbnails
from medvidbench.evaluation.report.wording import headline_metric, is_wrong
from medvidbench.records import TASK_NAMES, Label, Sample
from medvidbench.tasks.scoring import normal_label

ANSWER_CHARACTERS = 8_000_000
"""Characters of answers that a page carries in all: bounds its size, whatever a model has written."""
LONGEST_ANSWER = 20_000
STATES = ("scored", "unparsed", "unscored")
_SURROGATE = re.compile("[\ud800-\udfff]")


def deflated(data: Any) -> str:
    """JSON text of the data, deflated (zlib), in base64; the page undoes it with `DecompressionStream`.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    escaped = _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return base64.b64encode(zlib.compress(escaped.encode("utf-8"), 9)).decode("ascii")


def payload_of(report: ReportInput, frames: Thumbnails | None = None) -> dict[str, Any]:
    """Everything that the sample browser shows, one list a column.

    Args:
        report: results and rows.
        frames: the pictures that the page holds.
    """
    items, shown = report.items, frames or Thumbnails()
    return {
        "tasks": list(TASK_NAMES),
        "states": list(STATES),
        "id": [item.row["sample_id"] for item in items],
        "task": [TASK_NAMES.index(item.row["task"]) for item in items],
        **{name: strings([str(item.row[name] or "") for item in items]) for name in ("source", "group", "qa_type")},
        "clip": strings([item.row["clip_id"] for item in items]),
        **_questions([item.sample for item in items], shown.sizes),
        **_answers(items),
        "judge": strings([_judge(item) for item in items]),
        "protocols": {p.protocol: _protocol(report, p.protocol) for p in report.results.protocols()},
        "frames": [[list(frame) for frame in shown.by_sample.get(item.row["sample_id"], ())] for item in items],
    }


def strings(values: Sequence[str | None]) -> dict[str, Any]:
    """A column of texts: `{"t": distinct texts, "i": index of each row's text}`."""
    table: dict[str | None, int] = {}
    index = [table.setdefault(value, len(table)) for value in values]
    return {"t": list(table), "i": index}


def answer_cap(lengths: Sequence[int], total: int = ANSWER_CHARACTERS, longest: int = LONGEST_ANSWER) -> int:
    """The largest number of characters an answer that keeps all answers together within `total`.

    >>> answer_cap([10, 10, 1000], total=120)  # 10 + 10 + 100
    100
    """
    left, count = total, len(lengths)
    for length in sorted(lengths):
        if min(length, longest) * count > left:
            return max(1, min(longest, left // count))
        left, count = left - min(length, longest), count - 1
    return longest


def _questions(samples: Sequence[Sample | None], sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    return {
        "question": strings([s.question if s else "" for s in samples]),
        "target": strings([s.target if s else "" for s in samples]),
        "reference": strings([(s.answer or "") if s else "" for s in samples]),
        "truth": strings([_truth(s) for s in samples]),
        "clipInfo": strings([_clip_info(s, sizes) for s in samples]),
    }


def _answers(items: Sequence[Item]) -> dict[str, Any]:
    given = [item.row["answer"] for item in items]
    cap = answer_cap([len(a) for a in given if a])
    return {
        "answer": strings([None if a is None else a[:cap] for a in given]),
        "cut": [[i, len(a)] for i, a in enumerate(given) if a is not None and len(a) > cap],
    }


def _truth(sample: Sample | None) -> str:
    if sample is None or sample.truth is None:
        return ""
    found = reading_of(sample.truth)
    if isinstance(sample.truth, Label):
        found["normal"] = normal_label(sample.truth.label)
    return json.dumps(found, ensure_ascii=False)


def _clip_info(sample: Sample | None, sizes: Mapping[str, tuple[int, int]]) -> str:
    """What drawing needs: length, rate, frame size and region, and what a reader of the page may ask for."""
    if sample is None:
        return ""
    region = sample.region
    size = (sample.width, sample.height) if sample.width and sample.height else sizes.get(sample.sample_id)
    info = {
        "duration": sample.duration,
        "fps": sample.fps if sample.fps - sample.fps == 0.0 else None,
        "size": size,
        "shown": len(sample.frame_times),
        "recording": sample.recording_id,
        "by": sample.generator,
        "region": None if region is None else {"time": region.time, "box": _corners(region.box)},
    }
    return json.dumps(info, ensure_ascii=False, allow_nan=False)


def _corners(box: Any) -> list[float]:
    return [box.x1, box.y1, box.x2, box.y2]


def _judge(item: Item) -> str:
    """What a judge said of the row, as text; "" where the row file has no such column."""
    found = [item.row[name] for name in JUDGE_COLUMNS if item.row.get(name)]
    parts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str) for value in found]
    return "\n".join(parts)


def _protocol(report: ReportInput, protocol: str) -> dict[str, Any]:
    table = next(p for p in report.results.protocols() if p.protocol == protocol)
    rows = [item.rows.get(protocol) for item in report.items]
    names = sorted({n["name"] for row in rows if row for n in row["numbers"]})
    place = {name: i for i, name in enumerate(names)}
    heads = [headline_metric(row, table.metrics) if row else "" for row in rows]
    scores = [_number(row, name) if row else None for row, name in zip(rows, heads, strict=True)]
    return {
        "metrics": names,
        "state": [STATES.index(row["status"]) if row else STATES.index("unscored") for row in rows],
        "reason": strings([(row["reason"] or "") if row else "no line in the row file" for row in rows]),
        "numbers": [_pairs(row, place) if row else [] for row in rows],
        "score": scores,
        "headline": strings(heads),
        "wrong": [
            int(row is not None and is_wrong(row["task"], row["status"], name, score))
            for row, name, score in zip(rows, heads, scores, strict=True)
        ],
        "reading": strings([(row["reading"] or "") if row else "" for row in rows]),
    }


def _number(row: Mapping[str, Any], name: str) -> float | None:
    return next((_plain(n["value"]) for n in row["numbers"] if n["name"] == name), None)


def _pairs(row: Mapping[str, Any], place: Mapping[str, int]) -> list[Any]:
    """The row's numbers as one flat list: number of the metric, value, number of the metric, value, ..."""
    return [x for n in row["numbers"] for x in (place[n["name"]], _plain(n["value"]))]


def _plain(value: float | None) -> float | None:
    """Four decimals are enough to look at; JSON has no nan."""
    return None if value is None or value - value != 0.0 else round(value, 4)
