"""Small rules that several tasks' scores and rewards share."""

from __future__ import annotations

import re
from functools import lru_cache

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TaskName

PLAIN, OTHER = 1.0, 0.5


def format_term(flags: tuple[str, ...]) -> float:
    """1.0 for an answer in the published grammar, 0.5 for one that only a tolerant reader understood.

    It multiplies the IoU, so a well-formed wrong answer still earns 0, and at every quality of answer the grammar
    pays. (The paper names a format term and doesn't give it, arXiv 2512.06581.)
    """
    return OTHER if flags else PLAIN


@lru_cache(maxsize=1024)  # the aspect names of SA and CVS come back in every row
def normal_label(label: str) -> str:
    """A label without case, punctuation and doubled spaces: "Clipping-and_cutting." to "clipping and cutting"."""
    return re.sub(r"[\W_]+", " ", label.casefold()).strip()


def needs_judge(task: TaskName) -> MedVidBenchError:
    """The error for a caption's reward asked of a rule."""
    return MedVidBenchError(
        f"The task {task} has no rule-based reward.",
        remedy="Give its answers to the hybrid reward of the judge (semantic similarity and judge score).",
    )
