"""All that decides the small model that ships. `training/shipping.py` carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Simulation:
    """A benchmark of simulated recordings.

    Attributes:
        recordings: in each of the layouts.
        seconds: of a recording, about.
        seed: of the recordings and of the build.
        test_share: share of each source's groups in the test split.
    """

    recordings: int
    seconds: int
    seed: int
    test_share: float


@dataclass(frozen=True)
class Sight:
    """The training of the vision tower: how long, on what, from which draw. See `shipping_sight`.

    Attributes:
        rows: of a step; sources and tasks take turns.
        temperature: of the softmax.
    """

    steps: int = 4000
    rows: int = 4
    temperature: float = 0.07
    seed: int = 6


TRAINING = Simulation(recordings=80, seconds=60, seed=1001, test_share=0.0)
HELD_OUT = Simulation(recordings=40, seconds=60, seed=990, test_share=0.5)
"""Half of it is the test split; the other half serves the blind majority row alone."""


@dataclass(frozen=True)
class Plan:
    """The whole way: sight, fine-tuning, reinforcement.

    Attributes:
        tuning, reinforcement: recipes, by name or file; each goes on from the model before it.
        changes: keys of every recipe with other values.
        prompts: of each source and task, whose completions give the reward statistics.
        layouts: sources that are simulated; None takes all eight.
    """

    training: Simulation = TRAINING
    held_out: Simulation = HELD_OUT
    sight: Sight = Sight()
    tuning: str = "tiny"
    reinforcement: str = "tiny-medgrpo"
    changes: tuple[tuple[str, object], ...] = ()
    layouts: tuple[str, ...] | None = None
    prompts: int = 12

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of all training runs by a recipe, which are those of their folders."""
        return tuple(Path(name).stem for name in (self.tuning, self.reinforcement))

    def keys(self, model: Path, bench: Path) -> dict[str, object]:
        """What is put into a recipe."""
        return {"model.path": str(model), "data.benchmark": str(bench), **dict(self.changes)}
