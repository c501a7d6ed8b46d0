"""The small model that ships learns to see: what its vision tower makes of a frame becomes like the words for it.

    v = vision tokens of a pair of frames, and their mean     t = mean of a text's token embeddings, which stay
    loss = -log softmax_t(cos(v, t) / temperature) of the text that is true, over the texts on offer
         - log softmax_v(cos(v, t) / temperature) of the frames that it is true of, over those of the clip

That is the contrastive training by which towers of this kind begin (CLIP, arXiv 2103.00020; Qwen2.5-VL, arXiv
2502.13923, section 2.1). The texts on offer are a TAG question's labels, or a DVC clip's captions among others of its
source; a pair of frames counts where one text holds for both. The embedding that a label is looked up by is the one
that it is asked and answered with, so the language model finds by likeness which frames a question means. On rows of
STG the tokens of an object become like its name, and its corners can be read from them: `shipping_boxes`.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.training.examples import chosen_rows
from medvidbench.training.export import export
from medvidbench.training.frame_pairs import frame_pairs
from medvidbench.training.machine import Machine
from medvidbench.training.optimiser import clip_gradients, learning_rate, make_optimiser, set_rate
from medvidbench.training.order import DataOrder, share
from medvidbench.training.policy import Policy, load_policy, trainable_parameters
from medvidbench.training.processes import Processes
from medvidbench.training.recipe import DataPart, ModelPart, OptimiserPart
from medvidbench.training.rows import Example, Key
from medvidbench.training.shipping_attention import Parts
from medvidbench.training.shipping_boxes import Boxes, chosen
from medvidbench.training.shipping_plan import Sight
from medvidbench.training.shipping_words import PAIRS, Words
from medvidbench.training.starting import SOON, example_stream

FACTS = "sight.json"
DATA = DataPart(tasks=("TAG", "DVC", "STG"), balance="key", per_key=300)
OPTIMISER = OptimiserPart(lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05, warmup=50, schedule="cosine")
MEASURED = 16
"""Clips whose vision tokens are measured at the end."""


def aligned(
    start: Path,
    folder: Path,
    bench: Path,
    sight: Sight,
    parts: Parts,
    machine: Machine,
    processes: Processes,
    say: Callable[[str], object] = print,
) -> Path:
    """The model of `start` with a trained vision tower, in `folder`: whole or not at all, and made only once. All
    processes call it, and each works on its share of every step.

    Args:
        parts: of the start's residual stream; frames and texts are compared in each of its codes.

    Raises:
        MedVidBenchError: see `load_policy`, `chosen_rows` and `export`.
    """
    if folder.is_dir():
        return folder
    torch.manual_seed(sight.seed)
    model = ModelPart(path=str(start), device="cpu", dtype="bfloat16", attention="eager", freeze_vision=False)
    policy = load_policy(model, DATA)
    policy.model.requires_grad_(False)
    policy.model.model.visual.requires_grad_(True)
    begun = time.monotonic()
    named_right, overlaps = _Training(policy, Benchmark.open(bench), sight, parts, machine, processes).run(say)
    if processes.main:
        seconds = round(time.monotonic() - begun, 1)
        _written(policy, folder, sight, start, {"seconds": seconds, "named_right": named_right, "boxes": overlaps})
    processes.wait()
    return folder


def _written(policy: Policy, folder: Path, sight: Sight, start: Path, facts: dict[str, Any]) -> None:
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    export(policy, part, f"{start} with a vision tower trained by {sight.steps} steps of shipping_sight.\n")
    (part / FACTS).write_text(json.dumps({"steps": sight.steps} | facts) + "\n", encoding="utf-8")
    part.rename(folder)


class _Training:
    """All steps of one process; each works on its share of a step's rows."""

    def __init__(
        self, policy: Policy, bench: Benchmark, sight: Sight, parts: Parts, machine: Machine, processes: Processes
    ) -> None:
        self.policy, self.bench, self.sight, self.parts, self.processes = policy, bench, sight, parts, processes
        rows = chosen_rows(bench, DATA, sight.seed)
        order = DataOrder.of([Key(row.source, row.task) for row in rows], DATA, sight.seed)
        self.shares = [
            share(order.batch(step * sight.rows, sight.rows), processes.rank, processes.count)
            for step in range(sight.steps)
        ]
        last = order.batch(sight.steps * sight.rows, MEASURED)
        stream = example_stream(bench, rows, policy, DATA, machine)
        self.examples = stream.stream(itertools.chain(*self.shares, last))
        self.words = Words(policy, rows, sight.seed, parts.codes)
        self.boxes = Boxes(policy, rows, parts.codes)
        self.draw = random.Random(sight.seed)
        named = [*trainable_parameters(policy), *self.boxes.named_parameters()]
        self.parameters = [parameter for _, parameter in named]
        self.optimiser = make_optimiser(named, OPTIMISER)
        self.right: dict[str, list[float]] = {}
        self.overlaps: dict[str, list[float]] = {}
        self.read = 0

    def run(self, say: Callable[[str], object]) -> tuple[dict[str, float], dict[str, float]]:
        """For each source, over the last quarter and before each row was learned: the share of frame pairs named right,
        and the mean IoU of the boxes read."""
        for step, mine in enumerate(self.shares):
            losses = self._step(step, len(mine))
            if step % 100 == 99 and losses:
                say(f"sight: step {step + 1} of {self.sight.steps}, loss {sum(losses) / len(losses):.3f}")
            if step == min(SOON, self.sight.steps) - 1:
                self._check(step)
        _like_words(self.policy, _seen(self.examples, MEASURED), self.parts.mark)
        return _means(self.processes.gathered(self.right)), _means(self.processes.gathered(self.overlaps))

    def _step(self, step: int, rows: int) -> list[float]:
        """The losses of this process' clips."""
        set_rate(self.optimiser, learning_rate(step, self.sight.steps, OPTIMISER))
        self.optimiser.zero_grad()
        losses: list[float] = []
        examples = _seen(self.examples, rows)
        self.read += len(examples)
        for example in examples:
            loss, good = self._loss(example)
            if loss is None:
                continue
            (loss / self.sight.rows).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item())
            if 4 * step >= 3 * self.sight.steps:
                kept = self.overlaps if example.sample.task == "STG" else self.right
                kept.setdefault(example.sample.source, []).append(good)
        self.processes.sum_gradients(self.parameters)
        clip_gradients(self.parameters, OPTIMISER.max_grad_norm)
        self.optimiser.step()
        return losses

    def _loss(self, example: Example) -> tuple[Tensor | None, float]:
        """The loss of a clip, None where no pair of frames counts, and how well it was seen, in [0, 1]."""
        if example.sample.task != "STG":
            return row_loss(self.policy, example, self.words, self.sight.temperature)
        located = chosen(self.boxes.located(example), PAIRS, self.draw)
        if not located:
            return None, 0.0
        tokens = vision_tokens(self.policy, example, [place.pair for place in located])
        return self.boxes.loss(example, located, tokens, self.sight.temperature)

    def _check(self, step: int) -> None:
        if not sum(self.processes.gathered(self.read)):
            raise MedVidBenchError(
                f"None of the first {(step + 1) * self.sight.rows} clips in {self.bench.path} could be read.",
                remedy="the folder names its videos by full path: if it was moved, remove it, and it is built anew",
            )


