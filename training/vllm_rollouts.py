"""Completions drawn by vLLM in the trainer's own process, in place of `medvidbench.training.rollout`.

NEVER RUN ON A GPU BY ITS AUTHORS: vLLM's CUDA build could not be installed where this was written. The calls follow
vLLM's source as of autumn 2026, and are tested against a stand-in that takes them apart as vLLM's own code does.

What vLLM is shown is taken from the prompt's tensors, not decoded a second time: its pixels back as frames, its times
as video metadata. What comes back is checked: other token ids than the prompt's, or a time axis that vLLM would round
to other positions, stop the run. Its kernels give the drawn tokens other probabilities than the policy's forward does,
so they are kept, and the loss weighs tokens by min(policy / sampler, cap) (`losses.truncated_weights`).

Two caches of vLLM outlive the weights that filled them. Keys and values of prompts are dropped after each change of
weights; features of the vision tower can't be, so the tower must be frozen.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.models.vllm_local import engine_arguments, refuse_dropped_times
from medvidbench.training.export import merged_weights
from medvidbench.training.policy import Policy
from medvidbench.training.rollout import Sampling
from medvidbench.training.rows import Completions, Example
from medvidbench.training.vllm_answers import Drawn, group_of, refuse_branches, sampling_arguments
from medvidbench.training.vllm_requests import request_of


class VllmRollouts:
    """Draws groups of completions; a `samplers.Rollouts`.

    Args:
        vllm: the module.
        engine: its `LLM`, on the policy's model.
        policy: whose weights are handed over by `sync`.
        sampling: how completions are drawn.
    """

    def __init__(self, vllm: Any, engine: Any, policy: Policy, sampling: Sampling) -> None:
        refuse_branches(sampling)
        if any(parameter.requires_grad for parameter in policy.core.model.visual.parameters()):
            raise MedVidBenchError("Rollouts on vLLM with a vision tower that is trained.", "freeze_vision: true")
        self.vllm, self.engine, self.policy, self.sampling = vllm, engine, policy, sampling

    @classmethod
    def start(cls, policy: Policy, sampling: Sampling, *, processes: int = 1, **options: Any) -> VllmRollouts:
        """An engine beside the policy, on this process' device.

        Args:
            processes: of the run. Each has an engine of its own and shares nothing with the others.
            options: further arguments of vLLM's `LLM`: gpu_memory_utilization, max_model_len, ...

        Raises:
            MedVidBenchError: vLLM isn't installed or drops the times of frames, rollouts branch, or the vision tower
                is trained.
        """
        if importlib.util.find_spec("vllm") is None:
            raise missing_extra("vllm", "vllm", "Rollouts on vLLM")
        # weights are handed over as tensors of this process: the engine must live in it
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        vllm = importlib.import_module("vllm")
        refuse_dropped_times(vllm)
        source = replace(policy.checkpoint.source, dtype=policy.dtype)
        arguments = {**engine_arguments(source), "logprobs_mode": "processed_logprobs", "enable_prefix_caching": True}
        if processes > 1:
            arguments["distributed_executor_backend"] = "external_launcher"
        return cls(vllm, vllm.LLM(**(arguments | options)), policy, sampling)

    def sync(self) -> None:
        """Hand the policy's trained weights over, LoRA merged, shards gathered one by one (all processes call it
        together); what vLLM computed with the old ones is dropped.

        Raises:
            MedVidBenchError: vLLM took none of them, or keeps its cache.
        """
        taken = self.engine.apply_model(partial(_load, self.policy))
        if not taken or not all(taken):
            raise MedVidBenchError("vLLM took none of the policy's weights.", remedy="another version of vLLM")
        if self.engine.reset_prefix_cache() is False:
            raise MedVidBenchError("vLLM keeps keys and values of the old weights.", remedy="another version of vLLM")

    def __call__(self, examples: Sequence[Example], seeds: Sequence[int]) -> list[Completions]:
        """A group of completions of each example's prompt, with the log-probabilities they were drawn with.

        Raises:
            MedVidBenchError: vLLM read other tokens than the prompt's or would place them elsewhere, gave too few
                completions, no log-probabilities or a vision id, or was interrupted.
        """
        if not examples:
            return []
        prompter = self.policy.prompter
        requests = [request_of(example.prompt, prompter.settings, prompter.rule) for example in examples]
        parameters = [self.vllm.SamplingParams(**sampling_arguments(self.sampling, seed)) for seed in seeds]
        outputs = self.engine.generate(requests, parameters, use_tqdm=False)
        return [self._group(example, output) for example, output in zip(examples, outputs, strict=True)]

    def _group(self, example: Example, output: Any) -> Completions:
        completions = sorted(output.outputs, key=lambda completion: completion.index)
        drawn = [_drawn(completion) for completion in completions]
        return group_of(self.policy, self.sampling, example, output.prompt_token_ids or (), drawn)


def _drawn(completion: Any) -> Drawn:
    tokens, rows = list(completion.token_ids), list(completion.logprobs or ())
    logps = [float(row[token].logprob) for token, row in zip(tokens, rows, strict=False)]
    return Drawn(tokens, logps, completion.finish_reason)


def _load(policy: Policy, model: Any) -> int:
    """How many of vLLM's tensors the policy's weights went into."""
    return len(model.load_weights(merged_weights(policy)))
