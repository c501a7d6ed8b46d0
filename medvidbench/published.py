"""The published JSON row and the evaluator's merged row: to a `Sample` and back, losslessly.

Typed fields carry what the project works with. Whatever they can't rebuild (an unusual key, a bound
written as text, another shape of `struc_info`) is kept as the row's `residue` and laid over the
rebuilt row on writing, so `to_published(from_published(row)) == row` for every row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Literal, TypedDict

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, Region, Sample, Split, TaskName, make_sample_id
from medvidbench.sources.groups import group_of
from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS, number, read_truth, write_truth

ClipUnit = Literal["input_video_frame", "input_video_time", "frame"]
BOUND_KEYS: dict[ClipUnit, tuple[str, str]] = {
    "input_video_frame": ("input_video_start_frame", "input_video_end_frame"),
    "input_video_time": ("input_video_start_time", "input_video_end_time"),
    "frame": ("start_frame", "end_frame"),
}
VIDEO_MARK = "<video>\n"


class MergedRow(TypedDict, total=False):
    """One value of the merged file: question, truth and a model's answer in one object.

    Values come from outside and may have any JSON type; readers check before they use them.
    """

    metadata: dict[str, Any]
    qa_type: str
    struc_info: Any
    question: str
    gnd: str
    answer: Any
    data_source: str


def from_published(row: Mapping[str, Any]) -> Sample:
    """A published row as a `Sample`.

    Raises:
        MedVidBenchError: when the row has no `qa_type` or no question.
    """
    question, answer = _turns(row.get("conversations"))
    sample = _sample(row, question, answer, "published")
    return _with_residue(sample, row, to_published(sample))


def from_merged(row: Mapping[str, Any], keep_residue: bool = True) -> Sample:
    """A merged row as a `Sample`; the model's answer stays in the row, and is not part of the sample.

    Args:
        keep_residue: keep what `to_merged` needs to give the very row back; scoring has no use for it.

    Raises:
        MedVidBenchError: when the row has no `qa_type`.
    """
    gold = row.get("gnd")
    sample = _sample(row, str(row.get("question") or ""), gold if isinstance(gold, str) else None, "published")
    if not keep_residue:
        return sample
    kept = {key: value for key, value in row.items() if key != "answer"}
    return _with_residue(sample, kept, to_merged(sample))


def to_published(sample: Sample) -> dict[str, Any]:
    """The row in the published form; without truth when the sample has none."""
    turns = [{"from": "human", "value": VIDEO_MARK + sample.question}]
    if sample.answer is not None:
        turns.append({"from": "gpt", "value": sample.answer})
    row: dict[str, Any] = {
        "id": sample.clip_id,
        "video": list(sample.frame_paths),
        "sampled_video_frames": [_frame_number(p, i) for i, p in enumerate(sample.frame_paths)],
        "conversations": turns,
        "qa_type": sample.qa_type,
        "data_source": sample.source,
        "dataset_name": sample.source,
        "metadata": _metadata(sample),
        "is_RC": sample.region is not None,
        "RC_info": _region_info(sample.region),
        "train": sample.split == "train",
        "struc_info": write_truth(sample.truth, sample.target),
    }
    return _overlay(row, sample.residue)


def to_merged(sample: Sample, **answer: Any) -> dict[str, Any]:
    """The row in the merged form; pass `answer=` to add a model's answer."""
    row: dict[str, Any] = {
        "metadata": _metadata(sample),
        "qa_type": sample.qa_type,
        "struc_info": write_truth(sample.truth, sample.target),
        "question": sample.question,
        "gnd": sample.answer or "",
        "data_source": sample.source,
    }
    return {**_overlay(row, sample.residue), **answer}


