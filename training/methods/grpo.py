"""GRPO: DeepSeekMath's group-relative policy optimisation, on rewards as they come."""

from __future__ import annotations

from typing import ClassVar

from medvidbench.training.methods.base import GroupRelative, Settings


class Grpo(GroupRelative):
    """Section 4.1 of the paper, with outcome rewards."""

    name: ClassVar[str] = "grpo"
    title: ClassVar[str] = "GRPO"
    source: ClassVar[str] = "2402.03300"
    formula: ClassVar[str] = "A = (r - mean_p r) / std_p r"
    differs: ClassVar[str] = (
        "No epsilon: groups of equal rewards get exactly 0. TRL adds 1e-4, verl 1e-6 to the standard deviation; verl "
        "takes mean 0 and std 1 for a group of one, so that its raw reward becomes the advantage: refused here. "
        "Several rewards are averaged over those that apply; TRL sums them, so each further one makes steps larger."
    )
    defaults: ClassVar[Settings] = Settings(kl=0.04)
