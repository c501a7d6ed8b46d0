"""Two recordings that differ in the answer alone must get the same question: else its wording tells the answer.

The wording is drawn by a hash that anyone can compute. Were the answer part of what is hashed, one could try all
answers (7 steps, 27 scores of the critical view) and see which of them gives the wording at hand.
"""

from __future__ import annotations

import itertools

from medvidbench.records import RatedInterval, Rating, Recording, Segment
from medvidbench.struc_info import CVS_KEYS
from medvidbench.tasks.registry import TASKS

STEPS = tuple(f"step {letter}" for letter in "abcdefgh")


def recording(following: str = "step b", scores: tuple[int, ...] = (0, 0, 0)) -> Recording:
    return Recording(
        source="CholecT50",
        recording_id="VID01",
        group="cholec80/video01",
        duration=120.0,
        native_fps=1.0,
        width=854,
        height=480,
        video="VID01.mp4",
        segments=(Segment(0, 60, "step a", "phase"), Segment(60, 120, following, "phase")),
        labels=(("phase", STEPS),),
        rated=(RatedInterval(0, 60, tuple(Rating(n, v) for n, v in zip(CVS_KEYS, scores, strict=True))),),
    )


def test_all_next_steps_get_the_same_question() -> None:
    asked = [next(iter(TASKS["NAP"].ask(recording(following=step), 0))) for step in STEPS[1:]]
    assert [sample.answer for sample in asked] == list(STEPS[1:])
    assert len({(sample.question, sample.sample_id) for sample in asked}) == 1


def test_all_scores_of_the_critical_view_get_the_same_question() -> None:
    all_scores = list(itertools.product(range(3), repeat=3))
    asked = [next(iter(TASKS["CVS"].ask(recording(scores=scores), 0))) for scores in all_scores]
    assert len({sample.answer for sample in asked}) == 27
    assert len({(sample.question, sample.sample_id) for sample in asked}) == 1