def _sample(row: Mapping[str, Any], question: str, answer: str | None, generator: str) -> Sample:
    # tasks.registry needs records only, but it is bound late so that this module loads in a few ms
    from medvidbench.tasks.registry import task_of

    qa_type = row.get("qa_type")
    if not isinstance(qa_type, str):
        raise MedVidBenchError(f"A row has qa_type {qa_type!r}.", "one of the published task names, as text")
    task = task_of(qa_type)
    found = row.get("metadata")
    metadata: Mapping[str, Any] = found if isinstance(found, dict) else {}
    unit, start, end = _bounds(metadata)
    fps = _or_nan(metadata.get("fps"))
    video = row.get("video")
    paths = tuple(p for p in video if isinstance(p, str)) if isinstance(video, list) else ()
    source = _text(row.get("data_source")) or _text(row.get("dataset_name")) or _text(row.get("dataset")) or "unknown"
    recording = str(metadata.get("video_id", ""))
    truth, target = read_truth(task, row.get("struc_info"), answer)
    return Sample(
        sample_id=make_sample_id(source, recording, start, end, fps, qa_type, question),
        clip_id=str(
            row.get("id") or "&&".join((recording, str(_plain(start)), str(_plain(end)), str(metadata.get("fps"))))
        ),
        source=source,
        recording_id=recording,
        group=group_of(source, recording),
        split=_split(row),
        task=task,
        qa_type=qa_type,
        clip_start=start,
        clip_end=end,
        clip_unit=unit,
        fps=fps,
        duration=_duration(unit, start, end, len(paths), fps),
        width=None,
        height=None,
        frame_paths=paths,
        frame_times=tuple(i / fps for i in range(len(paths))) if fps > 0 else (),
        question=question,
        target=target,
        choices=_choices(task),
        region=_region(row.get("RC_info")),
        answer=answer,
        truth=truth,
        generator=generator,
    )


def _choices(task: TaskName) -> tuple[str, ...]:
    """The aspect names that SA and CVS questions always offer; other lists stand in the question's words only."""
    return {"SA": SKILL_ASPECTS, "CVS": tuple(CVS_KEYS)}.get(task, ())


def _turns(conversations: object) -> tuple[str, str | None]:
    values: dict[str, str] = {}
    for turn in conversations if isinstance(conversations, list) else ():
        if isinstance(turn, dict) and isinstance(turn.get("value"), str):
            values.setdefault(str(turn.get("from")), turn["value"])
    if "human" not in values:
        raise MedVidBenchError("A published row has no human turn in `conversations`.", '[{"from": "human", ...}]')
    return values["human"].removeprefix(VIDEO_MARK), values.get("gpt")


def _bounds(metadata: Mapping[str, Any]) -> tuple[ClipUnit, float, float]:
    for unit, (first, last) in BOUND_KEYS.items():
        if first in metadata or last in metadata:
            return unit, _or_nan(metadata.get(first)), _or_nan(metadata.get(last))
    return "input_video_frame", math.nan, math.nan


def _duration(unit: ClipUnit, start: float, end: float, frames: int, fps: float) -> float | None:
    """Clip length in seconds: bounds when they are seconds, else frames shown over their rate."""
    if unit == "input_video_time" and end > start:
        return end - start
    return frames / fps if frames and fps > 0 else None


def _metadata(sample: Sample) -> dict[str, Any]:
    first, last = BOUND_KEYS[sample.clip_unit]
    bounds = {first: _plain(sample.clip_start), last: _plain(sample.clip_end)}
    return {"video_id": sample.recording_id, "fps": str(sample.fps), **bounds}


def _plain(value: float) -> float | int:
    return int(value) if math.isfinite(value) and value == int(value) else value


def _region(info: object) -> Region | None:
    if not isinstance(info, dict):
        return None
    corners = [number(v) for v in info.get("start_frame_bbox") or ()]
    known = [c for c in corners if c is not None]
    if len(known) != 4:
        return None
    return Region(str(info.get("start_frame", "")), Box(*known))


def _region_info(region: Region | None) -> dict[str, Any] | None:
    if region is None:
        return None
    box = region.box
    return {"start_frame": region.frame_path, "start_frame_bbox": [box.x1, box.y1, box.x2, box.y2]}


def _split(row: Mapping[str, Any]) -> Split:
    return "train" if row.get("train") is True else "test"


def _frame_number(path: str, index: int) -> int:
    stem = PurePosixPath(path).stem
    return int(stem) if stem.isascii() and stem.isdigit() else index


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _or_nan(value: object) -> float:
    found = number(value)
    return math.nan if found is None else found


def _with_residue(sample: Sample, row: Mapping[str, Any], rebuilt: dict[str, Any]) -> Sample:
    fields = {key: value for key, value in row.items() if key not in rebuilt or not _same(rebuilt[key], value)}
    absent = [key for key in rebuilt if key not in row]
    if not fields and not absent:
        return sample
    return replace(sample, residue=json.dumps({"fields": fields, "absent": absent}, ensure_ascii=False))


def _same(a: object, b: object) -> bool:
    """Equal as JSON text: 1 and 1.0, "1" and 1, or True and 1 are different ways to write a value."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _overlay(row: dict[str, Any], residue: str) -> dict[str, Any]:
    if residue == "{}":
        return row
    kept = json.loads(residue)
    return {k: v for k, v in {**row, **kept["fields"]}.items() if k not in kept["absent"]}
