"""From answers to the caption pairs that a judge is given, and from judgements back to rows.

VS and RC: a row is one pair. DVC, two ways:

* `official_rows`, as the public evaluator (arXiv 2512.06581): at each tau of 0.3, 0.5, 0.7 every predicted event, in
  seconds and not flattened, is paired with its best truth if their IoU >= tau. A truth may be used again, missed and
  surplus events cost nothing, and a failed judgement drops out of the means.
* `strict_rows`: one-to-one, the assignment with the largest summed temporal IoU. A truth without a prediction and a
  prediction without a truth are pairs with an empty side, scored at the scale's least without asking a judge. A row
  counts only when all its pairs were judged.

The same two texts are judged once, however many rows, thresholds and protocols they stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from medvidbench.evaluation.protocols.official.dvc import Events as OfficialEvents
from medvidbench.evaluation.protocols.official.dvc import read_events, timed_truth
from medvidbench.evaluation.protocols.official.grouping import members_of, running_tasks
from medvidbench.evaluation.protocols.official.rows import UnreadableAnswerError, UnscorableRowError, answer_text
from medvidbench.evaluation.protocols.strict import no_prediction, no_truth
from medvidbench.judges.base import CaptionPair, Judgement
from medvidbench.metrics.intervals import temporal_iou
from medvidbench.metrics.matching import match
from medvidbench.records import Answer, Caption, Events, Sample, TaskName, Unparsed
from medvidbench.tasks.registry import TASKS, context_of

THRESHOLDS = ("0.3", "0.5", "0.7")
JUDGED_TASKS: tuple[TaskName, ...] = ("DVC", "VS", "RC")
Texts: TypeAlias = tuple[TaskName, str, str, str]
"""What a judgement depends on: task, source, reference, prediction."""


@dataclass(frozen=True)
class RowPairs:
    """One row's pairs under one protocol.

    Attributes:
        position: of the row in the input order.
        pairs: what is to be judged; empty with `reason` set when the row can't be.
        reason: why there is no pair, "" otherwise.
        at: for the official DVC, the places in `pairs` that count at each of `THRESHOLDS`.
        due: whether the row lowers the coverage when it has no number.
    """

    position: int
    task: TaskName
    source: str
    pairs: tuple[CaptionPair, ...] = ()
    reason: str = ""
    at: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    due: bool = True


def texts_of(pair: CaptionPair) -> Texts:
    """The key under which equal pairs share a judgement."""
    return pair.task, pair.source, pair.reference, pair.prediction


def distinct_pairs(rows: Iterable[RowPairs]) -> dict[Texts, CaptionPair]:
    """Each pair of texts once, under the first row's id."""
    found: dict[Texts, CaptionPair] = {}
    for row in rows:
        for pair in row.pairs:
            found.setdefault(texts_of(pair), pair)
    return found


def judgements_by_texts(pairs: Mapping[Texts, CaptionPair], judged: Iterable[Judgement]) -> dict[Texts, Judgement]:
    """Judgements of `distinct_pairs`, by their texts."""
    texts = {pair.pair_id: key for key, pair in pairs.items()}
    return {texts[judgement.pair_id]: judgement for judgement in judged}


# --- strict ---------------------------------------------------------------------------------------------------------


def strict_rows(samples: Sequence[Sample], answers: Sequence[Answer | None]) -> list[RowPairs]:
    """The pairs of every DVC, VS and RC row; answers are aligned with the samples."""
    return [
        _strict_row(position, sample, answer)
        for position, (sample, answer) in enumerate(zip(samples, answers, strict=True))
        if sample.task in JUDGED_TASKS
    ]


def _strict_row(position: int, sample: Sample, answer: Answer | None) -> RowPairs:
    problem = no_truth(sample)
    if problem:
        return RowPairs(position, sample.task, sample.source, reason=problem, due=False)
    problem = no_prediction(answer)
    if problem or answer is None:
        return RowPairs(position, sample.task, sample.source, reason=problem)
    read = Unparsed("null answer") if answer.text is None else TASKS[sample.task].read(answer.text, context_of(sample))
    sides = _matched(read, sample.truth) if isinstance(sample.truth, Events) else [_captions(read, sample.truth)]
    many = isinstance(sample.truth, Events)
    pairs = (
        CaptionPair(f"{sample.sample_id}#{k}" if many else sample.sample_id, sample.task, sample.source, *texts)
        for k, texts in enumerate(sides)
    )
    return RowPairs(position, sample.task, sample.source, tuple(pairs))


