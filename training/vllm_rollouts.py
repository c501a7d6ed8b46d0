"""Completions drawn by vLLM in the trainer's own process, in place of `medvidbench.training.rollout`.

NEVER RUN ON A GPU BY ITS AUTHORS: vLLM's CUDA build could not be installed where this was written. Its CPU build was:
`benchmarks/vllm_check.py` compares its log-probabilities with the policy's, token by token. The tests have a stand-in
that takes requests apart as vLLM's own code does.

What vLLM is shown is taken from the prompt's tensors, not decoded a second time: its pixels back as frames, its times
as video metadata. What comes back is checked: other token ids than the prompt's, or a time axis that vLLM would round
to other positions, stop the run. Its kernels give the drawn tokens other probabilities than the policy's forward does,
so they are kept, and the loss weighs tokens by min(policy / sampler, cap) (`losses.truncated_weights`).

What vLLM computed with older weights outlives them (keys and values of prompts, features of videos): it is dropped
after each change of weights.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.vllm_engine import start_engine
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
        self.vllm, self.engine, self.policy, self.sampling = vllm, engine, policy, sampling

    @classmethod
    def start(cls, policy: Policy, sampling: Sampling, *, processes: int = 1, **options: Any) -> VllmRollouts:
        """An engine beside the policy, on this process' device.

        Args:
            processes: of the run. Each has an engine of its own and shares nothing with the others.
            options: further arguments of vLLM's `LLM`: gpu_memory_utilization, max_model_len, ...

        Raises:
            MedVidBenchError: rollouts branch, or see `start_engine`.
        """
        # weights are handed over as tensors of this process: the engine must live in it
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        source = replace(policy.checkpoint.source, dtype=policy.dtype)
        arguments: dict[str, Any] = {"logprobs_mode": "processed_logprobs", "enable_prefix_caching": True}
        if processes > 1:
            arguments["distributed_executor_backend"] = "external_launcher"
        return cls(*start_engine(source, "Rollouts on vLLM", **(arguments | options)), policy, sampling)

    def sync(self) -> None:
        """Hand the policy's weights over, LoRA merged, shards gathered one by one (all processes call it together);
        what vLLM computed with the old ones is dropped.

        Raises:
            MedVidBenchError: vLLM didn't take all of them, or keeps its cache.
        """
        weights = merged_weights(self.policy, every=True)
        self.engine.collective_rpc("reload_weights", kwargs={"weights_iterator": weights})
        if next(weights, None) is not None:
            raise MedVidBenchError("vLLM didn't take all of the policy's weights.", remedy="another version of vLLM")
        self.engine.reset_mm_cache()
        self.engine.llm_engine.reset_encoder_cache()
        if self.engine.reset_prefix_cache() is not True:
            raise MedVidBenchError("vLLM keeps keys and values of the old weights.", remedy="another version of vLLM")

    def __call__(self, examples: Sequence[Example], seeds: Sequence[int]) -> list[Completions]:
        """A group of completions of each example's prompt, with the log-probabilities they were drawn with.

        Raises:
            MedVidBenchError: vLLM refuses a prompt, read other tokens than the prompt's or would place them elsewhere,
                gave too few completions, no log-probabilities or a vision id, or was interrupted.
        """
        if not examples:
            return []
        prompter = self.policy.prompter
        requests = [request_of(example.prompt, prompter.settings, prompter.rule) for example in examples]
        parameters = [self.vllm.SamplingParams(**sampling_arguments(self.sampling, seed)) for seed in seeds]
        try:
            outputs = self.engine.generate(requests, parameters, use_tqdm=False)
        except ValueError as error:
            remedy = "fewer frames or pixels (data of the recipe), or more memory (--rollout-memory)"
            raise MedVidBenchError(f"vLLM refuses a prompt: {error}", remedy=remedy) from error
        return [self._group(example, output) for example, output in zip(examples, outputs, strict=True)]

    def _group(self, example: Example, output: Any) -> Completions:
        completions = sorted(output.outputs, key=lambda completion: completion.index)
        drawn = [_drawn(completion) for completion in completions]
        return group_of(self.policy, self.sampling, example, output.prompt_token_ids or (), drawn)


def _drawn(completion: Any) -> Drawn:
    tokens, rows = list(completion.token_ids), list(completion.logprobs or ())
    logps = [float(row[token].logprob) for token, row in zip(tokens, rows, strict=False)]
    return Drawn(tokens, logps, completion.finish_reason)
