"""The model that is trained, and the one that it is compared with."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import Parameter

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.models.checkpoints import Checkpoint, Source, load
from medvidbench.models.qwen_local import checkpoint_settings, grid_rule, stop_ids
from medvidbench.models.qwen_prompt import QwenPrompter, load_chat_template
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.registry import checkpoint_path
from medvidbench.models.torch_env import choose_device, choose_dtype
from medvidbench.training.examples import end_token
from medvidbench.training.recipe import DataPart, Lora, ModelPart
from medvidbench.training.sharding import Sharding, filled, hollow, shard, shards_of


@dataclass(eq=False)
class Policy:
    """A model in training.

    Attributes:
        model: what is called and trained: transformers' model, or PEFT's around it.
        checkpoint: the base: configuration, tokenizer, revision.
        prompter: renders questions for it.
        device: where it computes.
        dtype: in which it computes. Trained weights are float32 all the same: in bfloat16, an update of 5e-7 to a
            weight of 0.02 is below half the last bit and is lost.
        frozen: a copy as it was at the start, for `reference`; None with LoRA or when nobody asked for one. Of a
            sharded policy: this process' part of each weight by name.
        hollow: of a sharded policy, a copy without weights, which `sampling_model` and `reference` fill.
    """

    model: Any
    checkpoint: Checkpoint
    prompter: QwenPrompter
    device: str
    dtype: str
    lora: Lora | None = None
    frozen: Any = None
    hollow: Any = None

    @property
    def core(self) -> Any:
        """transformers' model, LoRA layers within it where there are any."""
        return self.model if self.lora is None else self.model.get_base_model()

    @property
    def pad(self) -> int:
        """The id that fills up rows."""
        tokenizer = self.checkpoint.tokenizer
        return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_token(tokenizer))

    @property
    def longest(self) -> int | None:
        """Positions that the model has."""
        most = getattr(self.checkpoint.config.get_text_config(), "max_position_embeddings", None)
        return None if most is None else int(most)

    def computing(self) -> AbstractContextManager[Any]:
        """Around every forward: autocast where `dtype` isn't that of the weights."""
        if self.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device.partition(":")[0], dtype=getattr(torch, self.dtype))


def load_policy(
    part: ModelPart,
    data: DataPart,
    device: str | None = None,
    with_reference: bool = False,
    sharding: Sharding | None = None,
) -> Policy:
    """The policy at the start of a run, in training mode; dropout is 0 everywhere.

    Args:
        device: in place of the recipe's, where several processes share the devices out.
        with_reference: keep a frozen copy for `reference`, which a full training needs (LoRA needs none).
        sharding: spreads the model over processes. Each then reads it into the host's memory first (4 bytes a weight),
            and keeps on the device its shard alone.

    Raises:
        MedVidBenchError: as `checkpoints.load`; not a Qwen2.5-VL; LoRA without peft, with an unfrozen vision tower or
            with sharding.
    """
    if part.lora is not None and not part.freeze_vision:
        raise MedVidBenchError("LoRA with a vision tower that is trained.", "freeze_vision: true, or no lora")
    if part.lora is not None and sharding is not None:
        seen = "LoRA in a launch that shards the model: only adapters have gradients and moments."
        raise MedVidBenchError(seen, "data parallelism", "torchrun, or training/launch/one-node-ddp.yaml")
    where = choose_device(device or part.device)
    dtype = choose_dtype(part.dtype, where)
    stored = "float32" if part.lora is None else dtype
    read_to = where if sharding is None else "cpu"
    source = Source(checkpoint_path(part.path), part.revision, read_to, stored, part.attention)
    checkpoint = load(source)
    if checkpoint.config.model_type != "qwen2_5_vl":
        raise MedVidBenchError(f"{part.path} is a {checkpoint.config.model_type}.", "a Qwen2.5-VL checkpoint")
    load_chat_template(checkpoint.tokenizer, source.path)
    settings = VideoSettings(data.min_pixels, data.max_pixels, data.total_pixels)
    prompter = QwenPrompter(
        checkpoint.tokenizer,
        grid_rule(checkpoint.config),
        checkpoint_settings(source, checkpoint.config, settings),
    )
    if end_token(checkpoint.tokenizer) not in stop_ids(checkpoint.model, checkpoint.tokenizer):
        raise MedVidBenchError(f"{part.path} doesn't stop at the token that ends an answer in its chat template.")
    if sharding is None:
        frozen = _frozen_copy(checkpoint.model) if with_reference and part.lora is None else None
        return Policy(_trained(checkpoint.model, part), checkpoint, prompter, where, dtype, part.lora, frozen)
    frozen = shards_of(checkpoint.model, sharding, where, dtype) if with_reference else None
    empty = hollow(checkpoint.model, where, dtype)
    model = _trained(checkpoint.model, part)
    shard(model, sharding, where, dtype)
    return Policy(model, checkpoint, prompter, where, dtype, None, frozen, empty)


