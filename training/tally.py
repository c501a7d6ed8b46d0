"""What a fine-tuning step sums over its answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial

from medvidbench.training.rows import Key
from medvidbench.training.steps import SftKey


@dataclass
class Tally:
    """Sums over answers: `key` to summed loss (nats), tokens and rows; of supervised attention, points and loss."""

    points: int = 0
    pointing: float = 0.0
    loss: defaultdict[Key, float] = field(default_factory=partial(defaultdict, float))
    tokens: Counter[Key] = field(default_factory=Counter)
    rows: Counter[Key] = field(default_factory=Counter)

    def add(self, key: Key, loss: float, tokens: int, rows: int = 1) -> None:
        """More of one key."""
        self.loss[key] += loss
        self.tokens[key] += tokens
        self.rows[key] += rows

    def join(self, other: Tally) -> None:
        """All that another process counted."""
        self.points += other.points
        self.pointing += other.pointing
        for key in other.rows:
            self.add(key, other.loss[key], other.tokens[key], other.rows[key])

    def keys(self) -> tuple[SftKey, ...]:
        """As the log has them."""
        return tuple(
            SftKey(source=k.source, task=k.task, n=self.rows[k], tokens=self.tokens[k], loss=self.loss[k] / n)
            for k, n in sorted(self.tokens.items())
        )
