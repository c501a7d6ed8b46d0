"""Dr.GRPO: no division by the group's spread, none by the completion's length."""

from __future__ import annotations

from typing import ClassVar

from medvidbench.training.methods.base import GroupRelative, Settings


class DrGrpo(GroupRelative):
    """GRPO less two biases: towards prompts of small spread, and towards long wrong answers."""

    name: ClassVar[str] = "dr_grpo"
    title: ClassVar[str] = "Dr.GRPO"
    source: ClassVar[str] = "2503.20783"
    formula: ClassVar[str] = "A = r - mean_p r;  loss = sum over tokens / (completions * max_new_tokens)"
    differs: ClassVar[str] = "None known in the advantage; the token sum is divided by a constant, as in TRL's dr_grpo."
    defaults: ClassVar[Settings] = Settings(scale="none", aggregation="constant")
