"""The typed rows that travel between rooms and onto disk.

Times are seconds. In a `Recording` they are on the recording's own axis; in a `Sample` and in every
answer they are relative to the start of the clip. Boxes are xyxy pixels of the original frame.
`medvidbench.arrow` derives the Parquet schema from these classes, so a field is declared once, here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

TaskName: TypeAlias = Literal["TAG", "STG", "DVC", "VS", "RC", "NAP", "SA", "CVS"]
TASK_NAMES: tuple[TaskName, ...] = ("TAG", "STG", "DVC", "VS", "RC", "NAP", "SA", "CVS")
Split: TypeAlias = Literal["train", "test"]
Status: TypeAlias = Literal["scored", "unparsed", "unscored"]
Granularity: TypeAlias = Literal["video", "segment", "frame"]
GRANULARITY: dict[TaskName, Granularity] = {
    "TAG": "segment",
    "STG": "frame",
    "DVC": "segment",
    "VS": "video",
    "RC": "segment",
    "NAP": "video",
    "SA": "video",
    "CVS": "video",
}
"""The level at which a task looks at a video (arXiv 2512.06581)."""


# --- what a question is about, and what an answer says ---------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open interval [start, end) in seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, xyxy pixels of the original frame, x2 and y2 exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class TimedBox:
    """One object's box at one time in seconds."""

    time: float
    box: Box


@dataclass(frozen=True, slots=True)
class Event:
    """One dense-captioning event: an interval in seconds and its description."""

    start: float
    end: float
    caption: str


@dataclass(frozen=True, slots=True)
class Rating:
    """One named score: a skill aspect (1 to 5) or a critical-view criterion (0 to 2)."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Spans:
    """TAG: every interval in which the queried action happens."""

    spans: tuple[Span, ...]
    flags: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class BoxTrack:
    """STG: the queried object's boxes, ascending in time."""

    boxes: tuple[TimedBox, ...]
    flags: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Events:
    """DVC: the events of the clip, in the order given."""

    events: tuple[Event, ...]
    flags: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Caption:
    """VS and RC: free text."""

    text: str
    flags: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Label:
    """NAP: one class name."""

    label: str
    flags: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Ratings:
    """SA and CVS: named integer scores, in the task's order."""

    ratings: tuple[Rating, ...]
    flags: tuple[str, ...] = field(default=(), compare=False)


# `flags` says how an answer was read when it was not the plain grammar ("frame_numbers",
# "boxes_0_1", "json", ...). It never takes part in equality: read(write(x)) == x.
Content: TypeAlias = Spans | BoxTrack | Events | Caption | Label | Ratings


# --- raw sources --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """A bad row, file or value: where it was, what it was, what was done about it."""

    file: str
    row: str
    what: str
    done: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A labelled interval of a recording; `kind` names the label set (phase, triplet, gesture, ...)."""

    start: float
    end: float
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed through a recording."""

    track_id: str
    label: str
    boxes: tuple[TimedBox, ...]


@dataclass(frozen=True, slots=True)
class FrameFile:
    """One extracted frame on disk and its time on the recording's axis."""

    path: str
    time: float


