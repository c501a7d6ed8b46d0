"""What an engine drew, checked and made a group of completions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medvidbench.errors import MedVidBenchError
from medvidbench.models.decoding import Answer
from medvidbench.training.policy import Policy
from medvidbench.training.rollout import Sampling, to_completions
from medvidbench.training.rows import Completions, Example

SEEDS = 1 << 31
"""vLLM adds a completion's number to the seed, which must stay a 64-bit number."""


@dataclass(frozen=True)
class Drawn:
    """One completion as an engine tells it.

    Attributes:
        tokens: drawn, the one that ended it included.
        logps: of each, under the distribution that it was drawn from.
        reason: why it ended: "stop" or "length".
    """

    tokens: Sequence[int]
    logps: Sequence[float]
    reason: str | None


def refuse_branches(sampling: Sampling) -> None:
    """Raises:
    MedVidBenchError: rollouts branch, which vLLM can't do.
    """
    if sampling.branched:
        raise MedVidBenchError("Branched rollouts on vLLM.", "branches: 1, or the trainer's own rollouts")


def sampling_arguments(sampling: Sampling, seed: int) -> dict[str, object]:
    """What vLLM's `SamplingParams` takes for a group."""
    return {
        "n": sampling.group_size,
        "temperature": sampling.temperature,
        "max_tokens": sampling.limit,
        "seed": seed % SEEDS,
        "stop_token_ids": sorted(sampling.stop),
        "logit_bias": dict.fromkeys(sampling.suppressed, -100.0),
        "logprobs": 0,  # of the drawn token alone
        "repetition_penalty": 1.0,
    }


def group_of(
    policy: Policy, sampling: Sampling, example: Example, read: Sequence[int], drawn: Sequence[Drawn]
) -> Completions:
    """The completions of one prompt, in the order of their numbers.

    Args:
        read: the tokens that the engine took for the prompt.

    Raises:
        MedVidBenchError: they are other tokens than the prompt's, or there are too few completions, other numbers of
            log-probabilities than of tokens, a vision id, or an end that is none.
    """
    name, own = example.sample.sample_id, example.prompt.input_ids.tolist()
    if list(read) != own:
        seen = f"vLLM read the prompt of {name} as {len(read)} tokens, not these {len(own)}."
        raise MedVidBenchError(seen, "the tokens that the policy is trained on", "use the trainer's own rollouts")
    if len(drawn) != sampling.group_size:
        raise MedVidBenchError(f"vLLM gave {len(drawn)} completions of {name}.", f"{sampling.group_size}")
    answers = [_answer(sampling, name, completion) for completion in drawn]
    return to_completions(answers, None, policy.checkpoint.tokenizer, policy.pad)


def _answer(sampling: Sampling, name: str, drawn: Drawn) -> Answer:
    tokens, logps = list(drawn.tokens), list(drawn.logps)
    if len(logps) != len(tokens):
        raise MedVidBenchError(f"vLLM gave {len(logps)} log-probabilities for {len(tokens)} tokens of {name}.")
    if sampling.suppressed and set(tokens) & set(sampling.suppressed):
        raise MedVidBenchError(f"vLLM drew a vision placeholder for {name}.", "text")
    stopped = bool(tokens) and tokens[-1] in sampling.stop
    if drawn.reason not in ("stop", "length") or (drawn.reason == "stop") != stopped:
        raise MedVidBenchError(f"vLLM ended a completion of {name} by {drawn.reason!r}.", "stop, length")
    return Answer(sampling.limit, None, tokens, logps, "stop" if stopped else "length")
