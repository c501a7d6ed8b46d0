"""Training recipes: one YAML file says everything that decides a run. An unknown key is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medvidbench.models.qwen_video import CELL
from medvidbench.records import TaskName

Kind = Literal["sft", "grpo"]
Forward = Literal["repeated", "prefix_kv", "prefix_packed"]
Scale = Literal["group", "batch", "none"]
Aggregation = Literal["sequence", "token", "constant"]
ZeroSpread = Literal["keep", "skip", "resample"]


class Part(BaseModel):
    """A part of a recipe: frozen, and it knows no key but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(Part):
    """Low-rank adapters on the language model's linear layers (PEFT). The reference model is the adapter switched off.

    Attributes:
        rank, alpha: of the adapters; dropout is 0, because shared-prefix forwards must equal repeated ones.
        targets: names of the linear layers.
    """

    rank: int = Field(default=64, ge=1)
    alpha: float = Field(default=128.0, gt=0)
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class ModelPart(Part):
    """The policy at the start.

    Attributes:
        path: checkpoint folder or hub name of a Qwen2.5-VL.
        revision: commit on the hub.
        dtype: "auto": bfloat16 on a GPU that has it, else float32.
        attention: transformers' implementation.
        lora: None trains all weights that are not frozen.
        freeze_vision: the vision tower (and its merger) gets no gradient.
        freeze: regular expressions; a weight whose name one of them finds gets no gradient either.
        gradient_checkpointing: recompute activations; not with the forward "prefix_kv".
    """

    path: str
    revision: str | None = None
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    lora: Lora | None = None
    freeze_vision: bool = True
    freeze: tuple[str, ...] = ()
    gradient_checkpointing: bool = False


