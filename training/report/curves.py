"""What is drawn of a run: named values of each step, by source and task or of the whole step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medvidbench.training.report.inputs import Run
from medvidbench.training.steps import GrpoStep, KeyStep, SftKey, SftStep

Value = tuple[float | None, float]
"""A step's value (None: nothing to measure) and its weight in a mean over steps."""
Read = Callable[[Any], Value]


@dataclass(frozen=True)
class Curve:
    """One value of a step by its name, e.g. the reward of one key."""

    name: str
    read: Read


@dataclass(frozen=True)
class Panel:
    """Values that belong together: one chart of a single run.

    Attributes:
        note: what the values are, in a line.
        scale: what the axis shows at least; None takes an end from the values.
        stacked: the values are parts of a whole.
    """

    title: str
    note: str
    curves: tuple[Curve, ...]
    scale: tuple[float | None, float | None] = (None, None)
    stacked: bool = False


def sections(runs: Sequence[Run]) -> list[tuple[str, list[Panel]]]:
    """(heading, panels) for all runs together; their kind is one."""
    keys = sorted({key.name for run in runs for step in run.steps for key in step.keys})
    parts = list(dict.fromkeys(name for run in runs for step in run.steps for name in step.seconds))
    time = Panel(
        "Seconds a step", "By part of the step.", tuple(_seconds(name) for name in parts), (0, None), stacked=True
    )
    found = [*_grpo(keys), *_drift(runs)] if runs[0].kind == "grpo" else _sft(keys)
    return [*found, ("Time", [time] if parts else [])]


def _grpo(keys: Sequence[str]) -> list[tuple[str, list[Panel]]]:
    share = (0.0, 1.0)
    rewards = [
        Panel("Raw reward", "Mean over prompts, 0 to 1.", _by_key(keys, lambda k: (k.reward, k.rewarded)), share),
        Panel("Normalised reward", "What advantages are made of.", _by_key(keys, lambda k: (k.normalised, k.n))),
    ]
    gradient = [
        Panel("Share of the gradient", "Σ |advantage| of a key / Σ of the step.", _shares(keys), share, stacked=True),
        Panel(
            "Groups without spread",
            "Share of groups in which all raw rewards are equal: they teach nothing.",
            _by_key(keys, lambda k: (k.zero_spread, k.prompts)),
            share,
        ),
        Panel(
            "Saturation",
            "Share of completions at an end of the normalisation, where rewards hardly differ.",
            _by_key(keys, lambda k: (k.saturated, k.n)),
            share,
        ),
        Panel("Gradient norm", "Before clipping.", (_whole("norm", lambda s: (s.grad_norm, 1)),), (0, None)),
        Panel("Loss", "Near 0 by construction: no sign of progress.", (_whole("loss", lambda s: (s.loss, 1)),)),
        Panel("Learning rate", "", (_whole("rate", lambda s: (s.lr, 1)),), (0, None)),
    ]
    policy = [
        Panel("Entropy", "Nats a token.", (_whole("entropy", lambda s: (s.entropy, s.tokens)),), (0, None)),
        Panel("KL to the start", "Nats a token.", (_whole("KL", lambda s: (s.kl, s.tokens)),), (0, None)),
        Panel(
            "Clip fraction",
            "Share of tokens whose probability ratio was clipped; 0 where a step is one update.",
            (
                _whole("from above", lambda s: (s.clip_high, s.tokens)),
                _whole("from below", lambda s: (s.clip_low, s.tokens)),
            ),
            (0, None),
        ),
        Panel(
            "Probability ratio",
            "To the policy before the step, mean; 1 where a step is one update.",
            (_whole("ratio", lambda s: (s.ratio, s.tokens)),),
        ),
        Panel(
            "Correction",
            "Mean weight of tokens, policy to the engine that drew them, cut above.",
            (_whole("weight", lambda s: (s.correction, s.tokens)),),
        ),
    ]
    return [("Rewards", rewards), ("Gradient", gradient), ("Policy", policy), ("Answers", _answers(keys))]


def _drift(runs: Sequence[Run]) -> list[tuple[str, list[Panel]]]:
    """How far rewards have moved from the statistics that they are normalised by; nothing for raw rewards."""
    names = sorted({name for run in runs for step in run.steps if isinstance(step, GrpoStep) for name in step.drift})
    if not names:
        return []

    def of(value: str) -> tuple[Curve, ...]:
        return tuple(Curve(name, _drifted(name, value)) for name in names)

    panels = [
        Panel("Shift of the median", "In scales of the statistics; 3 above it the logistic is flat.", of("shift")),
        Panel(
            "Flattened groups",
            "Share of groups with unequal raw rewards that normalisation has made equal.",
            of("saturated"),
            (0.0, 1.0),
        ),
    ]
    return [("Drift from the statistics", panels)]


def _drifted(name: str, value: str) -> Read:
    return lambda step: (step.drift.get(name, {}).get(value), 1)


def _answers(keys: Sequence[str]) -> list[Panel]:
    return [
        Panel(
            "Length",
            "Tokens of a completion.",
            (
                _whole("mean", lambda s: (s.length_mean, s.completions)),
                _whole("longest", lambda s: (s.length_max, 1)),
            ),
            (0, None),
        ),
        Panel(
            "Truncated",
            "Share of completions cut at the limit.",
            (_whole("truncated", lambda s: (s.truncated, s.completions)),),
            (0.0, 1.0),
        ),
        Panel(
            "Parse rate",
            "Share of answers that the task can read.",
            _by_key(keys, lambda k: (k.parsed, k.n)),
            (0.0, 1.0),
        ),
    ]


def _sft(keys: Sequence[str]) -> list[tuple[str, list[Panel]]]:
    panels = [
        Panel("Loss", "Nats a token of the reference answers.", (_whole("loss", lambda s: (s.loss, s.tokens)),)),
        Panel("Loss by source and task", "Nats a token.", _by_key(keys, lambda k: (k.loss, k.tokens))),
        Panel("Gradient norm", "Before clipping.", (_whole("norm", lambda s: (s.grad_norm, 1)),), (0, None)),
        Panel("Learning rate", "", (_whole("rate", lambda s: (s.lr, 1)),), (0, None)),
        Panel("Tokens", "Of the answers in a step.", (_whole("tokens", lambda s: (s.tokens, 1)),), (0, None)),
    ]
    return [("Training", panels)]


def _whole(name: str, read: Callable[[Any], tuple[float | None, float]]) -> Curve:
    return Curve(name, read)


def _seconds(name: str) -> Curve:
    return Curve(name, lambda step: (step.seconds.get(name, 0.0), 1))


def _by_key(keys: Sequence[str], read: Callable[[Any], Value]) -> tuple[Curve, ...]:
    return tuple(Curve(name, _reader(name, read)) for name in keys)


def _reader(name: str, read: Callable[[Any], Value]) -> Read:
    def of(step: GrpoStep | SftStep) -> Value:
        found = _key(step, name)
        return (None, 0.0) if found is None else read(found)

    return of


def _shares(keys: Sequence[str]) -> tuple[Curve, ...]:
    """A key that isn't in a step has no part in its gradient; a step without any gradient has no shares."""

    def reader(name: str) -> Read:
        def of(step: GrpoStep) -> Value:
            if all(key.share is None for key in step.keys):
                return None, 0.0
            found = _key(step, name)
            return (0.0 if not isinstance(found, KeyStep) else found.share), 1.0

        return of

    return tuple(Curve(name, reader(name)) for name in keys)


def _key(step: GrpoStep | SftStep, name: str) -> KeyStep | SftKey | None:
    return next((key for key in step.keys if key.name == name), None)
