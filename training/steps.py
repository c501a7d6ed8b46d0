"""The rows of a run's log: a step of reinforcement, a step of supervised fine-tuning, a completion that was kept.

JSON has no form for numbers that are not finite; in it they stand as the texts "NaN", "Infinity" and "-Infinity",
because a run that ended on one must show it. A value that there was nothing to measure on is null.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from medvidbench.records import TaskName

_CONFIG = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class KeyStep:
    """One source and task within one GRPO step.

    Attributes:
        prompts: groups of completions.
        n: completions.
        rewarded: prompts that any reward applied to.
        reward: mean raw reward over these, in [0, 1]; None where there are none.
        reward_sd: population standard deviation of these prompts' mean raw rewards.
        parts: mean of each raw reward over the completions that it applied to.
        normalised: mean reward after normalisation.
        advantage: mean |advantage| of a completion.
        share: of the step's sum of |advantage|: this key's share of the gradient. None in a step without any.
        zero_spread: share of the groups in which no raw reward differs between the completions.
        saturated: share of the completions whose normalised reward is at an end of its scale; None: not asked.
        parsed: share of the answers that the task could read.
    """

    source: str
    task: TaskName
    prompts: int = Field(ge=1)
    n: int = Field(ge=1)
    rewarded: int = Field(ge=0)
    reward: float | None
    reward_sd: float | None
    parts: dict[str, float | None]
    normalised: float | None
    advantage: float
    share: float | None
    zero_spread: float
    saturated: float | None
    parsed: float

    @property
    def name(self) -> str:
        """ "source/task"."""
        return f"{self.source}/{self.task}"


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Skipped:
    """An example that was passed over, and why: its video can't be read, its prompt is too long, it wasn't judged."""

    sample_id: str
    source: str
    task: TaskName
    why: str


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class GrpoStep:
    """One reinforcement step. None: there was nothing to measure it on.

    Attributes:
        step: from 1.
        seconds: of each part of the step, e.g. prompts, rollout, rewards, scores, backward.
        prompts, completions, tokens: that the step rests on; tokens of the completions that count.
        loss, lr, grad_norm: of the optimiser; the norm before clipping. The last of the step's updates.
        entropy, kl: nats a token, mean; KL to the model at the start.
        clip_low, clip_high: share of the tokens whose ratio was clipped from below, from above.
        ratio: mean probability ratio of the policy to itself before the step's updates.
        correction: mean weight min(policy / sampler, cap) of the tokens that another engine drew; None: no other did.
        length_mean, length_max: tokens of a completion.
        truncated: share of completions cut at the limit.
        parsed: share of answers that their task could read.
        skipped: examples that the step had to do without.
        put_aside: groups without spread that were exchanged for others in this step.
        keys: the sources and tasks in the step.
        drift: by "source/task/reward", how far rewards have moved from the statistics; see `Normaliser.drifts`.
        metrics: means of what the user's reward functions logged.
    """

    kind: Literal["grpo"] = "grpo"
    step: int = Field(ge=1)
    seconds: dict[str, float]
    prompts: int
    completions: int
    tokens: int
    loss: float | None
    lr: float
    grad_norm: float | None
    entropy: float | None
    kl: float | None
    clip_low: float | None
    clip_high: float | None
    ratio: float | None
    length_mean: float | None
    length_max: int | None
    truncated: float | None
    parsed: float | None
    skipped: tuple[Skipped, ...] = ()
    put_aside: int = 0
    keys: tuple[KeyStep, ...] = ()
    drift: dict[str, dict[str, float]] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    correction: float | None = None


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class SftKey:
    """One source and task within one step of supervised fine-tuning: `loss` is the mean over its `tokens`."""

    source: str
    task: TaskName
    n: int = Field(ge=1)
    tokens: int
    loss: float

    @property
    def name(self) -> str:
        """ "source/task"."""
        return f"{self.source}/{self.task}"


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class SftStep:
    """One step of supervised fine-tuning.

    Attributes:
        step: from 1.
        seconds: of each part of the step, e.g. prompts (waiting for them), update.
        n, tokens: examples, and tokens of their answers.
        loss: mean over these tokens; None in a step whose examples were all skipped.
        pointing: mean loss of the supervised attention, nats; None where there is none.
        lr, grad_norm: of the optimiser; the norm before clipping.
        skipped: examples that the step had to do without.
        keys: the sources and tasks in the step.
    """

    kind: Literal["sft"] = "sft"
    step: int = Field(ge=1)
    seconds: dict[str, float]
    n: int
    tokens: int
    loss: float | None
    pointing: float | None = None
    lr: float
    grad_norm: float | None
    skipped: tuple[Skipped, ...] = ()
    keys: tuple[SftKey, ...] = ()


Step = Annotated[GrpoStep | SftStep, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class SampledCompletion:
    """One completion as it was drawn and rewarded; long texts are cut."""

    step: int = Field(ge=1)
    sample_id: str
    source: str
    task: TaskName
    question: str
    reference: str | None
    answer: str
    tokens: int
    finished: bool
    parsed: bool
    parts: dict[str, float | None]
    reward: float | None
    normalised: float | None
    advantage: float | None


STEP_ROW: TypeAdapter[GrpoStep | SftStep] = TypeAdapter(Step, config=ConfigDict(ser_json_inf_nan="strings"))
SAMPLE_ROW: TypeAdapter[SampledCompletion] = TypeAdapter(SampledCompletion)
