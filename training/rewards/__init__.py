"""Raw rewards of completions: rules of the tasks, the hybrid caption reward, functions of the user.

    task         TAG, STG, DVC, NAP, SA, CVS: `task.reward`, its rule metric times a format term (see `rules`)
    similarity   VS, RC: cosine of sentence embeddings with the reference caption (see `captions`)
    judge        VS, RC: the judge's mean score in its comparative form, as (mean - 1) / 4
    NAME         a function of the user, with the signature of TRL's reward functions (see `functions`)

`Rewarder` puts them together. Nothing here is normalised: `medvidbench.training.normalisation` does that, part by part.
"""

from __future__ import annotations

from medvidbench.training.rewards.captions import RewardUnavailable
from medvidbench.training.rewards.rewarder import Rewarder, opened_rewarder

__all__ = ["RewardUnavailable", "Rewarder", "opened_rewarder"]
