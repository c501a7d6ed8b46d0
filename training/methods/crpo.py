"""CRPO, our reading: accuracy, faithfulness and comprehensiveness are optimised jointly within GRPO."""

from __future__ import annotations

from typing import ClassVar

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods.base import GroupRelative, Settings
from medvidbench.training.methods.relative import Floats
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import RewardBatch

OBJECTIVES = ("accuracy", "faithfulness", "comprehensiveness")


class Crpo(GroupRelative):
    """Clinical-objective relative policy optimisation, as its abstract describes it.

    The paper's formulas for faithfulness and comprehensiveness are in neither the abstract nor the public code. Here
    all three come as rewards by name, in [0, 1], weighted equally unless the recipe says otherwise. `accuracy` is what
    the task's own rule or the concept judge gives: with `rewards.tasks: []` it counts once.
    """

    name: ClassVar[str] = "crpo"
    title: ClassVar[str] = "CRPO (our reading)"
    source: ClassVar[str] = "2512.00601, abstract"
    formula: ClassVar[str] = (
        "r = weighted mean of accuracy, faithfulness, comprehensiveness (and further rewards, where the recipe names "
        "some);  A = (r - mean_p r) / std_p r"
    )
    differs: ClassVar[str] = (
        "Our reading of the abstract, not the paper's formula. The public code of April 2025 rewards 10 * accuracy + "
        "format + 0.5 * share of ASCII, and neither faithfulness nor comprehensiveness."
    )
    defaults: ClassVar[Settings] = Settings(kl=0.001)

    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) centred and scaled totals, once all three objectives are there.

        Raises:
            MedVidBenchError: an objective is missing among the rewards.
        """
        missing = [name for name in OBJECTIVES if name not in batch.names]
        if missing:
            raise MedVidBenchError(
                f"crpo has no reward called {', '.join(missing)}; there are {', '.join(batch.names)}.",
                f"rewards called {', '.join(OBJECTIVES)}",
                "name functions in rewards.functions that give them, e.g. those of medvidbench.training.rewards",
            )
        return super().values(batch, totals, scale)