def _trained(model: Any, part: ModelPart) -> Any:
    """The model made ready to be trained."""
    _no_dropout(model)
    if part.lora is not None:
        model = _with_lora(model, part.lora)
    elif part.freeze_vision:
        model.model.visual.requires_grad_(False)
    _freeze(model, part.freeze)
    if part.gradient_checkpointing:
        core = model if part.lora is None else model.get_base_model()
        core.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def _freeze(model: Any, patterns: Sequence[str]) -> None:
    """No gradient for weights that a pattern finds.

    Raises:
        MedVidBenchError: a pattern is none, or finds no weight.
    """
    named = dict(model.named_parameters())
    for pattern in patterns:
        try:
            found = [name for name in named if re.search(pattern, name)]
        except re.error as error:
            raise MedVidBenchError(f"freeze: {pattern!r} is no regular expression ({error}).") from error
        if not found:
            raise MedVidBenchError(f"freeze: no weight's name has {pattern!r}.", f"names such as {next(iter(named))}")
        for name in found:
            named[name].requires_grad_(False)


def _no_dropout(model: Any) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.0


def _with_lora(model: Any, lora: Lora) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise missing_extra("peft", "train", "LoRA") from error
    options: dict[str, Any] = {"r": lora.rank, "lora_alpha": lora.alpha, "lora_dropout": 0.0}
    # the vision tower's layers share names with the language model's (gate_proj, up_proj, down_proj)
    config = LoraConfig(target_modules=list(lora.targets), exclude_modules=r".*visual.*", **options)
    try:
        return get_peft_model(model, config)
    except ValueError as error:  # PEFT's, for targets that name no layer
        raise MedVidBenchError(f"LoRA can't be put on {', '.join(lora.targets)}: {error}", "names of layers") from error


def _frozen_copy(model: Any) -> Any:
    return copy.deepcopy(model).requires_grad_(False).eval()


def trainable_parameters(policy: Policy) -> list[tuple[str, Parameter]]:
    """Name and parameter of all that is trained; tied weights once.

    Raises:
        MedVidBenchError: nothing is.
    """
    found = [(name, value) for name, value in policy.model.named_parameters() if value.requires_grad]
    if not found:
        raise MedVidBenchError("The recipe freezes every weight.", "something to train")
    return found


@contextmanager
def sampling_model(policy: Policy) -> Iterator[Any]:
    """The policy for forwards without gradients that processes make unequally often: itself, or where it is sharded a
    whole copy in the dtype that is computed in. All processes enter it together."""
    if policy.hollow is None:
        yield policy.model
    else:
        with filled(policy.hollow, dict(policy.model.named_parameters())) as model:
            yield model


@contextmanager
def reference(policy: Policy) -> Iterator[Any]:
    """The model as it was at the start: the adapter switched off, or the frozen copy. All processes enter it together
    where the policy is sharded.

    Raises:
        MedVidBenchError: a full training whose policy was loaded without a copy.
    """
    if policy.lora is not None:
        with policy.model.disable_adapter():
            yield policy.model
    elif policy.frozen is not None and policy.hollow is not None:
        with filled(policy.hollow, policy.frozen) as model:
            yield model
    elif policy.frozen is not None:
        yield policy.frozen
    else:
        raise MedVidBenchError("There is no reference model.", remedy="load_policy(..., with_reference=True)")
