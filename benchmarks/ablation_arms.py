"""The arms of the ablation, and its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEEDS = (0, 1, 2, 3, 4)
NORMALISATIONS = {"raw": "none", "zscore": "zscore", "logistic": "logistic"}
SCALES = ("group", "batch", "none")
GROUNDING, CAPTIONS = ["TAG", "STG"], ["VS", "RC"]

ARMS: dict[str, dict[str, Any]] = {
    f"{name}-{scale}": {"rewards.normalisation": kind, "grpo.scale": scale}
    for scale in SCALES
    for name, kind in NORMALISATIONS.items()
}
_MEDGRPO = ARMS["logistic-batch"]
ARMS |= {
    "no-judge": {**_MEDGRPO, "rewards.judge": None},
    "grounding-only": {**_MEDGRPO, "data.tasks": GROUNDING},
    "captions-only": {**_MEDGRPO, "data.tasks": CAPTIONS},
}
"""Each differs from the others in these keys alone."""


def arm_changes(arm: str, statistics: Path) -> dict[str, Any]:
    """Keys of the recipe for one arm."""
    return {**ARMS[arm], "rewards.statistics": str(statistics)}


@dataclass(frozen=True)
class Sizes:
    """How much is done; the defaults take at most five hours on two cores.

    Attributes:
        recordings, seconds: of the simulated data, a source.
        layouts: sources, unlike on purpose: large slow instruments (CoPESD), small fast ones seen from the head
            (EgoSurgery), tracked laparoscopy (CholecTrack20), long labelled procedures (NurViD, CholecT50).
        steps, prompts, group: of a run.
        tokens, frames: of an answer, of a clip.
        test_rows: asked of each model.
    """

    recordings: int = 10
    seconds: int = 60
    layouts: tuple[str, ...] = ("copesd", "egosurgery", "cholectrack20", "nurvid", "cholect50")
    steps: int = 60
    prompts: int = 4
    group: int = 8
    tokens: int = 48
    frames: int = 8
    per_key: int = 40
    stats_rows: int = 16
    test_rows: int = 160

    @classmethod
    def quick(cls) -> Sizes:
        """A check that all parts run."""
        return cls(
            recordings=2, seconds=20, layouts=("copesd", "egosurgery"), steps=2, prompts=2, group=2, tokens=6,
            frames=3, per_key=4, stats_rows=2, test_rows=8,
        )  # fmt: skip

    def recipe(self) -> dict[str, Any]:
        """As keys of the recipe."""
        return {
            "steps": self.steps,
            "save_every": max(1, self.steps // 3),
            "batch_size": self.prompts,
            "grpo.group_size": self.group,
            "grpo.max_new_tokens": self.tokens,
            "data.frames": self.frames,
            "data.per_key": self.per_key,
        }
