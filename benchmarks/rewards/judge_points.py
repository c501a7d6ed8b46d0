"""A reward function on the scale that judges answer on: 1 to 5, next to rewards from 0 to 1. For `ablation.py`.

It is what a trainer sums when it takes a judge's points as they come: one caption task then weighs four times a
grounding task. TRL's signature.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.tasks.registry import TASKS
from medvidbench.training.rewards.captions import CaptionRewards, caption_pair
from medvidbench.training.rewards.rules import read_answers


@cache
def _captions() -> CaptionRewards:
    return CaptionRewards(ConceptJudge(rationales=False), None)


def judge_points(completions: list[Any], sample: list[Any], **_: Any) -> list[float | None]:
    """The mean of the concept judge's five scores, 1 to 5; None for tasks that are no captions."""
    asked = sample[0]
    if TASKS[asked.task].metrics:
        return [None] * len(completions)
    answers = read_answers(asked, [message["content"] for (message,) in completions])
    parts = _captions()([caption_pair(asked, answer) for answer in answers])
    return [None if part.judge is None else 1.0 + 4.0 * part.judge for part in parts]
