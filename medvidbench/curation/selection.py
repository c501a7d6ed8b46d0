"""Which of the planned questions are built: all of them, or a set that is balanced over the tasks.

The published benchmark has a large set (531,850 rows) and a task-balanced "standard" one (51,505 rows over 8 tasks;
arXiv 2512.06581). How the latter was drawn is not published. Here each task gets at most `per_task` questions, spread
as evenly over its sources as they allow, drawn by a seeded hash of the question's id: the draw of one question doesn't
depend on which others there are.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medvidbench.errors import MedVidBenchError

PER_TASK = 6_438
"""51,505 / 8, the published standard set."""


@dataclass(frozen=True)
class Selection:
    """What is kept: a question whose rank is at most its (task, source)'s limit; without a limit, all.

    `limits` are sorted, so that equal selections are equal as configuration.
    """

    seed: int = 0
    limits: tuple[tuple[str, str, str], ...] = ()

    def keeps(self, task: str, source: str, sample_id: str) -> bool:
        """Whether a question is built."""
        limit = self._by_key.get((task, source))
        return limit is None or rank(self.seed, sample_id) <= limit

    @property
    def _by_key(self) -> dict[tuple[str, str], str]:
        return {(task, source): limit for task, source, limit in self.limits}


def rank(seed: int, sample_id: str) -> str:
    """A question's place in the draw: the smallest come first."""
    return hashlib.sha256(f"{seed}/balanced/{sample_id}".encode()).hexdigest()


def balanced(questions: Iterable[tuple[str, str, str]], per_task: int, seed: int) -> Selection:
    """The selection of at most `per_task` questions of each task.

    Args:
        questions: (task, source, sample_id) of every planned question.
        per_task: at least 1.

    Raises:
        MedVidBenchError: `per_task` is under 1.
    """
    if per_task < 1:
        raise MedVidBenchError(f"--per-task {per_task}.", "at least 1")
    ranks: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task, source, sample_id in questions:
        ranks[task][source].append(rank(seed, sample_id))
    limits = []
    for task, by_source in ranks.items():
        quotas = even_quotas({source: len(found) for source, found in by_source.items()}, per_task)
        for source, quota in quotas.items():
            # "" is below every rank: a source without a place in a small set keeps nothing
            limits.append((task, source, sorted(by_source[source])[quota - 1] if quota else ""))
    return Selection(seed, tuple(sorted(limits)))


def even_quotas(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """`total` places shared evenly; a source with fewer questions than its share leaves the rest to the others.

    >>> even_quotas({"a": 2, "b": 50, "c": 50}, 22)
    {'a': 2, 'b': 10, 'c': 10}
    """
    quotas: dict[str, int] = {}
    left = total
    waiting = sorted(counts, key=lambda source: (counts[source], source))
    for place, source in enumerate(waiting):
        quotas[source] = min(counts[source], left // (len(waiting) - place))
        left -= quotas[source]
    return quotas
