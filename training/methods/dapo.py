"""DAPO: a wider upper clip, a mean over the step's tokens, and no prompt whose completions are all alike."""

from __future__ import annotations

from typing import ClassVar

from medvidbench.training.methods.base import GroupRelative, Settings


class Dapo(GroupRelative):
    """Clip-higher, token-level loss and dynamic sampling; the overlong penalty is a reward, not a part of this."""

    name: ClassVar[str] = "dapo"
    title: ClassVar[str] = "DAPO"
    source: ClassVar[str] = "2503.14476"
    formula: ClassVar[str] = (
        "A = (r - mean_p r) / std_p r;  ratio in [0.8, 1.28];  loss = sum over tokens / tokens of the step;  "
        "groups without spread are exchanged for other prompts"
    )
    differs: ClassVar[str] = (
        "Spread decides which groups are exchanged; EasyR1 keeps groups by their mean (0.01 to 0.99), which is wrong "
        "for continuous rewards, and TRL does not resample. Exchanges are bounded; then the group is kept, at 0. "
        "The spread is that of raw rewards: a group that a normalisation has flattened is not exchanged."
    )
    defaults: ClassVar[Settings] = Settings(clip_high=0.28, aggregation="token", zero_spread="resample")
