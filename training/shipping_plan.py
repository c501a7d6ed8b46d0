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
        drawn: pictures a second in a video; nearly all clips are sampled at whole seconds or halves.
    """

    recordings: int
    seconds: int
    seed: int
    test_share: float
    drawn: int = 2


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
    """The whole way: sight, then fine-tuning.

    Attributes:
        tuning: recipe, by name or file; it goes on from the model that has learned to see.
        changes: keys of the recipe with other values.
        layouts: sources that are simulated; None takes all eight.
    """

    training: Simulation = TRAINING
    held_out: Simulation = HELD_OUT
    sight: Sight = Sight()
    tuning: str = "tiny"
    changes: tuple[tuple[str, object], ...] = ()
    layouts: tuple[str, ...] | None = None

    @property
    def stage(self) -> str:
        """Name of the run by the recipe, which is that of its folder."""
        return Path(self.tuning).stem

    def keys(self, model: Path, bench: Path) -> dict[str, object]:
        """What is put into the recipe."""
        return {"model.path": str(model), "data.benchmark": str(bench), **dict(self.changes)}
