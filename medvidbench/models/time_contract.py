"""The time contract: what a model is told about when its frames were taken must equal when they were taken.

Every adapter says through which channel times reach its model, renders a question, and reads the announced times back
from what it rendered: from the processor's tensors or from the text of the request, never from the times that it was
given. `check_times` compares them with the frames'. Where this is skipped, a clip sampled at 0.5 frames/s is shown as
if it lasted a 48th of its time (0.5 taken for 24), and no error is raised anywhere: a published 43.6 mIoU became 29.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple, Protocol

from medvidbench.errors import MedVidBenchError
from medvidbench.video.frames import FrameSet

GRID = "second_per_grid_ts"
"""One constant step for the whole video, in the tensors that place its tokens."""
GRID_AND_TEXT = "time text before runs of frames, second_per_grid_ts within"
"""For frames that no constant step describes."""
TEXT = "time text between frames"
"""A text such as "<12.0 seconds>" before each picture."""
PROCESSOR_TEXT = "time text by the processor, from full video metadata"
"""The model's own processor writes the times between the frames."""

MOMENT = 0.05
"""Seconds by which a lone frame may be off: half of the last digit of the benchmark's times."""
HOLE = 1.5
"""A gap of more than this many sampling steps is a hole."""
ROUNDING = 1e-6
"""Seconds that the comparison allows for the arithmetic itself."""


@dataclass(frozen=True)
class VideoQuestion:
    """One question about frames with times, for any adapter.

    Attributes:
        sample_id: comes back with the reply.
        text: the question, which may hold the role sentence.
        frames: what is shown; `t_seconds` count from the start of the clip, as the question's times do. None: the
            question alone is asked.
        system: the system message; "" for the model's own default.
        fps: frames per second at which the clip was sampled, where known; else the median gap tells.
        max_new_tokens: tokens of an answer, at most.
        temperature: 0 for the likeliest token at each step.
    """

    sample_id: str
    text: str
    frames: FrameSet | None
    system: str = ""
    fps: float | None = None
    max_new_tokens: int = 256
    temperature: float = 0.0


class Announced(NamedTuple):
    """Frames that a model gets as one unit, and when it is told that they were taken.

    Attributes:
        start, end: seconds. A unit with `end > start` lasts from the one to the other, its frames at equal distances
            from `start` on. One with `end == start` is a single moment that stands for all its frames.
        frames: their positions in the `FrameSet`; a frame that was only repeated to fill the unit is not listed again.
    """

    start: float
    end: float
    frames: tuple[int, ...]


class VideoModel(Protocol):
    """What `check_times` needs of an adapter."""

    def prepare(self, question: VideoQuestion) -> Any:
        """All that the model will be given for the question."""

    def describe_times(self, prepared: Any) -> list[Announced]:
        """The announced times, read back from what was prepared."""

    def channel(self, prepared: Any) -> str:
        """How they reach the model."""


@dataclass(frozen=True)
class TimeProof:
    """What came of one check.

    Attributes:
        channel: how times reach the model.
        announced, true: seconds, one for each announced moment, in the order of the prompt.
        worst_error: the largest difference, seconds; infinite when a frame was never announced.
        half_step: half a sampling step, seconds: the most that is accepted.
        passed: whether every frame was announced once and within half a step.
        detail: one sentence for people.
    """

    channel: str
    announced: tuple[float, ...]
    true: tuple[float, ...]
    worst_error: float
    half_step: float
    passed: bool
    detail: str


def sampling_step(times: Sequence[float], fps: float | None = None) -> float:
    """`1 / fps` where known, else the median gap between frames in the order of time; 0 for less than two frames.

    >>> sampling_step([0.0, 2.0, 4.0, 20.0])
    2.0
    """
    if fps:
        return 1.0 / fps
    ordered = sorted(times)
    gaps = [b - a for a, b in pairwise(ordered) if b > a]
    return median(gaps) if gaps else 0.0


def check_times(model: VideoModel, frames: FrameSet, fps: float | None = None) -> TimeProof:
    """Render a question on `frames` and compare what the model is told about their times with the truth.

    An adapter that can't render it, or whose tensors contradict each other, fails the check; nothing is raised.
    """
    question = VideoQuestion("time check", "When does it happen?", frames, fps=fps, max_new_tokens=1)
    true = frames.t_seconds.tolist()
    half = max(sampling_step(true, fps) / 2, 0.0) or MOMENT
    try:
        prepared = model.prepare(question)
        units, channel = model.describe_times(prepared), model.channel(prepared)
    except MedVidBenchError as error:
        return TimeProof("none", (), tuple(true), float("inf"), half, False, f"no times could be read back: {error}")
    return compare_times(channel, units, true, half)


def compare_times(channel: str, units: Sequence[Announced], true: Sequence[float], half_step: float) -> TimeProof:
    """The proof for announced `units` of frames taken at `true` seconds."""
    told = [frame for unit in units for frame in unit.frames]
    pairs = [pair for unit in units for pair in _moments(unit, true, half_step)]
    announced, times = tuple(a for a, _ in pairs), tuple(t for _, t in pairs)
    if sorted(told) != list(range(len(true))):
        lost = f"{len(true)} frames were given, {len(set(told))} of them announced, {len(told)} announcements in all"
        return TimeProof(channel, announced, times, float("inf"), half_step, False, lost)
    errors = [abs(a - t) for a, t in pairs]
    worst = max(errors, default=0.0)
    passed = worst <= half_step + ROUNDING
    detail = f"{len(true)} frames, worst error {worst:.3f} s of {half_step:.3f} s allowed (half a sampling step)"
    if not passed:
        at = errors.index(worst)
        detail += f": the frame at {times[at]:.2f} s is announced at {announced[at]:.2f} s"
    return TimeProof(channel, announced, times, worst, half_step, passed, detail)


def _moments(unit: Announced, true: Sequence[float], half_step: float) -> list[tuple[float, float]]:
    """(announced, true) of each frame of a lasting unit, or of the unit as a whole when it is one moment.

    A moment stands for frames that are at most a hole's width apart; frames on both sides of a hole are each compared
    with it, and fail.
    """
    inside = [true[frame] for frame in unit.frames if frame < len(true)]
    if not inside:
        return []
    if unit.end > unit.start:
        width = (unit.end - unit.start) / len(unit.frames)
        return [(unit.start + place * width, time) for place, time in enumerate(inside)]
    if max(inside) - min(inside) > HOLE * 2 * half_step * (len(inside) - 1) + ROUNDING:
        return [(unit.start, time) for time in inside]
    return [(unit.start, sum(inside) / len(inside))]
