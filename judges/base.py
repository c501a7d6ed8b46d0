"""The contract of a judge: caption pairs in, five scores each out, or the reason why there are none.

The five dimensions are those of arXiv 2512.06581 (MedGRPO), each on a scale from 1 to 5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from medvidbench.records import TaskName

Mode: TypeAlias = Literal["absolute", "comparative"]
Kind: TypeAlias = Literal["concept", "llm", "baseline"]
DIMENSIONS = ("terminology", "instrument_anatomy", "specificity", "clinical_context", "action_state")
"""Names of the dimensions, in the order of every list of scores."""
LEAST, MOST = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class CaptionPair:
    """A reference and the caption under judgement.

    Attributes:
        pair_id: the caller's name for it, unique in one run: a sample id, with "#k" behind it for the k-th event.
        reference: the truth, or "" where a predicted event has none.
        prediction: the caption to judge, or "" where a reference has none.
    """

    pair_id: str
    task: TaskName
    source: str
    reference: str
    prediction: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of one pair.

    Attributes:
        judge: the judge's name.
        scores: five numbers from 1 to 5 in the order of `DIMENSIONS`; None when there are none, and `error` says why.
        rationales: one sentence a dimension, or ().
        spread: standard deviation over repeats or jurors a dimension; () for a single judgement.
        members: the judgements of a jury's members or of repeats, or ().
        cost: dollars, or None when it isn't known; 0 for a judge that costs nothing.
    """

    pair_id: str
    judge: str
    scores: tuple[float, ...] | None
    rationales: tuple[str, ...] = ()
    error: str = ""
    spread: tuple[float, ...] = ()
    members: tuple[Judgement, ...] = ()
    cost: float | None = 0.0
    cached: bool = False

    @property
    def mean(self) -> float | None:
        """The mean of the five scores; None without them."""
        return None if self.scores is None else sum(self.scores) / len(self.scores)


class Judge(ABC):
    """Scores caption pairs."""

    name: str
    kind: Kind

    @abstractmethod
    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """One judgement for each pair, in any order; a failed one has no scores and says why.

        In "absolute" mode the prediction is rated as an answer, given the reference; in "comparative" mode by how close
        it is to the reference on each dimension (the form that training rewards use). Both on the scale from 1 to 5.
        """

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Everything that decides a judgement (judge, model, rubric version, template hash), for the results."""


def as_reward(judgement: Judgement) -> float | None:
    """The mean score on [0, 1]: (mean - 1) / 4; None without scores."""
    return None if judgement.mean is None else (judgement.mean - LEAST) / (MOST - LEAST)
