"""What the annotations say about one caption question's clip: all that a prompt, a rule or a check may know of it.

Made once by the plan stage from the recording, so that later stages don't read the raw dataset again. All times are
seconds from the start of the clip; boxes are xyxy pixels of the original frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from medvidbench.records import Box, Event, Segment


@dataclass(frozen=True, slots=True)
class SeenBox:
    """An object that the annotations place on a frame."""

    label: str
    track_id: str
    box: Box


@dataclass(frozen=True, slots=True)
class NamedLabel:
    """A label that holds at a moment; `kind` as in `Segment`."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What the annotations say about one frame of the prompt.

    Attributes:
        time: seconds from the start of the clip.
        frame_path: the frame's file as in `Sample.frame_paths`; "" while it is inside the video.
    """

    time: float
    frame_path: str
    boxes: tuple[SeenBox, ...]
    labels: tuple[NamedLabel, ...]


@dataclass(frozen=True, slots=True)
class LabelSet:
    """All labels of one kind that the source knows."""

    kind: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """See the module.

    Attributes:
        sample_id: of the question that it belongs to.
        moments: the frames that the prompt shows, ascending, at most `MAX_MOMENTS`.
        segments: labelled intervals cut to the clip, ascending.
        vocabulary: the source's label sets, and the tracks' labels under the kind "object".
        transcript: what is said in the clip, cut to it.
        video_title: the web video's title or the procedure, in words, or "".
    """

    sample_id: str
    source: str
    recording_id: str
    procedure: str
    duration: float
    moments: tuple[Moment, ...]
    segments: tuple[Segment, ...]
    vocabulary: tuple[LabelSet, ...]
    transcript: tuple[Event, ...]
    video_title: str = ""


MAX_MOMENTS = 12
"""Frames in one caption prompt, spread evenly over those of the clip."""
