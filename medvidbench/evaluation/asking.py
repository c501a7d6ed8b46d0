"""The words of a question as a model is asked it: the published wording, an example or a JSON form when asked for."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from medvidbench.models.settings import EvalSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.records import Sample, TaskName
from medvidbench.video.frames import FrameSet

JSON_FORMS: dict[TaskName, str] = {
    "TAG": '{"spans": [[start, end], ...]} with times in seconds',
    "STG": '{"boxes": [{"time": seconds, "box": [x1, y1, x2, y2]}, ...]} with pixels of the original frame',
    "DVC": '{"events": [{"start": seconds, "end": seconds, "description": "..."}, ...]}',
    "VS": '{"summary": "..."}',
    "RC": '{"caption": "..."}',
    "NAP": '{"label": "..."} with one of the names given',
    "SA": '{"aspect": score, ...} with every aspect named in the question',
    "CVS": '{"criterion": score, ...} with every criterion named in the question',
}
JSON_REQUEST = "\nAnswer with one JSON object and nothing else, of the form {form}."
EXAMPLE = (
    "Here is how a question about another clip was answered. Its clip is not shown, and its answer does not hold for "
    "yours.\nQuestion: {question}\nAnswer: {answer}\n\nNow the clip that you see:\n"
)


class Asker:
    """Makes questions from samples.

    Args:
        train: training rows with their answers, for one-shot examples.
    """

    def __init__(self, settings: EvalSettings, train: Sequence[Sample] = ()) -> None:
        self.settings = settings
        self._examples: dict[tuple[TaskName, str], list[Sample]] = defaultdict(list)
        for row in sorted(train, key=lambda s: s.sample_id) if settings.one_shot else ():
            if row.answer:
                self._examples[row.task, row.source].append(row)
                self._examples[row.task, ""].append(row)

    def text(self, sample: Sample) -> str:
        """The question's whole text."""
        example = self.example(sample)
        before = "" if example is None else EXAMPLE.format(question=example.question, answer=example.answer)
        if self.settings.answer_format == "json":
            return before + sample.question + JSON_REQUEST.format(form=JSON_FORMS[sample.task])
        return before + sample.question

    def example(self, sample: Sample) -> Sample | None:
        """A training row of the same task and source (of the task, where the source has none), drawn for this sample.

        Drawn anew for each row, so that an answer which is shown again and again can't be what is scored. None without
        `one_shot` or without rows.
        """
        rows = self._examples.get((sample.task, sample.source)) or self._examples.get((sample.task, ""))
        if not rows:
            return None
        draw = hashlib.sha256(f"{self.settings.seed}/example/{sample.sample_id}".encode()).digest()
        return rows[int.from_bytes(draw[:8], "big") % len(rows)]

    def question(self, sample: Sample, frames: FrameSet | None) -> VideoQuestion:
        """The question with its frames, times counted from the start of the clip."""
        shown = frames if frames is not None and len(frames) else None
        thinned = self.settings.frames is not None or self.settings.fps is not None or self.settings.view == "middle"
        known = sample.fps if sample.fps > 0 and not thinned else None
        return VideoQuestion(
            sample_id=sample.sample_id,
            text=self.text(sample),
            frames=shown,
            fps=known,
            max_new_tokens=self.settings.max_new_tokens,
            temperature=self.settings.temperature,
        )
