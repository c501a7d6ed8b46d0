"""Blind baselines: what a score is worth when the video was never looked at.

`blind:constant` gives every question of a task the same answer. `blind:majority` answers with what is
most common among the training rows of the same task and source. `blind:random` draws a valid answer,
seeded by the sample's id, so that it is the same in any order and on any machine.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import Model
from medvidbench.records import (
    Answer,
    Box,
    BoxTrack,
    Caption,
    Content,
    Event,
    Events,
    Label,
    Rating,
    Ratings,
    Sample,
    Span,
    Spans,
    TaskName,
    TimedBox,
)
from medvidbench.tasks.registry import TASKS

KINDS = ("constant", "majority", "random")
SENTENCE = "The operator works on the tissue with an instrument."
LEVELS: dict[TaskName, tuple[int, ...]] = {"SA": (1, 2, 3, 4, 5), "CVS": (0, 1, 2)}
CONSTANT_LEVEL: dict[TaskName, int] = {"SA": 3, "CVS": 0}
FALLBACK_SECONDS = 60.0  # for a clip whose length the data doesn't tell
FALLBACK_SIZE = (640, 480)  # likewise for the frame, pixels


def blind_model(kind: str, train: Sequence[Sample] = (), seed: int = 0) -> Model:
    """The blind model named after "blind:".

    Args:
        train: samples of the training split; only `majority` reads them.
        seed: only `random` reads it.

    Raises:
        MedVidBenchError: unknown kind.
    """
    if kind == "constant":
        return Blind("blind:constant", constant)
    if kind == "majority":
        return Blind("blind:majority", Majority(train))
    if kind == "random":
        return Blind("blind:random", lambda question: draw(question, seed))
    raise MedVidBenchError(f"Unknown blind model {kind!r}.", ", ".join(f"blind:{k}" for k in KINDS))


class Blind(Model):
    """A rule from question to content; the answer is written in the task's published grammar."""

    def __init__(self, name: str, rule: Callable[[Sample], Content | None]) -> None:
        self.name = name
        self._rule = rule

    def answer(self, questions: Sequence[Sample]) -> Iterator[Answer]:
        """One answer for each question; a rule that has nothing to say (majority without training rows) is an error."""
        for question in questions:
            content = self._rule(question)
            if content is None:
                reason = f"no training row of {question.task} from {question.source}"
                yield Answer(question.sample_id, self.name, None, reason)
            else:
                yield Answer(question.sample_id, self.name, TASKS[question.task].write(content))


def constant(question: Sample) -> Content:
    """The whole clip, the middle half of the frame, the first choice, the middle score (CVS: 0), a stock sentence."""
    task, length = question.task, _length(question)
    if task == "TAG":
        return Spans((Span(0.0, length),))
    if task == "STG":
        width, height = _size(question)
        return _still(question, Box(width / 4, height / 4, 3 * width / 4, 3 * height / 4))
    if task == "DVC":
        return Events((Event(0.0, length, SENTENCE),))
    if task in LEVELS:
        return Ratings(tuple(Rating(name, CONSTANT_LEVEL[task]) for name in question.choices))
    if task == "NAP":
        return Label(question.choices[0] if question.choices else "unknown")
    return Caption(SENTENCE)


def draw(question: Sample, seed: int) -> Content:
    """A valid answer drawn uniformly: span, box, label or scores; captions are the stock sentence."""
    rng = random.Random(f"{seed}/{question.sample_id}")
    task, length = question.task, _length(question)
    if task == "TAG":
        return Spans((Span(*_two(rng, length, 0.1)),))
    if task == "STG":
        width, height = _size(question)
        (x1, x2), (y1, y2) = _two(rng, width, 1.0), _two(rng, height, 1.0)
        return _still(question, Box(x1, y1, x2, y2))
    if task == "DVC":
        cuts = sorted({0.0, length, *(round(rng.uniform(0, length), 1) for _ in range(rng.randint(1, 5)))})
        return Events(tuple(Event(a, b, SENTENCE) for a, b in pairwise(cuts)))
    if task in LEVELS:
        return Ratings(tuple(Rating(name, rng.choice(LEVELS[task])) for name in question.choices))
    if task == "NAP":
        return Label(rng.choice(question.choices) if question.choices else "unknown")
    return Caption(SENTENCE)