def _captions(read: Any, truth: Any) -> tuple[str, str]:
    # an unreadable answer is an answer, and says nothing: it costs, while a failed call never gets here
    return (truth.text if isinstance(truth, Caption) else ""), (read.text if isinstance(read, Caption) else "")


def _matched(read: Any, truth: Events) -> list[tuple[str, str]]:
    """(reference, prediction) of matched events in the truth's order, then the surplus predictions."""
    said = read.events if isinstance(read, Events) else ()
    iou = temporal_iou([(e.start, e.end) for e in said], [(e.start, e.end) for e in truth.events])
    partner = {column: row for row, column in match(iou)}
    pairs = [(event.caption, said[partner[k]].caption if k in partner else "") for k, event in enumerate(truth.events)]
    surplus = sorted(set(range(len(said))) - set(partner.values()))
    # a truth or a prediction may have no words of its own: two empty sides say nothing about captions
    return [pair for pair in [*pairs, *(("", said[k].caption) for k in surplus)] if any(map(str.strip, pair))]


# --- official -------------------------------------------------------------------------------------------------------


def official_rows(rows: Sequence[Mapping[str, Any]], absent: Iterable[int] = ()) -> list[RowPairs]:
    """The pairs of a merged file's rows as the public evaluator judges them.

    Args:
        absent: positions of rows without a prediction or whose call failed; they have no pair.
    """
    without, running = frozenset(absent), running_tasks(rows)
    found: list[RowPairs] = []
    for task, members in members_of(rows).items():
        if task not in JUDGED_TASKS or (task == "DVC" and task not in running):
            continue
        for member in members:
            name = f"row {member.position}"
            if member.position in without:
                found.append(RowPairs(member.position, task, member.source, reason="no prediction"))
            elif task == "DVC":
                found.append(_official_events(name, member.position, member.source, member.row))
            else:
                found.append(_official_caption(name, member.position, task, member.source, member.row))
    return found


def _official_caption(name: str, position: int, task: TaskName, source: str, row: Mapping[str, Any]) -> RowPairs:
    reference, prediction = (_plain_text(row.get(key)) for key in ("gnd", "answer"))
    # Quirk: an answer of white space alone is judged as well (and gets the least here, without a call)
    if not reference or not prediction:
        side = "answer" if reference else "reference"
        return RowPairs(position, task, source, reason=f"the {side} is empty: no judgement is asked for", due=False)
    return RowPairs(position, task, source, (CaptionPair(name, task, source, reference, prediction),))


def _plain_text(value: Any) -> str:
    """An answer as the caption tasks read it: a list gives its captions and texts, joined by a space."""
    if isinstance(value, list):
        parts = [item.get("caption", "") if isinstance(item, Mapping) else item for item in value]
        return " ".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _official_events(name: str, position: int, source: str, row: Mapping[str, Any]) -> RowPairs:
    try:
        said, truth = read_events(answer_text(row)), timed_truth(row)
    except (UnreadableAnswerError, UnscorableRowError) as fault:
        return RowPairs(position, "DVC", source, reason=str(fault), due=False)
    if not said or not truth:
        return RowPairs(position, "DVC", source, reason="no event was read on one side", due=False)
    best = list(_best_truths(said, truth))
    used = sorted({(i, j) for i, j, _ in best})
    place = {pair: k for k, pair in enumerate(used)}
    pairs = tuple(CaptionPair(f"{name}#{i}/{j}", "DVC", source, truth[j][2], said[i][2]) for i, j in used)
    at = {tau: tuple(place[i, j] for i, j, iou in best if iou >= float(tau)) for tau in THRESHOLDS}
    reason = "" if pairs else "no predicted event overlaps a true one enough"
    return RowPairs(position, "DVC", source, pairs, reason, at, due=bool(pairs))


def _best_truths(said: OfficialEvents, truth: OfficialEvents) -> Iterator[tuple[int, int, float]]:
    """(prediction, its best truth, IoU) wherever the IoU reaches the least threshold."""
    iou = temporal_iou([event[:2] for event in said], [event[:2] for event in truth])
    for i, j in enumerate(np.argmax(iou, axis=1).tolist()):
        if iou[i, j] >= float(THRESHOLDS[0]):
            yield i, j, float(iou[i, j])
