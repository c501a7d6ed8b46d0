"""The arms of the ablation, and its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEEDS = (0, 1, 2, 3, 4)
NORMALISATIONS = {"raw": "none", "zscore": "zscore", "logistic": "logistic"}
SCALES = ("group", "batch", "none")
GROUNDING, CAPTIONS = ["TAG", "STG"], ["VS", "RC"]

SIMILARITY: dict[str, Any] = {"rewards.judge": None, "rewards.similarity": True}
"""Captions earn their likeness to the reference by sentence embeddings, in place of the judge's verdict."""

ARMS: dict[str, dict[str, Any]] = {
    f"{name}-{scale}": {"rewards.normalisation": kind, "grpo.scale": scale}
    for scale in SCALES
    for name, kind in NORMALISATIONS.items()
}
_MEDGRPO = ARMS["logistic-batch"]
ARMS |= {
    "no-judge": {**_MEDGRPO, **SIMILARITY},
    "grounding-only": {**_MEDGRPO, "data.tasks": GROUNDING},
    "captions-only": {**_MEDGRPO, "data.tasks": CAPTIONS},
}
"""Each differs from the others in these keys alone."""

POINTS: dict[str, Any] = {
    "rewards.tasks": GROUNDING,
    "rewards.judge": None,
    "rewards.similarity": False,
    "rewards.functions": ["judge_points:judge_points"],
}
"""Captions earn the judge's points as they come, 1 to 5, next to grounding rewards from 0 to 1."""
RATE, FAST = 3e-5, 1.2e-4
"""Learning rates: of all arms, and of those whose name ends in "-fast". At 1e-3 every arm forgets the language."""
REGIMES: dict[str, dict[str, Any]] = {
    f"{name}-{scale}-points{speed}": {**ARMS[f"{name}-{scale}"], **POINTS, "optimiser.lr": rate}
    for speed, rate in (("", RATE), ("-fast", FAST))
    for scale in ("group", "none")
    for name in ("raw", "logistic")
}
"""Where raw rewards should fail: the scales of the rewards differ by the task, and steps are large."""
ALL_ARMS = ARMS | REGIMES
PAIRS = [(name, name.replace("logistic", "raw")) for name in ALL_ARMS if name.startswith("logistic")]
"""Arms whose scores are compared row by row: MedGRPO's logistic and raw rewards, all else equal."""


STATISTICS: dict[str, dict[str, Any]] = {"judge": {}, "similarity": SIMILARITY, "points": POINTS}
"""The rewards that the SFT model is measured by; each arm is normalised by its own."""


def arm_changes(arm: str, stats: Path) -> dict[str, Any]:
    """Keys of the recipe for one arm; `stats` holds the folders of `train stats`."""
    return {**ALL_ARMS[arm], "rewards.statistics": str(stats / stats_of(arm) / "statistics.json")}


def stats_of(arm: str) -> str:
    """The statistics that an arm is normalised by."""
    return "points" if arm in REGIMES else "similarity" if arm == "no-judge" else "judge"


@dataclass(frozen=True)
class Sizes:
    """How much is done; the defaults take half an hour on two cores, and a quarter with the regimes.

    Attributes:
        recordings, seconds: of the simulated data, a source.
        layouts: sources, unlike on purpose: large slow instruments (CoPESD), small fast ones seen from the head
            (EgoSurgery), tracked laparoscopy (CholecTrack20), long labelled procedures (NurViD, CholecT50);
            Cholec80-CVS is never trained on, and shows what is forgotten.
        steps, prompts, group: of a run.
        tokens, frames: of an answer, of a clip.
        test_rows: asked of each model.
    """

    recordings: int = 10
    seconds: int = 60
    layouts: tuple[str, ...] = ("copesd", "egosurgery", "cholectrack20", "nurvid", "cholect50", "cholec80cvs")
    steps: int = 30
    prompts: int = 4
    group: int = 8
    tokens: int = 48
    frames: int = 8
    per_key: int = 40
    stats_rows: int = 16
    test_rows: int = 120

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
            "optimiser.lr": RATE,
            "save_every": max(1, self.steps // 3),
            "batch_size": self.prompts,
            "grpo.group_size": self.group,
            "grpo.max_new_tokens": self.tokens,
            "data.frames": self.frames,
            "data.per_key": self.per_key,
        }
