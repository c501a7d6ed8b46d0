"""The units that two texts are compared by, and what a comparison finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from medvidbench.judges.lexicon_files import Concept

Kind: TypeAlias = Literal[
    "matched", "lay", "vaguer", "substituted", "opposite", "negated", "omitted", "invented", "side", "direction",
    "quantity", "role", "order",
]  # fmt: skip
WEIGHT: Final = (0.0, 0.6, 1.0, 1.0)
"""Weight of a unit by its concept's level: a word such as "tool" counts for nothing by itself."""
CONTRADICTIONS: Final = frozenset(
    {"substituted", "opposite", "negated", "side", "direction", "quantity", "role", "order"}
)


@dataclass(slots=True)
class Unit:
    """A concept of one text, however often it is said."""

    concept: Concept
    words: str
    negated: bool
    lay: bool
    sides: dict[str, set[str]] = field(default_factory=dict)
    implied: bool = False

    @property
    def weight(self) -> float:
        """Its weight; nothing for what another unit implies."""
        return 0.0 if self.implied else WEIGHT[self.concept.level]


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison: the unit of the reference, that of the prediction, or both.

    Attributes:
        category: a category of the lexicon, or "side", "direction", "quantity", "role", "order".
        credit: in [0, 1].
        weight: of the reference's unit, or of the predicted one where there is no reference's.
        concept, said: names of the concepts in reference and prediction, or "".
        reference, prediction: the words.
        specific: credit of the prediction for being as concrete as the reference, right or wrong.
    """

    kind: Kind
    category: str
    credit: float
    weight: float
    concept: str = ""
    said: str = ""
    reference: str = ""
    prediction: str = ""
    specific: float = 0.0

    @property
    def contradicts(self) -> bool:
        """Whether the prediction says something else than the reference."""
        return self.kind in CONTRADICTIONS