def _means(found: Sequence[dict[str, list[float]]]) -> dict[str, float]:
    """Of each source, over all processes."""
    whole: dict[str, list[float]] = {}
    for right in found:
        for source, shares in right.items():
            whole.setdefault(source, []).extend(shares)
    return {source: round(sum(shares) / len(shares), 3) for source, shares in sorted(whole.items())}


@torch.no_grad()
def _like_words(policy: Policy, examples: Sequence[Example], mark: Tensor) -> None:
    """Makes vision tokens as long as a word's embedding, without the mark that words bear: the loss knows directions
    alone, but beside a token eight times as long, what the first layers add to it would be lost, and attention that
    looks for frames must tell them from the words that they are like.

    Args:
        mark: (1, width).
    """
    found = torch.cat([torch.cat(vision_tokens(policy, example)).norm(dim=-1) for example in examples])
    words = policy.model.get_input_embeddings().weight.norm(dim=-1).mean()
    last = policy.model.model.visual.merger.mlp[-1]
    for value in last.parameters():
        value.mul_(words / found.mean())
    last.weight -= mark.T @ mark @ last.weight
    last.bias -= mark[0] * (mark[0] @ last.bias)


def _seen(stream: Iterator[Any], count: int) -> list[Example]:
    """The next rows, those that can't be read left out."""
    return [item for item in itertools.islice(stream, count) if isinstance(item, Example)]


def row_loss(policy: Policy, example: Example, words: Words, temperature: float) -> tuple[Tensor | None, float]:
    """The loss of a clip, with gradient, and the share of its frame pairs named right; None where no pair counts."""
    said = words.named(example.sample)
    pairs = frame_pairs(example, policy.checkpoint.config)
    shown = words.some(len(pairs))
    tokens = vision_tokens(policy, example, shown)
    sizes = torch.tensor([len(pair) for pair in tokens])
    texts = [said.text_at(pairs[number].times) for number in shown]
    target = torch.tensor([-1 if text is None else text for text in texts])
    if not (target >= 0).any():
        return None, 0.0
    vectors = torch.cat([torch.stack([pair.mean(dim=0) for pair in tokens]), torch.cat(tokens)])
    terms, total, counts = [], vectors.new_zeros(len(target), len(said.offers)), target >= 0
    for code, named in zip(words.codes, words.vectors(said.offers), strict=True):
        scores = normalize(vectors @ code.T, dim=-1) @ named.T / temperature
        whole, single = scores[: len(target)], scores[len(target) :]
        terms.append(both_ways(whole, target) + both_ways(single, target.repeat_interleave(sizes)))
        total = total + whole.detach()
    right = (total[counts].argmax(dim=1) == target[counts]).float().mean()
    return torch.stack(terms).mean(), float(right)


def both_ways(scores: Tensor, target: Tensor) -> Tensor:
    """Images among texts and texts among images.

    Args:
        scores: (images, texts).
        target: (images,) of the text that holds; -1 where none or several do.
    """
    counts = target >= 0
    named = cross_entropy(scores[counts], target[counts])
    found = scores.log_softmax(dim=0)
    shown = [found[target == text, text].logsumexp(dim=0) for text in torch.unique(target[counts])]
    return named - torch.stack(shown).mean()


def vision_tokens(policy: Policy, example: Example, shown: Sequence[int] | None = None) -> list[Tensor]:
    """For each pair of frames (tokens, width) float32, with gradient: what the language model is given.

    Args:
        shown: numbers of the pairs that are looked at; None is all.
    """
    prompt = example.prompt
    assert prompt.pixel_values_videos is not None and prompt.video_grid_thw is not None
    single = [(1, height, width) for pairs, height, width in prompt.video_grid_thw.tolist() for _ in range(pairs)]
    patches = torch.split(prompt.pixel_values_videos, [height * width for _, height, width in single])
    chosen = range(len(single)) if shown is None else shown
    grids = torch.tensor([single[number] for number in chosen])
    with policy.computing():
        found = policy.model.model.get_video_features(torch.cat([patches[number] for number in chosen]), grids)
    return [tokens.float() for tokens in found.pooler_output]
