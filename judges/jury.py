"""Several judges, or one judge several times, as one: mean or median a dimension, every member kept, the spread shown.

A jury is as good as its absentees: a juror who fails on hard pairs would shift the mean if the rest voted without him.
So every member must have judged, unless a quorum is set; else the jury has no scores either.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.calling import judge_record

Combine: TypeAlias = Literal["mean", "median"]
COMBINE: dict[Combine, Callable[[Sequence[float]], float]] = {"mean": statistics.fmean, "median": statistics.median}


class Jury(Judge):
    """A panel of judges.

    Args:
        members: two or more, all of one kind: a number of an LLM and one of a lexicon don't share a name.
        combine: of the members' scores, on each dimension.
        quorum: members that must have scores; all of them unless given.
        name: "jury(A, B)" unless given.

    Raises:
        MedVidBenchError: fewer than two members, kinds mixed, or a quorum out of range.
    """

    def __init__(
        self, members: Sequence[Judge], combine: Combine = "mean", quorum: int | None = None, name: str = ""
    ) -> None:
        kinds = {member.kind for member in members}
        if len(members) < 2 or len(kinds) != 1:
            seen = ", ".join(f"{member.name} ({member.kind})" for member in members) or "nobody"
            raise MedVidBenchError(f"A jury of {seen}.", "two or more judges of one kind")
        if combine not in COMBINE:
            raise MedVidBenchError(f"A jury that takes the {combine!r}.", ", ".join(COMBINE))
        if quorum is not None and not 1 <= quorum <= len(members):
            raise MedVidBenchError(f"A quorum of {quorum} of {len(members)} members.", f"1 to {len(members)}")
        self.members, self.combine, self.quorum = tuple(members), combine, quorum or len(members)
        self.kind = members[0].kind
        self.name = name or f"jury({', '.join(member.name for member in members)})"

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """One judgement for each pair, as soon as the last member has judged it; `members` are in the jury's order."""
        all_pairs = list(pairs)
        found: dict[str, list[Judgement]] = defaultdict(list)
        for member in self.members[:-1]:
            for judgement in member.judge(all_pairs, mode):
                found[judgement.pair_id].append(judgement)
        for judgement in self.members[-1].judge(all_pairs, mode):
            yield self._combined([*found[judgement.pair_id], judgement])

    def record(self) -> dict[str, Any]:
        """The members' records and how they are combined."""
        members = [member.record() for member in self.members]
        return judge_record(self.name, self.kind, combine=self.combine, quorum=self.quorum, members=members)

    def _combined(self, members: Sequence[Judgement]) -> Judgement:
        voted = [m.scores for m in members if m.scores is not None]
        costs = [m.cost for m in members]
        cost = None if any(c is None for c in costs) else math.fsum(c for c in costs if c is not None)
        cached, pair_id = all(m.cached for m in members), members[0].pair_id
        if len(voted) < self.quorum:
            errors = "; ".join(f"{m.judge}: {m.error}" for m in members if m.scores is None)
            why = f"{len(voted)} of {len(self.members)} members judged, {self.quorum} needed ({errors})"
            return Judgement(pair_id, self.name, None, error=why, members=tuple(members), cost=cost, cached=cached)
        columns = list(zip(*voted, strict=True))
        return Judgement(
            pair_id,
            self.name,
            tuple(float(COMBINE[self.combine](column)) for column in columns),
            rationales=next((m.rationales for m in members if m.scores is not None), ()),
            # sample standard deviation; of one vote there is none
            spread=tuple(statistics.stdev(column) for column in columns) if len(voted) > 1 else (),
            members=tuple(members),
            cost=cost,
            cached=cached,
        )


def repeated(runs: Sequence[Judge], combine: Combine = "mean") -> Jury:
    """The same judge asked `len(runs)` times: a jury named "JUDGE x K"."""
    return Jury(runs, combine, name=f"{runs[0].name} x{len(runs)}")
