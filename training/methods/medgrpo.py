"""MedGRPO: rewards through a logistic around the median that the SFT model earns, per source and task."""

from __future__ import annotations

from typing import ClassVar

from medvidbench.training.methods.base import GroupRelative, Settings


class MedGrpo(GroupRelative):
    """The normalisation takes place before; what is left is GRPO without a KL term and with a wider upper clip."""

    name: ClassVar[str] = "medgrpo"
    title: ClassVar[str] = "MedGRPO"
    source: ClassVar[str] = "2512.06581"
    formula: ClassVar[str] = (
        "r = 1 / (1 + exp(-k (x - p50_key) / (p75_key - p25_key))), k = 3;  A = (r - mean_p r) / std_step(r - mean_p r)"
    )
    differs: ClassVar[str] = (
        "The authors released no trainer. The scale is not in the paper: the step's here, because under the group's "
        "only the curvature of the logistic is left, and the balance between data sets is gone. It is that of centred "
        "rewards; TRL's scale batch is that of the rewards themselves, with the spread between prompts in it."
    )
    defaults: ClassVar[Settings] = Settings(scale="batch", clip_high=0.3, normalisation="logistic")
