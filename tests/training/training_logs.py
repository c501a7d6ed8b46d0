"""Hand-made logs of training runs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medvidbench.training.run_facts import RECIPE, RunFacts, write_facts
from medvidbench.training.steps import GrpoStep, KeyStep, SampledCompletion, SftKey, SftStep
from medvidbench.training.watch import RunLog

ATTACK = '</script><script>document.title="taken"</script><img src=x onerror="document.title=\'taken\'">&amp;'
KEYS = (("CholecT50", "TAG"), ("CoPESD", "STG"), ("EgoSurgery", "RC"), ("Cholec80", "VS"))


def key(source: str = "a", task: str = "TAG", **changes: Any) -> KeyStep:
    values: dict[str, Any] = {
        "prompts": 4,
        "n": 32,
        "rewarded": 4,
        "reward": 0.5,
        "reward_sd": 0.0,
        "parts": {"iou": 0.5},
        "normalised": 0.6,
        "advantage": 0.4,
        "share": 1.0,
        "zero_spread": 0.25,
        "saturated": 0.0,
        "parsed": 1.0,
    }
    return KeyStep(source=source, task=task, **(values | changes))  # type: ignore[arg-type]


def step(number: int, **changes: Any) -> GrpoStep:
    values: dict[str, Any] = {
        "seconds": {"prompts": 0.5, "rollout": 4.0, "rewards": 0.25, "scores": 1.0, "backward": 3.0},
        "prompts": 4,
        "completions": 32,
        "tokens": 640,
        "loss": 0.01,
        "lr": 1e-6,
        "grad_norm": 0.7,
        "entropy": 1.2,
        "kl": 0.01,
        "clip_low": 0.0,
        "clip_high": 0.0,
        "ratio": 1.0,
        "length_mean": 20.0,
        "length_max": 64,
        "truncated": 0.0,
        "parsed": 1.0,
    }
    return GrpoStep(step=number, **(values | changes))


def sft_step(number: int, **changes: Any) -> SftStep:
    values: dict[str, Any] = {
        "seconds": {"prompts": 0.1, "update": 1.5},
        "n": 8,
        "tokens": 200,
        "loss": 5.0 * math.exp(-number / 20) + 1,
        "lr": 1e-4,
        "grad_norm": 1.5,
        "keys": (SftKey(source="CholecT50", task="TAG", n=4, tokens=80, loss=2.0),),
    }
    return SftStep(step=number, **(values | changes))


def sample(number: int, **changes: Any) -> SampledCompletion:
    values: dict[str, Any] = {
        "sample_id": f"s{number}",
        "source": "CholecT50",
        "task": "TAG",
        "question": "When does the grasper retract the gallbladder?",
        "reference": "1.0-3.0 seconds.",
        "answer": "1.0-2.0 seconds.",
        "tokens": 8,
        "finished": True,
        "parsed": True,
        "parts": {"iou": 0.5, "format": 1.0},
        "reward": 0.5,
        "normalised": 0.6,
        "advantage": -0.2,
    }
    return SampledCompletion(step=number, **(values | changes))


def facts(**changes: Any) -> RunFacts:
    values: dict[str, Any] = {
        "kind": "grpo",
        "recipe": "medgrpo-7b",
        "steps": 200,
        "device": "cpu",
        "dtype": "float32",
        "processes": 1,
        "model": "runs/sft/last",
        "revision": "files:0123456789abcdef",
        "benchmark": "bench",
        "benchmark_id": "ab" * 32,
        "synthetic": True,
        "versions": {"torch": "2.13.0", "medvidbench": "0.1.0"},
        "started": "2026-11-20T10:00:00+00:00",
    }
    return RunFacts(**(values | changes))


def lively_step(number: int, draw: random.Random, collapse_at: int | None = None) -> GrpoStep:
    """A step of a run that learns, and from `collapse_at` on loses its last key and its entropy."""
    fallen = collapse_at is not None and number > collapse_at
    far = 1.0 if not fallen else math.exp(-(number - (collapse_at or 0)) / 12)
    rewards = [0.1 + 0.15 * k + 0.25 * (1 - math.exp(-number / 60)) for k in range(len(KEYS))]
    weights = [1.0, 0.6, 1.4, 0.9 + 2 * (1 - far)]
    keys = tuple(
        key(
            source,
            task,
            prompts=2,
            n=16,
            rewarded=2,
            reward=max(0.0, rewards[k] * (far if k == 3 else 1) + draw.gauss(0, 0.03)),
            reward_sd=0.1,
            parts={"overlap": rewards[k], "format": 0.95},
            normalised=min(1.0, 0.5 + number / 600 + draw.gauss(0, 0.03)),
            advantage=weights[k],
            share=weights[k] / sum(weights),
            zero_spread=min(1.0, max(0.0, 0.1 * k + 0.4 * (1 - far) + draw.gauss(0, 0.05))),
            saturated=min(1.0, number / 1000),
            parsed=0.97,
        )
        for k, (source, task) in enumerate(KEYS)
    )
    return step(
        number,
        loss=draw.gauss(0, 0.02),
        lr=1e-6 * (1 - number / 201),
        grad_norm=abs(draw.gauss(0.8, 0.2)) + 3 * (1 - far),
        entropy=0.3 + 0.9 * far * math.exp(-number / 300) + draw.gauss(0, 0.02),
        kl=0.0004 * number + (1 - far) * 0.4,
        clip_low=abs(draw.gauss(0.01, 0.003)),
        clip_high=abs(draw.gauss(0.02, 0.004)),
        length_mean=60 + 10 * draw.random() + 100 * (1 - far),
        length_max=200 + draw.randrange(40),
        truncated=0.05 + 0.6 * (1 - far),
        parsed=0.98 - 0.5 * (1 - far),
        seconds={
            name: value * (0.9 + 0.2 * draw.random())
            for name, value in {"prompts": 0.4, "rollout": 6.0, "rewards": 0.5, "scores": 1.5, "backward": 4.0}.items()
        },
        keys=keys,
    )


def write_run(
    out: Path, steps: int = 120, collapse_at: int | None = None, seed: int = 0, made: RunFacts | None = None
) -> Path:
    """A run's folder: log, sample completions, facts and recipe."""
    draw, log = random.Random(seed), RunLog(out)
    for number in range(1, steps + 1):
        kept = (sample(number, question=f"Question {number} {ATTACK}", answer=f"Answer {number} {ATTACK}"),)
        log.append(lively_step(number, draw, collapse_at), kept if number % 10 == 0 else ())
    (out / RECIPE).write_text("kind: grpo\nname: medgrpo-7b # <b>not bold</b>\n", encoding="utf-8")
    write_facts(out, made or facts())
    return out


def steps_of(count: int, make: Callable[[int], dict[str, Any]]) -> list[GrpoStep]:
    """Steps 1 to `count` with the changes that `make` says."""
    return [step(number, **make(number)) for number in range(1, count + 1)]
