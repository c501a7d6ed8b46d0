"""What a run uses of the machine that it is on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """What a run uses of the machine; nothing here changes what is learned.

    Attributes:
        frame_cache: decoded frames shared with `medvidbench eval`; see `ExampleMaker`.
        prepared: folder of prepared prompts, shared by runs on the same benchmark; None prepares anew each time.
        workers: processes that decode clips; 0 decodes in the thread that prepares batches.
        micro_tokens: tokens of one forward with its padding, at most: bounds the memory. The gradient is the same up
            to the rounding of sums.
        rollout_prompts: prompts whose completions are sampled together, at most.
        rollout_memory: share of a GPU's memory that vLLM takes for its weights and caches, where it draws them.
        rollout_server: address of the vLLM server that draws completions, where the recipe's rollouts are vLLM's; None:
            in the trainer's own processes.
        rollout_weights: folder, seen by the server under the same name, through which weights go; None: in the run's.
        max_cost: dollars that a paid judge of captions may cost in all; the run then stops, and goes on with more.
    """

    frame_cache: Path | None = None
    prepared: Path | None = None
    workers: int = max(1, min(4, (os.cpu_count() or 2) - 1))
    micro_tokens: int = 8192
    rollout_prompts: int = 8
    rollout_memory: float = 0.4
    rollout_server: str | None = None
    rollout_weights: Path | None = None
    max_cost: float | None = None