class Majority:
    """The commonest answer among training rows of the same task and source; None where there are none."""

    def __init__(self, train: Sequence[Sample]) -> None:
        rows: dict[tuple[TaskName, str], list[Sample]] = defaultdict(list)
        for sample in train:
            if sample.truth is not None:
                rows[sample.task, sample.source].append(sample)
        self._rows = dict(rows)
        self._memory: dict[tuple[TaskName, str], object] = {}

    def __call__(self, question: Sample) -> Content | None:
        """The training rows' mode (labels, scores, captions) or median (spans, boxes; relative to clip and frame)."""
        key = (question.task, question.source)
        rows = self._rows.get(key)
        if not rows:
            return None
        if key not in self._memory:
            self._memory[key] = _summary(rows)
        return _content(question, self._memory[key])


def _summary(rows: Sequence[Sample]) -> object:
    truths = [row.truth for row in rows]
    labels = [t.label for t in truths if isinstance(t, Label)]
    captions = [t.text for t in truths if isinstance(t, Caption)]
    if labels or captions:
        return Counter(labels or captions).most_common(1)[0][0]
    levels = [r for t in truths if isinstance(t, Ratings) for r in t.ratings]
    if levels:
        names = dict.fromkeys(r.name for r in levels)
        return {n: Counter(r.value for r in levels if r.name == n).most_common(1)[0][0] for n in names}
    boxes = [_relative(b.box, row) for row in rows if isinstance(row.truth, BoxTrack) for b in row.truth.boxes]
    if boxes:
        return tuple(median(values) for values in zip(*boxes, strict=True))
    return _typical_intervals(rows)


def _typical_intervals(rows: Sequence[Sample]) -> tuple[tuple[float, float, str], ...]:
    """As many intervals as the median row has; each is the median of the rows' k-th, relative to the clip."""
    lists = [[(s / _length(r), e / _length(r), c) for s, e, c in _intervals(r.truth)] for r in rows]
    count = max(1, round(median(map(len, lists))))
    result = []
    for k in range(count):
        kth = [items[k] for items in lists if len(items) > k]
        caption = Counter(c for _, _, c in kth).most_common(1)[0][0]
        result.append((median(s for s, _, _ in kth), median(e for _, e, _ in kth), caption))
    return tuple(result)


def _intervals(truth: Content | None) -> list[tuple[float, float, str]]:
    if isinstance(truth, Spans):
        return [(s.start, s.end, "") for s in truth.spans]
    return [(e.start, e.end, e.caption) for e in truth.events] if isinstance(truth, Events) else []


def _content(question: Sample, summary: object) -> Content:
    if isinstance(summary, str):
        return Label(summary) if question.task == "NAP" else Caption(summary)
    if isinstance(summary, dict):
        return Ratings(tuple(Rating(name, value) for name, value in summary.items()))
    assert isinstance(summary, tuple)
    if question.task == "STG":
        width, height = _size(question)
        x1, y1, x2, y2 = summary
        return _still(question, Box(round(x1 * width), round(y1 * height), round(x2 * width), round(y2 * height)))
    length = _length(question)
    spans = [(round(s * length, 1), round(e * length, 1), c) for s, e, c in summary]
    if question.task == "TAG":
        return Spans(tuple(Span(s, e) for s, e, _ in spans))
    return Events(tuple(Event(s, e, c) for s, e, c in spans))


def _relative(box: Box, row: Sample) -> tuple[float, float, float, float]:
    width, height = _size(row)
    return box.x1 / width, box.y1 / height, box.x2 / width, box.y2 / height


def _still(question: Sample, box: Box) -> BoxTrack:
    """The same box at every frame that is shown, or at every second when the data lists no frames."""
    times = question.frame_times or tuple(float(t) for t in range(int(_length(question)) + 1))
    return BoxTrack(tuple(TimedBox(round(t, 1), box) for t in times))


def _two(rng: random.Random, upper: float, least: float) -> tuple[float, float]:
    low, high = sorted(round(rng.uniform(0, upper), 1) for _ in range(2))
    return low, max(high, round(low + least, 1))


def _length(sample: Sample) -> float:
    return round(sample.duration or FALLBACK_SECONDS, 1)


def _size(sample: Sample) -> tuple[int, int]:
    return (sample.width or FALLBACK_SIZE[0], sample.height or FALLBACK_SIZE[1])
