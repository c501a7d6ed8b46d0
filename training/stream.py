"""Examples in the order in which they are drawn, decoded ahead in other processes and kept once made."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from typing import TYPE_CHECKING, TypeAlias

from safetensors import SafetensorError

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.clips import ClipJob, load_clip
from medvidbench.records import Sample
from medvidbench.training.examples import ExampleMaker
from medvidbench.training.prepared import PreparedPrompts
from medvidbench.training.rows import Example, Key
from medvidbench.video.workers import Outcome, run_jobs

if TYPE_CHECKING:
    from medvidbench.models.qwen_prompt import QwenPrompt
    from medvidbench.video.frames import FrameSet

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftOut:
    """A row that can't be trained on, and why. Its place in the batch stays empty: no other row is put there."""

    sample_id: str
    key: Key
    why: str


ClipRef: TypeAlias = tuple[object, ...]


def _clip(row: Sample) -> ClipRef:
    """All that decides the frames of a row: rows of two captions share a clip."""
    size = (row.width, row.height)
    return (row.source, row.video, row.frame_paths, row.frame_times, row.clip_offset, row.fps, size, repr(row.region))


class ExampleStream:
    """Turns row numbers into examples. Where prompts are kept, a clip is decoded once for all rows that ask about it.

    Args:
        rows: of the benchmark; `stream` is given their numbers.
        maker: makes the examples.
        prepared: where prompts are kept.
        workers: processes that decode clips; a decoder that hangs or crashes costs its clip alone. 0 decodes in the
            caller's own thread.
    """

    def __init__(
        self, rows: Sequence[Sample], maker: ExampleMaker, prepared: PreparedPrompts, workers: int = 1
    ) -> None:
        self.rows, self.workers = rows, workers
        self._maker, self._prepared = maker, prepared
        self._keys: dict[int, str] = {}
        self._bad: dict[int, LeftOut] = {}
        self._sharing: dict[ClipRef, list[int]] = defaultdict(list)
        for number, row in enumerate(rows if prepared.folder is not None else ()):
            self._sharing[_clip(row)].append(number)

    def stream(self, numbers: Iterable[int]) -> Iterator[Example | LeftOut]:
        """One item for each number, in order; `numbers` may be endless, and is read a little ahead.

        Raises:
            MedVidBenchError: no decoding process can be started.
        """
        here, ahead = tee(numbers)
        sent: deque[int] = deque()
        if not self.workers:
            yield from (self.one(number) for number in here)
            return
        outcomes = run_jobs(load_clip, self._jobs(ahead, sent), workers=self.workers)
        for number in here:
            yield self._next(number, outcomes, sent)

    def one(self, number: int) -> Example | LeftOut:
        """The example of one row, made here where it isn't kept."""
        if number in self._bad:
            return self._bad[number]
        found = self._kept(number)
        if found is not None:
            return found
        try:
            frames = load_clip(self._maker.job(self.rows[number]))
        except (MedVidBenchError, OSError) as error:
            return self._left_out(number, str(error))
        return self._made(number, frames)

    def _jobs(self, numbers: Iterable[int], sent: deque[int]) -> Iterator[ClipJob]:
        """The clips to decode: each row once, in the order of its first use, those that are kept left out.

        Ends when every row was looked at, so that an endless order doesn't keep it searching. Where nothing is kept, a
        clip is decoded as often as it is used.
        """
        seen: set[int] = set()
        for number in numbers:
            if number in seen:
                continue
            if self._prepared.folder is not None:
                seen.add(number)
            if not self._prepared.has(self._key(number)) and number not in self._bad:
                sent.append(number)
                yield self._maker.job(self.rows[number])
            if len(seen) == len(self.rows):
                return

    def _next(self, number: int, outcomes: Iterator[Outcome[ClipJob, FrameSet]], sent: deque[int]) -> Example | LeftOut:
        while number in sent or not (self._prepared.has(self._key(number)) or number in self._bad):
            outcome = next(outcomes, None)
            if outcome is None:
                break
            arrived = sent.popleft()
            example = self._from_outcome(arrived, outcome)
            if arrived == number:
                return example
        return self.one(number)

    def _from_outcome(self, number: int, outcome: Outcome[ClipJob, FrameSet]) -> Example | LeftOut:
        if outcome.value is None:
            return self._left_out(number, outcome.finding.what if outcome.finding else "the frames can't be read")
        return self._made(number, outcome.value)

    def _key(self, number: int) -> str:
        """The row's key, "" where it has none; a row without frames on disk is left out from then on."""
        if number not in self._keys:
            sample = self.rows[number]
            try:
                self._keys[number] = self._prepared.key(sample, self._maker.job(sample))
            except (MedVidBenchError, OSError) as error:
                self._left_out(number, str(error))
                return ""
        return self._keys[number]

    def _kept(self, number: int) -> Example | LeftOut | None:
        key = self._key(number)
        if number in self._bad:
            return self._bad[number]
        prompt = self._prepared.load(key)
        return None if prompt is None else self._example(number, prompt)

    def _made(self, number: int, frames: FrameSet) -> Example | LeftOut:
        found = self._prompt(number, frames)
        for other in self._sharing.get(_clip(self.rows[number]), ()):
            if other != number and other not in self._bad and not self._prepared.has(self._key(other)):
                self._prompt(other, frames)
        return found if isinstance(found, LeftOut) else self._example(number, found)

    def _prompt(self, number: int, frames: FrameSet) -> QwenPrompt | LeftOut:
        """The row's prompt, kept where prompts are."""
        try:
            prompt = self._maker.prompt(self.rows[number], frames)
        except MedVidBenchError as error:
            return self._left_out(number, str(error))
        key = self._key(number)
        if number not in self._bad:
            self._keep(key, prompt)
        return prompt

    def _keep(self, key: str, prompt: QwenPrompt) -> None:
        try:
            self._prepared.save(key, prompt)
        except (OSError, SafetensorError) as error:
            why = getattr(error, "strerror", None) or error
            seen = f"A prepared prompt can't be kept in {self._prepared.folder}: {why}."
            raise MedVidBenchError(seen, remedy="free disk space, and start again: the run goes on") from error

    def _example(self, number: int, prompt: QwenPrompt) -> Example | LeftOut:
        try:
            return self._maker.example(self.rows[number], prompt)
        except MedVidBenchError as error:
            return self._left_out(number, str(error))

    def _left_out(self, number: int, why: str) -> LeftOut:
        sample = self.rows[number]
        if number not in self._bad:
            log.warning("left out %s (%s, %s): %s", sample.sample_id, sample.source, sample.task, why)
            self._bad[number] = LeftOut(sample.sample_id, Key(sample.source, sample.task), why)
        return self._bad[number]
