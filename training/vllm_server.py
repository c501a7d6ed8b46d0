"""Completions drawn by a vLLM server on other GPUs, or another machine, than the trainer's.

The user starts the server by vLLM's own command (`vllm_client.START`), on a network that nobody else reaches: in its
development mode it takes weights from whoever asks. A prompt goes over as its tokens and tensors, so that the server
sees what the policy is trained on. Weights go over as files in a folder that both see, whole, LoRA merged; each
handing-over has a version, and every completion says which version drew it: a server that was restarted, or that
another run has taken, is noticed. The loss weighs tokens as with `medvidbench.training.vllm_rollouts`.

The vision tower may be trained: the server drops what its own made of the videos.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors import SafetensorError

from medvidbench.errors import MedVidBenchError
from medvidbench.training.export import write_weights
from medvidbench.training.policy import Policy
from medvidbench.training.processes import Processes
from medvidbench.training.rollout import Sampling
from medvidbench.training.rows import Completions, Example
from medvidbench.training.unavailable import Unavailable
from medvidbench.training.vllm_answers import Drawn, group_of, refuse_branches, sampling_arguments
from medvidbench.training.vllm_client import VllmClient
from medvidbench.training.vllm_features import FeatureEncoder

AT_ONCE = 32
"""Prompts that are on their way together; the server puts them into batches."""


class ServerRollouts:
    """Draws groups of completions; a `samplers.Rollouts`.

    Args:
        client: talks to the server.
        encoder: of videos.
        policy: whose weights the server is given before the first completions, and after each `sync`.
        sampling: how completions are drawn.
        processes: of the run; each asks for its own prompts.
        folder: for the weights on their way, emptied afterwards.

    Raises:
        MedVidBenchError: rollouts branch.
    """

    def __init__(
        self,
        client: VllmClient,
        encoder: FeatureEncoder,
        policy: Policy,
        sampling: Sampling,
        processes: Processes,
        folder: Path,
    ) -> None:
        refuse_branches(sampling)
        self.client, self.encoder, self.policy, self.sampling = client, encoder, policy, sampling
        self.processes, self.folder = processes, folder.absolute()
        self._version, self._stale = "", True

    def sync(self) -> None:
        """The weights have changed. They are handed over when completions are next asked for: a server that is down
        then finds the run between two steps, where it can be saved."""
        self._stale = True

    def __call__(self, examples: Sequence[Example], seeds: Sequence[int]) -> list[Completions]:
        """A group of completions of each example's prompt, with the log-probabilities they were drawn with.

        Raises:
            Unavailable: the server is down, or no longer has the policy's weights.
            MedVidBenchError: it refuses a request or the weights, or answers in a form that can't be right.
        """
        if self._stale:
            self._hand_over()
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, max(1, len(examples)))) as pool:
            return list(pool.map(self._group, examples, seeds))

    def _hand_over(self) -> None:
        """Called by all processes together; all hear why it failed."""
        why: MedVidBenchError | None = None
        version = uuid4().hex
        try:
            write_weights(self.policy, self.folder, self.processes.main)
            if self.processes.main:
                self.client.take_weights(self.folder, version)
        except (OSError, SafetensorError) as error:
            seen = f"The weights for the server can't be written to {self.folder}: {error}."
            why = MedVidBenchError(seen, remedy="free disk space, or another --rollout-weights")
        except MedVidBenchError as error:
            why = error
        if self.processes.main:
            shutil.rmtree(self.folder, ignore_errors=True)
        version, why = self.processes.gathered((version, why))[0]
        if why is not None:
            raise why
        self._version, self._stale = version, False

    def _group(self, example: Example, seed: int) -> Completions:
        name, prompt = example.sample.sample_id, example.prompt
        body = {
            "token_ids": prompt.input_ids.tolist(),
            "sampling_params": {**sampling_arguments(self.sampling, seed), "detokenize": False},
            "return_token_ids": True,
        }
        features = self.encoder.features(prompt)
        reply = self.client.generate(body if features is None else {**body, "features": features})
        try:
            choices = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
            drawn = [self._drawn(choice) for choice in choices]
            read = [int(token) for token in reply["prompt_token_ids"]]
        except (KeyError, TypeError, ValueError) as error:
            seen = f"The server's answer to {name} has another form: {type(error).__name__} at {error}."
            raise MedVidBenchError(seen, "that of vLLM 0.32", "another version of vLLM") from error
        return group_of(self.policy, self.sampling, example, read, drawn)

    def _drawn(self, choice: dict[str, Any]) -> Drawn:
        versions = {str(span["version"]) for span in choice["weight_versions"]}
        if versions != {self._version}:
            seen = f"The server {self.client.endpoint.base_url} no longer has the weights that it was given."
            remedy = "a server for this run alone; then the same command: the run goes on and hands them over again"
            raise Unavailable(seen, "one that was not restarted", remedy)
        tokens = [int(token) for token in choice["token_ids"]]
        content = choice["logprobs"]["content"]
        if [int(row["token_id"]) for row in content] != tokens:
            raise ValueError("log-probabilities of other tokens")
        return Drawn(tokens, [float(row["logprob"]) for row in content], choice["finish_reason"])
