"""Asking a model every question of a benchmark: frames decoded ahead, answers kept as they come, no call repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.answers import AnswerFile, Kept
from medvidbench.evaluation.asking import Asker
from medvidbench.evaluation.clips import ClipJob, Shrink, clip_job, load_clip
from medvidbench.evaluation.prefetch import Prefetched
from medvidbench.models.base import question_only
from medvidbench.models.messages import Reply
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.records import Sample, Unparsed
from medvidbench.tasks.registry import TASKS, context_of
from medvidbench.video.workers import run_jobs

LOOK_AHEAD = 8
"""Questions with frames that may wait for the model: bounds the memory."""
NO_FRAMES = "frames"
"""How the error of an answer begins whose frames could not be read: the model was not asked."""


class Answering(Protocol):
    """What the runner needs of a model."""

    def answer_videos(self, questions: Iterator[VideoQuestion]) -> Iterator[Reply]:
        """One reply for each question, in any order."""


@dataclass
class Progress:
    """How a run stands.

    Attributes:
        total: questions of this shard.
        kept: of them answered by earlier runs.
        waiting: seconds that the model waited for frames.
        seconds: that the asking took, once it is over.
    """

    total: int
    kept: int = 0
    done: int = 0
    failed: int = 0
    parsed: int = 0
    answered: int = 0
    dollars: float = 0.0
    waiting: float = 0.0
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Answers a second in this run."""
        return self.done / max(1e-9, time.monotonic() - self.started)

    @property
    def parse_rate(self) -> float | None:
        """Readable answers over answers so far, earlier runs left out; None before the first."""
        return self.parsed / self.answered if self.answered else None


@dataclass(frozen=True)
class Shown:
    """Where the frames of a benchmark lie, and how they are got.

    Attributes:
        place: the folder that a sample's frames or video are relative to.
        store: the shared store of decoded frames; None decodes anew each time.
        workers: processes that decode ahead of the model.
    """

    place: Callable[[Sample], Path]
    store: Path | None = None
    workers: int = 2


def run_shard(
    samples: Sequence[Sample],
    model: Answering,
    asker: Asker,
    shown: Shown,
    answers: AnswerFile,
    shrink: Shrink | None = None,
    told: Callable[[Progress], object] | None = None,
) -> Progress:
    """Asks what isn't answered yet; a failed call of an earlier run is asked again.

    The questions go to the model in the order of videos, so that a video's frames are decoded once and in one go.
    """
    progress = Progress(len(samples))
    by_id = {sample.sample_id: sample for sample in samples}
    done = {sample_id for sample_id, kept in answers.kept.items() if kept.text is not None or is_final(kept)}
    open_ = [sample for sample in samples if sample.sample_id not in done]
    progress.kept = len(samples) - len(open_)
    if told is not None:
        told(progress)
    failures: list[Reply] = []
    questions = _questions(open_, asker, shown, shrink, failures)
    with Prefetched(questions, LOOK_AHEAD) as ready:
        for reply in _both(model.answer_videos(ready), failures):
            kept = answers.add(reply)
            _count(progress, kept, by_id[kept.sample_id])
            if told is not None:
                told(progress)
        progress.waiting = ready.waited
    progress.seconds = time.monotonic() - progress.started
    return progress


def is_final(kept: Kept) -> bool:
    """Whether an answer without a text would be the same if it was asked again: the server's own last word."""
    return kept.error.startswith(("refused", "no choices in the reply", "no text in the reply"))


def shard_of(samples: Sequence[Sample], shard: int, of: int) -> list[Sample]:
    """Every `of`-th sample from `shard` on (0-based): the same questions on every machine."""
    return list(samples[shard::of])


def _questions(
    samples: Sequence[Sample],
    asker: Asker,
    shown: Shown,
    shrink: Shrink | None,
    failures: list[Reply],
) -> Iterator[VideoQuestion]:
    """The questions with their frames; one whose frames can't be read becomes a failure and is not asked."""
    jobs: list[tuple[Sample, ClipJob]] = []
    for sample in sorted(samples, key=_video_order):
        try:
            jobs.append(
                (sample, clip_job(question_only(sample), shown.place(sample), shown.store, asker.settings, shrink))
            )
        except MedVidBenchError as error:
            failures.append(Reply(sample.sample_id, "", None, f"{NO_FRAMES}: {error.seen}"))
    if asker.settings.view == "none":
        yield from (asker.question(question_only(sample), None) for sample, _ in jobs)
        return
    outcomes = run_jobs(load_clip, (job for _, job in jobs), workers=shown.workers)
    for sample, _ in jobs:
        outcome = next(outcomes)
        if outcome.value is None:
            why = outcome.finding.what if outcome.finding else "unknown"
            failures.append(Reply(sample.sample_id, "", None, f"{NO_FRAMES}: {why}"))
        else:
            yield asker.question(question_only(sample), outcome.value)


def _video_order(sample: Sample) -> tuple[str, str, float, str]:
    return sample.source, sample.recording_id, sample.clip_offset, sample.sample_id


def _both(replies: Iterator[Reply], failures: list[Reply]) -> Iterator[Reply]:
    """The model's replies, with the failures that arose on the way."""
    for reply in replies:
        while failures:
            yield failures.pop(0)
        yield reply
    yield from failures


def _count(progress: Progress, kept: Kept, sample: Sample) -> None:
    progress.done += 1
    progress.dollars += kept.cost or 0.0
    if kept.text is None:
        progress.failed += 1
        return
    progress.answered += 1
    read = TASKS[sample.task].read(kept.text, context_of(sample))
    progress.parsed += not isinstance(read, Unparsed)