@dataclass(frozen=True, slots=True)
class RatedInterval:
    """Named integer scores that hold over an interval (critical view) or a whole trial (skill)."""

    start: float
    end: float
    ratings: tuple[Rating, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """A source's output: one video, or one folder of frames, with its truth on one time axis.

    Attributes:
        source: data source name as published, e.g. "CholecT50".
        recording_id: the source's own id, unique within the source.
        group: patient, trainee or physical video: the unit of splitting and of error bars. Equal
            across sources when they share the physical video.
        duration: seconds.
        native_fps: frames per second of the annotation's index (not of later sampling).
        video: path of the video file, or "" when the source ships frames.
        frames: extracted frames ascending in time; empty when `video` is set or nothing is on disk.
        labels: full label set by kind, in the source's order, also for labels absent here.
        official_split: the source's own split name, or "".
        procedure: the procedure shown, in words a clinician would use, or "".
    """

    source: str
    recording_id: str
    group: str
    duration: float
    native_fps: float
    width: int
    height: int
    video: str = ""
    frames: tuple[FrameFile, ...] = ()
    segments: tuple[Segment, ...] = ()
    tracks: tuple[Track, ...] = ()
    rated: tuple[RatedInterval, ...] = ()
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    transcript: tuple[Event, ...] = ()
    official_split: str = ""
    procedure: str = ""
    findings: tuple[Finding, ...] = ()


# --- the benchmark ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """The region-caption box: which frame it is drawn on, and where.

    `frame_path` is "" while that frame is still inside a video; `time` is clip-relative seconds, None when unknown.
    """

    frame_path: str
    box: Box
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row's reference answer comes from.

    Attributes:
        source_row: what in the raw dataset it was made from: recording and interval on the recording's axis.
        template: name and version of the prompt template, or of the rules that worded the answer; "" for a plain label.
        template_sha256: of the template's text; "" without one.
        model: as asked for, e.g. "gpt-4.1"; "offline:plain" for rules; "" for an answer that is the annotation itself.
        model_version: as the server named it.
        partner: `sample_id` of the row with the other model's answer to the same question, or "".
        similarity: of the two answers, in [-1, 1]; None without a partner.
        similarity_method: "minilm", "ngram", or "".
        decision: "annotation" (never judged), "accepted" (passed validation), "reviewed" (a person kept it) or
            "imported".
        call_key: key of the paid call in the cache, or "".
    """

    source_row: str
    template: str = ""
    template_sha256: str = ""
    model: str = ""
    model_version: str = ""
    partner: str = ""
    similarity: float | None = None
    similarity_method: str = ""
    decision: str = "annotation"
    call_key: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question with its truth; one row of the benchmark.

    Attributes:
        sample_id: `make_sample_id(...)`, the key for every join.
        clip_id: the published `{video_id}&&{start}&&{end}&&{fps}`; an alias, not unique.
        qa_type: the published task name, e.g. "dense_captioning_gpt".
        clip_start, clip_end: bounds in the source's published unit (`clip_unit`).
        clip_unit: which published naming the bounds came under.
        fps: sampling rate of the frames shown to a model, in 1/s.
        duration: length of the clip in seconds, or None when it can't be known.
        frame_times: when the frames that a model is shown were taken, seconds from the start of the clip.
        frame_paths: their files, relative to the source's folder (to the frame store when `video` is set too); empty
            while the frames are still inside `video`, or when nothing is on disk.
        target: what is asked for: the action of TAG, the object of STG and RC.
        choices: the label list that the question offers, in its order.
        answer: the reference answer as text; None in a question-only export.
        truth: the reference, structured; None in a question-only export.
        generator: who wrote the answer: "annotations", a model name, or "published".
        residue: JSON object with the published row's fields that the typed ones can't rebuild.
        video: the video that the frames are taken from, relative to the source's folder; "" for extracted frames.
        clip_offset: where the clip begins, seconds on the recording's axis: frame k is at clip_offset + frame_times[k].
        provenance: where the reference answer comes from; None in a question-only export.
    """

    sample_id: str
    clip_id: str
    source: str
    recording_id: str
    group: str
    split: Split
    task: TaskName
    qa_type: str
    clip_start: float
    clip_end: float
    clip_unit: Literal["input_video_frame", "input_video_time", "frame"]
    fps: float
    duration: float | None
    width: int | None
    height: int | None
    frame_paths: tuple[str, ...]
    frame_times: tuple[float, ...]
    question: str
    target: str
    choices: tuple[str, ...]
    region: Region | None
    answer: str | None
    truth: Content | None
    generator: str
    residue: str = "{}"
    video: str = ""
    clip_offset: float = 0.0
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's reply to one sample. `error` set means the call failed: it has no text and no score."""

    sample_id: str
    model: str
    text: str | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """One row's outcome under one metric.

    `value` is a number only when `status` is "scored", or when it is "unparsed" under a protocol that
    counts an unreadable answer (strict: 0). "unscored" never carries a number and always a reason.
    """

    sample_id: str
    metric: str
    status: Status
    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unparsed:
    """An answer that was given but can't be read; `reason` says what was looked for."""

    reason: str


def make_sample_id(
    source: str, recording_id: str, clip_start: float, clip_end: float, fps: float, qa_type: str, question: str
) -> str:
    """24 hex digits of the SHA-256 over everything that makes a question distinct.

    The published id repeats (3,975 ids on 6,245 rows), so it can't be a key. Numbers are hashed by
    value: "1", 1 and 1.0 give the same id.
    """
    key = [source, recording_id, float(clip_start), float(clip_end), float(fps), qa_type, question]
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
