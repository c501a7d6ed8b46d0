"""What an exported lmms-eval task does at run time; its `utils.py` calls nothing else.

lmms-eval keeps one list of values a metric and hands it to that metric's aggregation. A value here is the row's answer
itself, so that the aggregation scores the task's whole file at once, as `medvidbench score` does: some metrics (the
official ones above all) are no function of row scores. Nothing that lmms-eval takes for a number goes into those lists,
or it would print standard errors that ignore that rows come from few videos.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.interop.lmms_eval_log import failure_of
from medvidbench.interop.package import Package, metric_names, open_package, table_of
from medvidbench.interop.questions import Question, stamps, with_times
from medvidbench.records import Answer, TaskName

if TYPE_CHECKING:
    from PIL.Image import Image

_SCORED: dict[tuple[Path, TaskName], tuple[dict[str, Answer], dict[str, float]]] = {}
"""The last scored answers of each package and task, and their table: every metric of a task asks for the same."""


@dataclass(frozen=True)
class RowAnswer:
    """One row's answer on its way to the aggregation; its text form, which lmms-eval logs, is the row's own number."""

    sample_id: str
    text: str
    error: str
    shown: str

    def __str__(self) -> str:
        return self.shown


class LmmsEvalTask:
    """The functions that the task's YAML names.

    Raises:
        MedVidBenchError: `folder` holds no package, or its truth is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.package: Package = open_package(folder)

    def doc_to_visual(self, doc: Mapping[str, Any]) -> list[Image]:
        """The frames as pictures, in the order of their times."""
        return self._frames(doc)[0]

    def doc_to_text(self, doc: Mapping[str, Any]) -> str:
        """The question after the frames' times, for models that take pictures apart from text."""
        question = self._question(doc)
        times = [question.frame_times[k] for k in self.package.shown(question)]
        return with_times(question.question, times)

    def doc_to_messages(self, doc: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One turn for chat models: each frame after its time, then the question."""
        pictures, times = self._frames(doc)
        content: list[dict[str, Any]] = []
        for stamp, picture in zip(stamps(times), pictures, strict=True):
            content += [{"type": "text", "text": stamp}, {"type": "image", "url": picture}]
        content.append({"type": "text", "text": self._question(doc).question})
        return [{"role": "user", "content": content}]

    def doc_to_target(self, doc: Mapping[str, Any]) -> str:
        """The sample id: lmms-eval logs the target, so it must not be the truth."""
        return str(doc["sample_id"])

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, RowAnswer]:
        """The row's answer under each metric of its task; nothing for a task that needs a judge, or without truth."""
        names = metric_names(self._question(doc).task) if self.package.truth_file is not None else []
        if not names:
            return {}
        text = results[0] if results and isinstance(results[0], str) else ""
        error = failure_of(text)
        sample_id = str(doc["sample_id"])
        if error:
            return dict.fromkeys(names, RowAnswer(sample_id, "", error, "unscored: call failed"))
        outcome = self.package.outcome(sample_id, text)
        number = outcome.numbers.get(next(iter(outcome.numbers), ""), math.nan)
        shown = f"{number:.6g}" if outcome.status == "scored" else f"{outcome.status}: {outcome.reason}"
        return dict.fromkeys(names, RowAnswer(sample_id, text, "", shown))

    def aggregate(self, task: TaskName, name: str, items: Sequence[RowAnswer]) -> float:
        """The value of a metric over the task's whole file; nan when it is undefined or no row counts for it."""
        answers = {
            row.sample_id: Answer(row.sample_id, "", None if row.error else row.text, row.error) for row in items
        }
        key = (self.package.folder, task)
        held = _SCORED.get(key)
        if held is None or held[0] != answers:
            held = (answers, table_of(self.package.score(answers, task)))
            _SCORED[key] = held
        return held[1].get(name, math.nan)

    def _question(self, doc: Mapping[str, Any]) -> Question:
        return self.package.questions[str(doc["sample_id"])]

    def _frames(self, doc: Mapping[str, Any]) -> tuple[list[Image], list[float]]:
        from PIL import Image

        frames = self.package.frames(self._question(doc))
        return [Image.fromarray(frame) for frame in frames.frames], frames.t_seconds.tolist()
