"""The units that two texts are compared by, and what a comparison finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from medvidbench.judges.lexicon_files import Concept

Kind: TypeAlias = Literal[
    "matched", "lay", "vaguer", "substituted", "opposite", "negated", "omitted", "invented", "side", "direction",
    "quantity", "role", "order",
]  # fmt: skip
WEIGHT: Final = (0.0, 0.4, 1.0, 1.0)
"""Weight of a unit by its concept's level: a word such as "tool" counts for nothing by itself."""
MOTIONS: Final = frozenset({"rotation", "sagittal", "line", "angle", "length", "inside"})
"""Axes of sides that tell a movement wherever they stand."""
GENERAL_VERB: Final = 0.2
CONTRADICTIONS: Final = frozenset(
    {"substituted", "opposite", "negated", "side", "direction", "quantity", "role", "order"}
)


@dataclass(slots=True)
class Unit:
    """A concept of one text, however often it is said.

    Attributes:
        negated: denied. lay: only ever said in plain words.
        sides: values by axis.
        others: names of the concepts that its words can mean as well.
        said: False for what is only implied. implied: another unit implies it.
        company: names of the things in the clause where it is said first.
    """

    concept: Concept
    words: str
    negated: bool
    lay: bool
    sides: dict[str, set[str]] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    said: bool = True
    implied: bool = False
    company: frozenset[str] = frozenset()

    @property
    def weight(self) -> float:
        """Its weight; nothing for what is only implied."""
        if not self.said:
            return 0.0
        # "moves", "continues": verbs that most captions have and few mean
        return (
            GENERAL_VERB
            if self.concept.level == 1 and self.concept.category == "action"
            else WEIGHT[self.concept.level]
        )

    @property
    def needed(self) -> float:
        """Its weight where the other text lacks it: a thing that another unit implies needn't be said."""
        return 0.0 if self.implied and self.concept.category != "action" else self.weight


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
        unsure: whether a word of several meanings takes part.
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
    unsure: bool = False

    @property
    def contradicts(self) -> bool:
        """Whether the prediction says something else than the reference."""
        return self.kind in CONTRADICTIONS
