"""Rewards standardised per source and task: the simplest way to put data sets on one scale."""

from __future__ import annotations

from typing import ClassVar

from medvidbench.training.methods.base import GroupRelative, Settings


class ZScore(GroupRelative):
    """The baseline that the logistic of MedGRPO has to beat."""

    name: ClassVar[str] = "zscore"
    title: ClassVar[str] = "z-score per data set"
    source: ClassVar[str] = "baseline; tasks are standardised so in PopArt, 1809.04474"
    formula: ClassVar[str] = "r = (x - mean_key x) / std_key x;  A = (r - mean_p r) / std_step(r - mean_p r)"
    differs: ClassVar[str] = (
        "None of the trainers looked at has it. The scale is the step's: with the group's the standardisation would "
        "cancel, as any positive affine map of a data set's rewards does."
    )
    defaults: ClassVar[Settings] = Settings(scale="batch", normalisation="zscore")