class DataPart(Part):
    """Which rows, and how their frames are shown.

    Attributes:
        benchmark: folder written by `medvidbench build`.
        tasks, sources: None takes all.
        per_key: rows a (source, task) at most, drawn with the seed; None takes all.
        balance: "task" draws each task as often as any other, "key" each (source, task), "none" as they lie.
        turns: with the balance "task", how many turns a task has in each round; 1 for those not named.
        fps, frames: of the clips shown; None shows what the benchmark says.
        min_pixels, max_pixels, total_pixels: of a frame and of the whole video.
        max_prompt_tokens: longer prompts are left out and counted.
    """

    benchmark: Path | None = None
    tasks: tuple[TaskName, ...] | None = None
    sources: tuple[str, ...] | None = None
    per_key: int | None = Field(default=None, ge=1)
    balance: Literal["none", "task", "key"] = "none"
    turns: dict[TaskName, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    fps: float | None = Field(default=None, gt=0)
    frames: int | None = Field(default=None, ge=1)
    min_pixels: int = 8 * CELL
    max_pixels: int = 48 * CELL
    total_pixels: int = int(128_000 * CELL * 0.9)
    max_prompt_tokens: int = 65_536

    @model_validator(mode="after")
    def _turns(self) -> DataPart:
        if self.turns and self.balance != "task":
            raise ValueError("turns go with the balance task")
        return self


class PointingPart(Part):
    """Attention that is supervised in fine-tuning; see `medvidbench.training.pointing`.

    Attributes:
        weight: of its loss beside that of the answers.
        action_layer, span_layer, edge_layer: of the language model, from 0: where the action asked for is looked at,
            where all frames of a span are, and where its first or last ones are.
        heads: the first so many heads of these layers.
    """

    weight: float = Field(default=1.0, gt=0)
    action_layer: int = Field(default=1, ge=0)
    span_layer: int = Field(default=2, ge=0)
    edge_layer: int = Field(default=3, ge=0)
    heads: int = Field(default=2, ge=1)


Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimiserPart(Part):
    """AdamW and its learning rate.

    Attributes:
        schedule: after `warmup` steps: "linear" and "cosine" fall to 0 at the last step.
        max_grad_norm: gradients are scaled down to this norm; 0 for never.
    """

    lr: float = Field(gt=0)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: float = Field(default=1e-8, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    warmup: int = Field(default=0, ge=0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    max_grad_norm: float = Field(default=1.0, ge=0)


class RewardPart(Part):
    """Raw rewards and how they are put on one scale (arXiv 2512.06581, MedGRPO).

    Attributes:
        tasks: that are rewarded; the paper's four by default.
        judge: of captions, as `--judge` takes it; None leaves captions to similarity alone.
        similarity: whether captions are compared by sentence embeddings too.
        functions: further reward functions, "package.module:name", with TRL's signature.
        weights: of named rewards in the total; 1 for those not named.
        normalisation: "logistic" (MedGRPO), "zscore" per (source, task), "none".
        k: steepness of the logistic.
        statistics: file written by `medvidbench train stats`; needed unless the normalisation is "none".
        drift: "static" keeps the statistics as they are, as in the paper; "ema" follows the rewards seen.
        ema: share of a step's rewards in the distribution that moving quartiles are taken of.
    """

    tasks: tuple[TaskName, ...] = ("TAG", "STG", "VS", "RC")
    judge: str | None = "concept"
    similarity: bool = True
    functions: tuple[str, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    normalisation: Literal["logistic", "zscore", "none"] = "logistic"
    k: float = Field(default=3.0, gt=0)
    statistics: Path | None = None
    drift: Literal["static", "ema"] = "static"
    ema: float = Field(default=0.02, gt=0, lt=1)

    @model_validator(mode="after")
    def _captions(self) -> RewardPart:
        if {"VS", "RC"} & set(self.tasks) and self.judge is None and not self.similarity:
            raise ValueError("captions are rewarded, but neither a judge nor similarity is on")
        return self


class GrpoPart(Part):
    """The reinforcement step.

    Attributes:
        method: a name of `medvidbench.training.methods`: how rewards become advantages.
        scale: divisor of a group's centred rewards: its own standard deviation, the batch's, 1. None: as the source's.
        clip_low, clip_high: of the probability ratio: [1 - low, 1 + high]. None: as the method's source has it.
        aggregation: "sequence": mean over tokens, then over completions (GRPO); "token": over all tokens of the step
            (DAPO); "constant": sum over tokens by `max_new_tokens` (Dr.GRPO). None: as the method's source has it.
        kl: weight of the KL term to the reference; the paper has none.
        group_size: completions a prompt (G).
        temperature: of sampling; log-probabilities are taken at the same temperature.
        max_new_tokens: of a completion.
        updates: optimiser steps on each batch of rollouts. With one the probability ratio is 1, and nothing is clipped.
        zero_spread: groups that teach nothing: "keep" them, "skip" those whose advantages are all 0 (they take no part
            in the loss, KL term and divisor included), or "resample" other prompts for those whose raw rewards are all
            equal (DAPO's dynamic sampling), at most `resamples` times.
        mask_truncated: completions cut at the limit take no part in the loss.
        forward: how log-probabilities are computed; all are equal, they differ in cost.
        branches: >1 samples trees: completions of one branch share their first `branch_tokens` tokens.
        rollouts: the policy's "own", or by "vllm", corrected for in the loss (no branches).
    """

    method: str = "medgrpo"
    scale: Scale | None = None
    clip_low: float | None = Field(default=None, gt=0, lt=1)
    clip_high: float | None = Field(default=None, gt=0)
    aggregation: Aggregation | None = None
    kl: float = Field(default=0.0, ge=0)
    group_size: int = Field(default=8, ge=2)
    temperature: float = Field(default=1.0, gt=0)
    max_new_tokens: int = Field(default=256, ge=1)
    updates: int = Field(default=1, ge=1)
    zero_spread: ZeroSpread | None = None
    resamples: int = Field(default=3, ge=0)
    mask_truncated: bool = False
    forward: Forward = "prefix_kv"
    branches: int = Field(default=1, ge=1)
    branch_tokens: int = Field(default=0, ge=0)
    rollouts: Literal["own", "vllm"] = "own"


class AlarmPart(Part):
    """What stops a run before it spends a night on noise; None switches one off. Each looks at the mean of the last
    `window` steps.

    Attributes:
        reward_drop: share of a (source, task)'s raw reward that may be lost against the first `window` steps.
        entropy_below: nats a token.
        kl_above: nats a token, to the model at the start.
        parse_below: share of answers that the task can read.
        truncated_above: share of completions cut at the limit.
    """

    window: int = Field(default=20, ge=1)
    reward_drop: float | None = 0.5
    entropy_below: float | None = 0.01
    kl_above: float | None = None
    parse_below: float | None = 0.5
    truncated_above: float | None = 0.9


class Recipe(Part):
    """One training run.

    Attributes:
        kind: "sft" or "grpo".
        steps: optimiser steps; for SFT `epochs` may stand in its place.
        batch_size: prompts an optimiser step, over all processes.
        save_every: steps between checkpoints; `keep` of them stay, and the last good one always.
        pointing: of SFT with eager attention; None leaves attention to itself.
    """

    kind: Kind
    name: str
    seed: int = 0
    steps: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=8, ge=1)
    save_every: int = Field(default=100, ge=1)
    keep: int = Field(default=2, ge=1)
    model: ModelPart
    data: DataPart = DataPart()
    optimiser: OptimiserPart
    pointing: PointingPart | None = None
    rewards: RewardPart = RewardPart()
    grpo: GrpoPart = GrpoPart()
    alarms: AlarmPart = AlarmPart()

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("say either steps or epochs")
        if self.pointing is not None and (self.kind == "grpo" or self.model.attention != "eager"):
            raise ValueError("pointing needs kind sft and attention eager")
        if self.kind == "grpo" and self.steps is None:
            raise ValueError("a grpo recipe counts steps, not epochs")
        if self.kind == "grpo" and self.model.gradient_checkpointing and self.grpo.forward == "prefix_kv":
            raise ValueError("gradient checkpointing works with the forwards prefix_packed and repeated")
        return self
