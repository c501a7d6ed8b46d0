"""How rewards become advantages: one method a file, chosen by name in a recipe.

`medvidbench.training.methods.table` writes them side by side: source, formula, test, and what differs elsewhere.
"""

from __future__ import annotations

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods.base import Advantages, GroupRelative, Method, Normalisation, Settings
from medvidbench.training.methods.crpo import Crpo
from medvidbench.training.methods.dapo import Dapo
from medvidbench.training.methods.dr_grpo import DrGrpo
from medvidbench.training.methods.drpo import Drpo
from medvidbench.training.methods.gdpo import Gdpo
from medvidbench.training.methods.grpo import Grpo
from medvidbench.training.methods.grpo_pp import GrpoPlusPlus
from medvidbench.training.methods.medgrpo import MedGrpo
from medvidbench.training.methods.tree_grpo import TreeGrpo
from medvidbench.training.methods.zscore import ZScore
from medvidbench.training.recipe import GrpoPart, RewardPart

__all__ = [
    "METHODS",
    "Advantages",
    "GroupRelative",
    "Method",
    "Normalisation",
    "Settings",
    "filled",
    "method",
    "resolved",
]

METHODS: dict[str, type[Method]] = {
    kind.name: kind for kind in (Grpo, ZScore, MedGrpo, DrGrpo, Dapo, Gdpo, Drpo, Crpo, GrpoPlusPlus, TreeGrpo)
}


def method(name: str) -> Method:
    """A fresh method, without memory of earlier steps.

    Raises:
        MedVidBenchError: there is none of that name; those that exist are named.
    """
    if name not in METHODS:
        raise MedVidBenchError(f"No method {name!r}.", ", ".join(METHODS))
    return METHODS[name]()


def resolved(grpo: GrpoPart, rewards: RewardPart) -> Settings:
    """The settings of a run: what the recipe says, and as the method's source has it where the recipe is silent.

    `kl` and `normalisation` have a value of their own in a recipe; they count as said where the recipe names them.

    Raises:
        MedVidBenchError: no such method, or the method needs trees and the recipe samples none.
    """
    chosen = method(grpo.method)
    most = grpo.group_size // 2  # a tree of one completion has nothing to be compared with
    if chosen.needs_trees and not (2 <= grpo.branches <= most and grpo.branch_tokens >= 1):
        raise MedVidBenchError(
            f"{grpo.method} compares completions of trees; the recipe has branches {grpo.branches}, branch_tokens "
            f"{grpo.branch_tokens}, group_size {grpo.group_size}.",
            "branches of 2 to group_size / 2, and branch_tokens of 1 or more",
        )
    own = chosen.defaults
    return Settings(
        scale=grpo.scale or own.scale,
        clip_low=own.clip_low if grpo.clip_low is None else grpo.clip_low,
        clip_high=own.clip_high if grpo.clip_high is None else grpo.clip_high,
        aggregation=grpo.aggregation or own.aggregation,
        zero_spread=grpo.zero_spread or own.zero_spread,
        kl=grpo.kl if "kl" in grpo.model_fields_set else own.kl,
        normalisation=rewards.normalisation if "normalisation" in rewards.model_fields_set else own.normalisation,
    )


def filled(grpo: GrpoPart, rewards: RewardPart) -> tuple[GrpoPart, RewardPart]:
    """Both parts with every setting written out, as they stand beside a checkpoint; filling them again changes nothing.

    Raises:
        MedVidBenchError: see `resolved`.
    """
    settings = resolved(grpo, rewards)
    names = ("scale", "clip_low", "clip_high", "aggregation", "zero_spread", "kl")
    said = {name: getattr(settings, name) for name in names}
    return grpo.model_copy(update=said), rewards.model_copy(update={"normalisation": settings.normalisation})
