"""From a world's name, a number and a seed to a recording's whole truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.synthetic.boxes import tracks
from medvidbench.synthetic.truth import Scene, World
from medvidbench.synthetic.worlds import benchtop, cholecystectomy, esd, nursing, open_surgery
from medvidbench.synthetic.worlds.draft import Draft

WORLDS: tuple[World, ...] = get_args(World)
_PLANS: dict[World, Callable[[Random, int, int, float], Draft]] = {
    "cholecystectomy": cholecystectomy.plan,
    "esd": esd.plan,
    "open": open_surgery.plan,
    "benchtop": benchtop.plan,
    "nursing": nursing.plan,
}


def simulate(world: World, number: int, seconds: int, seed: int, difficulty: float = 0.5) -> Scene:
    """One recording's truth and script; pictures are drawn from it by `render`.

    It depends on the five arguments alone, not on what else is simulated.

    Args:
        world: one of `WORLDS`.
        number: the recording's number, from 0.
        seconds: about how long it is, at least 1; each world has a least length, and skill and chance change it.
        seed: another seed gives other recordings.
        difficulty: 0 (large, slow, clear) to 1 (small, fast, smoky).

    Raises:
        MedVidBenchError: an unknown world, a negative number, no seconds, or a difficulty outside 0 to 1.
    """
    _check(world, number, seconds, difficulty)
    draft = _PLANS[world](Random(f"{world}:{seed}:{number}"), number, seconds, difficulty)
    scene = _scene(draft, world, number, seed, difficulty)
    return replace(scene, objects=tracks(scene))


def _check(world: str, number: int, seconds: int, difficulty: float) -> None:
    if world not in _PLANS:
        raise MedVidBenchError(f"The world is {world!r}.", accepted=", ".join(_PLANS))
    if number < 0 or seconds < 1:
        raise MedVidBenchError(f"Recording {number} of {seconds} s.", accepted="a number from 0, at least 1 second")
    if not 0 <= difficulty <= 1:
        raise MedVidBenchError(f"The difficulty is {difficulty}.", accepted="0 to 1")


def _scene(draft: Draft, world: World, number: int, seed: int, difficulty: float) -> Scene:
    return Scene(
        world=world,
        number=number,
        seed=seed,
        group=draft.group,
        fps=draft.fps,
        seconds=draft.seconds,
        width=draft.width,
        height=draft.height,
        phases=tuple(draft.phases),
        actions=tuple(sorted(draft.actions, key=lambda action: (action.start, action.label))),
        objects=(),
        skill=draft.skill,
        critical_view=tuple(draft.critical_view),
        outside=tuple(draft.outside),
        procedure=draft.procedure,
        difficulty=difficulty,
        movers=tuple(draft.movers),
        marks=tuple(draft.marks),
    )
