"""Accuracy, faithfulness and comprehensiveness: OUR READING of the abstract of CRPO (Clinical-R1, arXiv 2512.00601).

The abstract names three verifiable rewards without human annotation; their formulas are in neither the abstract nor the
public code. What follows is ours, and no number of it is the paper's:

    accuracy           the task's rule reward; for captions the concept judge's, (mean of the five scores - 1) / 4
    faithfulness       sum of w over supported claims / sum of w over all claims of the completion
    comprehensiveness  sum of w c over the concepts of the reference / sum of w over them

Claims and concepts are those that the concept judge extracts, with its weights w (`medvidbench.judges.findings`). A
claim is supported when the reference says it, in whatever words or detail ("matched", "lay", "vaguer"); it isn't when
it contradicts the reference (another instrument, the opposite, a wrong side, order or number) or stands there alone
("invented"). A concept is covered with c = 1 when it is said, with the judge's credit when it is said more vaguely,
else with 0. Both lie in [0, 1] and apply to captions (VS, RC, and the captions of DVC); None for other tasks and where
the lexicon finds nothing in the reference. A completion without any claim has 0 for both: silence is not faithful.

Either alone can be gamed (one safe claim; a list of everything), together they can't: see `table`. They have the
signature of user functions, so a recipe names them, for the method "crpo":
`functions: ["medvidbench.training.rewards.clinical:accuracy", ...]`, and `tasks: []`: otherwise what `accuracy` gives
is rewarded a second time, by the task's rule or the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from medvidbench.judges.base import CaptionPair, as_reward
from medvidbench.judges.comparison import Comparison
from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.judges.findings import Finding
from medvidbench.records import Caption, Content, Events, Sample, Unparsed
from medvidbench.tasks.registry import TASKS
from medvidbench.training.rewards.rules import read_answers, rule_rewards

Conversation = Sequence[dict[str, str]]
SUPPORTED: Final = frozenset({"matched", "lay", "vaguer"})


def accuracy(completions: Sequence[Conversation], sample: Sequence[Sample], **columns: Any) -> list[float | None]:
    """The rule reward of the task, or for a caption the concept judge's in its comparative form; in [0, 1]."""
    row, answers = sample[0], read_answers(sample[0], _texts(completions))
    if TASKS[row.task].metrics:
        return list(rule_rewards(row, answers))
    pairs = [_pair(row, answer, str(k)) for k, answer in enumerate(answers)]
    return [as_reward(judgement) for judgement in _judge().judge(pairs, "comparative")]


def faithfulness(completions: Sequence[Conversation], sample: Sequence[Sample], **columns: Any) -> list[float | None]:
    """Share of the completion's claims that the reference supports, by weight."""
    return _compared(sample[0], _texts(completions), _supported)


def comprehensiveness(
    completions: Sequence[Conversation], sample: Sequence[Sample], **columns: Any
) -> list[float | None]:
    """Share of the reference's concepts that the completion covers, by weight."""
    return _compared(sample[0], _texts(completions), _covered)


def _compared(row: Sample, texts: Sequence[str], measure: Callable[[Comparison], float | None]) -> list[float | None]:
    if row.task not in ("VS", "RC", "DVC"):
        return [None] * len(texts)
    pairs = (_pair(row, answer, "") for answer in read_answers(row, texts))
    return [measure(_judge().comparison(pair)) for pair in pairs]


def _supported(found: Comparison) -> float | None:
    if not _told(found):
        return None
    claims = [f for f in found.findings if f.kind != "omitted"]
    whole = sum(f.weight for f in claims)
    return sum(f.weight for f in claims if f.kind in SUPPORTED) / whole if whole else 0.0


def _covered(found: Comparison) -> float | None:
    concepts = _told(found)
    if not concepts:
        return None
    return sum(f.weight * f.credit for f in concepts if f.kind in SUPPORTED) / sum(f.weight for f in concepts)


def _told(found: Comparison) -> list[Finding]:
    """What the reference says: everything with a concept of its own; contradictions of order and role have none."""
    return [f for f in found.findings if f.kind != "invented" and f.concept and f.weight]


def _pair(row: Sample, answer: Content | Unparsed, pair_id: str) -> CaptionPair:
    return CaptionPair(pair_id, row.task, row.source, _said(row.truth), _said(answer))


def _said(content: Content | Unparsed | None) -> str:
    """The text of captions; "" for an answer that can't be read."""
    if isinstance(content, Events):
        return "\n".join(event.caption for event in content.events)
    return content.text if isinstance(content, Caption) else ""


def _texts(completions: Sequence[Conversation]) -> list[str]:
    return [conversation[0]["content"] for conversation in completions]


@lru_cache(maxsize=1)
def _judge() -> ConceptJudge:
    return ConceptJudge(rationales=False)
