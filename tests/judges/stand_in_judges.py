"""Judges whose certificates can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from medvidbench.judges.base import DIMENSIONS, CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.certificate.probes import Probe


class Constant(Judge):
    """The same for everything; fails on the pairs named."""

    name, kind = "constant", "concept"

    def __init__(self, score: float = 3.0, failing: Iterable[str] = ()) -> None:
        self.score, self.failing = score, set(failing)

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        for pair in pairs:
            if pair.pair_id in self.failing:
                yield Judgement(pair.pair_id, self.name, None, error="the line is dead")
            else:
                yield Judgement(pair.pair_id, self.name, (self.score,) * 5)

    def record(self) -> dict[str, Any]:
        return {"judge": self.name, "score": self.score}


class Oracle(Judge):
    """Knows what was changed: 5, and 2 on each dimension that must drop or is the first of those that may."""

    name, kind = "oracle", "concept"

    def __init__(self, probes: Iterable[Probe]) -> None:
        self._drops = {(p.reference, p.prediction): {*p.expected.drop, *p.expected.drop_any[:1]} for p in probes}

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        for pair in pairs:
            texts = (pair.reference, pair.prediction)
            drops = self._drops.get(texts) or self._drops.get(texts[::-1], set())
            yield Judgement(pair.pair_id, self.name, tuple(2.0 if name in drops else 5.0 for name in DIMENSIONS))

    def record(self) -> dict[str, Any]:
        return {"judge": self.name}


class Overlap(Judge):
    """1 + 4 * share of the caption's and the reference's words that both have."""

    name, kind = "overlap", "baseline"

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        for pair in pairs:
            first, second = ({*text.lower().strip(".").split()} for text in (pair.reference, pair.prediction))
            yield Judgement(pair.pair_id, self.name, (1 + 4 * len(first & second) / len(first | second),) * 5)

    def record(self) -> dict[str, Any]:
        return {"judge": self.name, "scale": "<b>1 + 4 * overlap</b>"}
