"""What the tests of `eval` share: a small benchmark with all eight tasks, and models that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.models.base import VideoModel
from medvidbench.models.messages import Reply
from medvidbench.models.time_contract import TEXT, Announced, VideoQuestion
from medvidbench.synthetic.layouts import LAYOUT_KEYS, write_layout


def small_benchmark(folder: Path) -> Path:
    """Eight simulated sources, half of the recordings in test, a few questions of each task."""
    raw = folder / "raw"
    for key in LAYOUT_KEYS:
        write_layout(key, raw / key, recordings=2, seconds=25, seed=1)
    settings = BuildSettings(
        test_share=0.5, validation=ValidationSettings(method="ngram"), workers=1, plan="balanced", per_task=8
    )
    build([(key, raw / key) for key in LAYOUT_KEYS], folder / "bench", settings)
    return folder / "bench"


class Told(VideoModel):
    """Answers by a function of the question; tells each frame's own time."""

    def __init__(self, answer: Callable[[VideoQuestion], str | Reply], name: str = "told", late: float = 0.0) -> None:
        self.name = name
        self.asked: list[VideoQuestion] = []
        self._answer, self._late = answer, late

    def prepare(self, question: VideoQuestion) -> VideoQuestion:
        return question

    def describe_times(self, prepared: VideoQuestion) -> list[Announced]:
        times = [] if prepared.frames is None else prepared.frames.t_seconds.tolist()
        return [Announced(time + self._late, time + self._late, (place,)) for place, time in enumerate(times)]

    def channel(self, prepared: VideoQuestion) -> str:
        return TEXT

    def answer_videos(self, questions: Iterable[VideoQuestion]) -> Iterator[Reply]:
        for question in questions:
            self.asked.append(question)
            said = self._answer(question)
            yield (
                said if isinstance(said, Reply) else Reply(question.sample_id, "key", said, output_tokens=3, cost=0.01)
            )

    def record(self) -> dict[str, Any]:
        return {"adapter": "told", "model": self.name}
