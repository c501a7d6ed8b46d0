"""The order in which rows are drawn: endless, seeded, and a function of the position alone.

Position s of the run holds row `row(s)`. Nothing is remembered between positions, so a run that goes on at position s
sees what it would have seen, and a process of a distributed run takes every n-th position of a step for itself.

Formulas, n rows in all, a permutation for each (seed, number of the epoch):

    balance "none":          row(s) = permutation(s // n)[s % n]: each row once in n positions.
    balance "task", "key":   the G tasks (or (source, task) pairs) take turns, each once in G positions, in an order
                             drawn anew each round; the k-th turn of a group of m rows takes its
                             permutation(k // m)[k % m]. A task with several turns has as many in each round.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe import DataPart
from medvidbench.training.rows import Key

T = TypeVar("T")


class DataOrder:
    """Rows by position.

    Args:
        keys: source and task of each row.
        balance: as in the recipe.
        seed: of all permutations.
        turns: of a group in each round; 1 for those not named.

    Raises:
        MedVidBenchError: there are no rows.
    """

    def __init__(
        self, keys: Sequence[Key], balance: str = "none", seed: int = 0, turns: Mapping[str, int] | None = None
    ) -> None:
        if not keys:
            raise MedVidBenchError("There are no rows to train on.", "at least one")
        self.rows, self.seed = len(keys), seed
        groups: dict[str, list[int]] = defaultdict(list)
        for row, key in enumerate(keys):
            groups[{"none": "", "task": key.task, "key": str(key)}[balance]].append(row)
        counts = {name: (turns or {}).get(name, 1) for name in sorted(groups)}
        self._slots = [
            (name, np.asarray(groups[name]), turn, count) for name, count in counts.items() for turn in range(count)
        ]
        self._permutation = lru_cache(maxsize=4 * len(self._slots) + 4)(self._draw)

    @classmethod
    def of(cls, keys: Sequence[Key], data: DataPart, seed: int) -> DataOrder:
        """The order that a recipe asks for."""
        return cls(keys, data.balance, seed, {str(task): count for task, count in data.turns.items()})

    def row(self, position: int) -> int:
        """The row at a position from 0 on."""
        round_, place = divmod(position, len(self._slots))
        name, rows, turn, count = self._slots[self._permutation("", round_, len(self._slots))[place]]
        epoch, at = divmod(round_ * count + turn, len(rows))
        return int(rows[self._permutation(name or "rows", epoch, len(rows))[at]])

    def batch(self, position: int, count: int) -> list[int]:
        """The rows of `count` positions from `position` on."""
        return [self.row(position + place) for place in range(count)]

    def endless(self, position: int = 0) -> Iterator[int]:
        """The rows from a position on, for ever."""
        while True:
            yield self.row(position)
            position += 1

    def _draw(self, name: str, epoch: int, size: int) -> list[int]:
        # crc32, not hash(): the same in every process, whatever PYTHONHASHSEED says
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode()), epoch])
        return [int(place) for place in generator.permutation(size)]


def share(items: Sequence[T], rank: int, of: int) -> list[T]:
    """The items that process `rank` of `of` works on: every `of`-th from `rank` on.

    >>> share(["a", "b", "c"], 1, 2)
    ['b']
    """
    return list(items[rank::of])
