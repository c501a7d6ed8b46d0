"""Sampling G completions of a prompt that is encoded once.

Completion i of a group draws from a generator seeded by (seed, i) alone: it is the same again, whatever is sampled
beside it, up to the rounding of sums whose shapes change with the batch. The recorded log-probabilities are of the
distribution drawn from: vision ids have probability 0, logits are divided by the temperature, nothing is cut (no top-k,
no top-p), so that `medvidbench.training.forwards` gives the same numbers for the same weights.

Branched rollouts (Tree-GRPO, arXiv 2509.21240, as shared-prefix sampling): the completions of one branch share their
first `branch_tokens` tokens, drawn once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from medvidbench.errors import MedVidBenchError
from medvidbench.models.decoding import Answer, Choice, Decoding, config_of
from medvidbench.models.greedy import collate
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards.inputs import check_prompt
from medvidbench.training.rows import Completions


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn.

    Attributes:
        group_size: G, completions of a prompt.
        limit: tokens of a completion at most, its end token among them.
        stop: ids that end a completion.
        suppressed: ids that are never drawn; `QwenPrompter.vision_ids`.
        temperature: above 0.
        branches: B > 1 draws B beginnings of `branch_tokens` tokens; completion i goes on from beginning i B // G.
    """

    group_size: int
    limit: int
    stop: frozenset[int]
    suppressed: tuple[int, ...]
    temperature: float = 1.0
    branches: int = 1
    branch_tokens: int = 0

    def __post_init__(self) -> None:
        if self.group_size < 1 or self.limit < 1 or self.temperature <= 0:
            seen = f"{self.group_size} completions of {self.limit} tokens at temperature {self.temperature}."
            raise MedVidBenchError(seen, "at least 1, at least 1, above 0")
        if not 1 <= self.branches <= self.group_size or not 0 <= self.branch_tokens < self.limit:
            seen = f"{self.branches} branches of {self.branch_tokens} tokens, for {self.group_size} of {self.limit}."
            raise MedVidBenchError(seen, "1 to group_size branches, shorter than the completions")

    @property
    def branched(self) -> bool:
        """Whether completions share their beginnings."""
        return self.branches > 1 and self.branch_tokens > 0

    @property
    def trees(self) -> list[int]:
        """The branch of each completion."""
        return [i * self.branches // self.group_size for i in range(self.group_size)]


def sample_group(
    model: Any,
    prompt: QwenPrompt,
    *,
    group_size: int,
    limit: int,
    stop: Iterable[int],
    suppressed: Iterable[int],
    temperature: float = 1.0,
    seed: int,
    tokenizer: Any,
    branches: int = 1,
    branch_tokens: int = 0,
) -> Completions:
    """G completions of one prompt; see `Sampling` for the arguments and `sample_groups`.

    Raises:
        MedVidBenchError: a value out of range, or a prompt whose video tokens have no features.
    """
    sampling = Sampling(
        group_size, limit, frozenset(stop), tuple(sorted(suppressed)), temperature, branches, branch_tokens
    )
    (group,) = sample_groups(model, [prompt], sampling, seeds=[seed], tokenizer=tokenizer)
    return group


def sample_groups(
    model: Any, prompts: Sequence[QwenPrompt], sampling: Sampling, *, seeds: Sequence[int], tokenizer: Any
) -> list[Completions]:
    """A group of completions of each prompt, decoded together (prompts padded on the left).

    Args:
        model: a Qwen2.5-VL; while it samples, it is in evaluation mode. Under FSDP gather its weights first: processes
            take different numbers of steps, and a sharded model would wait for all of them at each.
        seeds: one a prompt.

    Raises:
        MedVidBenchError: a prompt whose video tokens have no features.
    """
    for prompt in prompts:
        check_prompt(prompt, config_of(model))
    device = next(model.parameters()).device
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(sampling.stop, default=0)
    inputs = collate(prompts, pad, str(device)).inputs
    with torch.no_grad(), _evaluating(model):
        groups = _branched(model, inputs, sampling, seeds) if sampling.branched else None
        if groups is None:
            groups = [[_answer(sampling.limit, seed, i) for i in range(sampling.group_size)] for seed in seeds]
            Decoding(model, inputs, groups).run(_choice(sampling))
    trees = torch.tensor(sampling.trees) if sampling.branched else None
    return [to_completions(group, trees, tokenizer, pad) for group in groups]


def _branched(model: Any, inputs: dict[str, Any], sampling: Sampling, seeds: Sequence[int]) -> list[list[Answer]]:
    """Draw the beginnings, then let the completions go on from them."""
    count, choice = sampling.branches, _choice(sampling)
    begun = [[_answer(sampling.branch_tokens, seed, -1 - b) for b in range(count)] for seed in seeds]
    decoding = Decoding(model, inputs, begun)
    decoding.run(choice)
    children: dict[int, list[Answer]] = {id(beginning): [] for row in begun for beginning in row}
    groups: list[list[Answer]] = []
    for row, seed in zip(begun, seeds, strict=True):
        group = [row[tree].branch(sampling.limit, _generator(seed, i)) for i, tree in enumerate(sampling.trees)]
        for child, tree in zip(group, sampling.trees, strict=True):
            children[id(row[tree])].append(child)
        groups.append(group)
    decoding.fork(lambda beginning: children[id(beginning)])
    decoding.run(choice)
    return groups


def _choice(sampling: Sampling) -> Choice:
    return Choice.of(sampling.stop, sampling.suppressed, sampling.temperature)


def _answer(limit: int, seed: int, index: int) -> Answer:
    return Answer(limit, _generator(seed, index))


def _generator(seed: int, index: int) -> torch.Generator:
    """A CPU generator for completion `index` (negative: a beginning); digests keep (1, 2) and (2, 1) apart."""
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def to_completions(group: Sequence[Answer], trees: torch.Tensor | None, tokenizer: Any, pad: int) -> Completions:
    """The answers to one prompt, whoever drew them, as the tensors of a group."""
    longest = max(len(answer.tokens) for answer in group)
    ids = torch.full((len(group), longest), pad)
    logps = torch.zeros(len(group), longest)
    for row, answer in enumerate(group):
        ids[row, : len(answer.tokens)] = torch.tensor(answer.tokens)
        logps[row, : len(answer.tokens)] = torch.tensor(answer.logps)
    said = [answer.tokens[:-1] if answer.finish == "stop" else answer.tokens for answer in group]
    return Completions(
        ids=ids,
        lengths=torch.tensor([len(answer.tokens) for answer in group]),
        finished=torch.tensor([answer.finish == "stop" for answer in group]),
        logps=logps,
        texts=tuple(tokenizer.decode(tokens, skip_special_tokens=True).strip() for tokens in said),
        trees=trees,
    )


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """In evaluation mode, and afterwards as it was, module by module: in training mode with gradient checkpointing,
    transformers drops the cache."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
