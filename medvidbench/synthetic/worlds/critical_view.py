"""How far the critical view of safety is reached, second by second, on the three criteria from 0 to 2."""

from __future__ import annotations

from random import Random

from medvidbench.records import RatedInterval, Rating
from medvidbench.synthetic.truth import Interval
from medvidbench.synthetic.worlds.draft import chop

CRITERIA = ("Two structures", "Cystic plate", "Hepatocystic triangle")


def critical_view(rng: Random, calot: Interval) -> list[RatedInterval]:
    """Scores that rise step by step over a dissection of the triangle, to the full view in about half."""
    reached = rng.random() < 0.5
    goal = [rng.choice((1, 2, 2)) if reached else rng.choice((0, 0, 1, 2)) for _ in CRITERIA]
    if reached and sum(goal) < 5:
        goal = [2, 2, 2]
        goal[rng.randrange(3)] = rng.choice((1, 2))
    pieces = chop(rng, int(calot.start) + 1, int(calot.end), 3, max(3, int(calot.end - calot.start) // 3))
    found: list[RatedInterval] = []
    for place, (start, end) in enumerate(pieces, 1):
        share = place / len(pieces)
        scores = (min(value, int(value * share + 0.5)) for value in goal)
        ratings = tuple(Rating(name, score) for name, score in zip(CRITERIA, scores, strict=True))
        found.append(RatedInterval(float(start), float(end), ratings))
    return found
