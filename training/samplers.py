"""Who draws a run's completions: the policy itself, vLLM beside it, or a vLLM server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from medvidbench.errors import MedVidBenchError
from medvidbench.models.qwen_local import stop_ids
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy, sampling_model
from medvidbench.training.processes import Processes
from medvidbench.training.recipe import GrpoPart
from medvidbench.training.rollout import Sampling, sample_groups
from medvidbench.training.rows import Completions, Example


class Rollouts(Protocol):
    """Draws groups of completions; all processes of a run call it together, also those without examples."""

    def __call__(self, examples: Sequence[Example], seeds: Sequence[int]) -> list[Completions]:
        """A group of completions of each example's prompt."""

    def sync(self) -> None:
        """To be called when the policy's weights have changed."""


@dataclass(frozen=True)
class OwnRollouts:
    """The policy draws; see `medvidbench.training.rollout`. A sharded one is gathered once for all of a call.

    Attributes:
        prompts: whose completions are sampled together, at most.
    """

    policy: Policy
    sampling: Sampling
    prompts: int

    def __call__(self, examples: Sequence[Example], seeds: Sequence[int]) -> list[Completions]:
        """A group of completions of each example's prompt."""
        found: list[Completions] = []
        tokenizer, size = self.policy.checkpoint.tokenizer, self.prompts
        with sampling_model(self.policy) as model, self.policy.computing():
            for begin in range(0, len(examples), size):
                prompts = [example.prompt for example in examples[begin : begin + size]]
                own = seeds[begin : begin + size]
                found += sample_groups(model, prompts, self.sampling, seeds=own, tokenizer=tokenizer)
        return found

    def sync(self) -> None:
        """Nothing: the weights are the policy's."""


def rollouts(policy: Policy, grpo: GrpoPart, machine: Machine, processes: Processes, out: Path) -> Rollouts:
    """Whoever the recipe names, with the policy's weights as they are now.

    Args:
        out: folder of the run.

    Raises:
        MedVidBenchError: a server for rollouts of the policy's own; see `VllmRollouts.start`, `ServerRollouts`.
    """
    checkpoint = policy.checkpoint
    sampling = Sampling(
        grpo.group_size,
        grpo.max_new_tokens,
        stop_ids(checkpoint.model, checkpoint.tokenizer),
        tuple(sorted(policy.prompter.vision_ids)),
        grpo.temperature,
        grpo.branches,
        grpo.branch_tokens,
    )
    if grpo.rollouts == "own":
        if machine.rollout_server is not None:
            seen = f"The server {machine.rollout_server} for a recipe whose rollouts are the policy's own."
            raise MedVidBenchError(seen, remedy="--set grpo.rollouts=vllm, or no --rollout-server")
        return OwnRollouts(policy, sampling, machine.rollout_prompts)
    if machine.rollout_server is not None:
        return _on_server(machine.rollout_server, policy, sampling, processes, machine.rollout_weights or out)
    from medvidbench.training.vllm_rollouts import VllmRollouts

    memory = machine.rollout_memory
    engine = VllmRollouts.start(policy, sampling, processes=processes.count, gpu_memory_utilization=memory)
    engine.sync()
    return engine


def _on_server(url: str, policy: Policy, sampling: Sampling, processes: Processes, where: Path) -> Rollouts:
    from medvidbench.training.vllm_client import VllmClient
    from medvidbench.training.vllm_features import FeatureEncoder
    from medvidbench.training.vllm_server import ServerRollouts

    client = VllmClient(url)
    encoder = FeatureEncoder(policy.prompter.rule, policy.prompter.settings, client.check())
    return ServerRollouts(client, encoder, policy, sampling, processes, where / "rollout_weights")
