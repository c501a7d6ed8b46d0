"""One decoding loop: prompts are encoded once, any number of answers to each is drawn beside one another.

Positions are the prompt's own; each later token stands one further in all three axes. The answers to one prompt are
queries of one row: they share the prompt's keys and values without a copy, and a mask hides them from one another, so
that a step reads P + sum of answers instead of G (P + answer) keys. An attention that takes no such mask (flash) gets
a row an answer, with the prompt's keys expanded. An answer that has ended leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from medvidbench.models.torch_env import torch_module

if TYPE_CHECKING:
    from torch import Generator, Tensor

MASKED = ("sdpa", "eager")
"""Attentions of transformers that take a mask of any shape."""


@dataclass
class Answer:
    """One answer as it grows.

    Attributes:
        limit: tokens at most.
        draw: its own generator, so that it doesn't depend on its neighbours; None takes the likeliest token.
        tokens: drawn so far, the end token among them.
        logps: log-probability of each under the distribution it was drawn from; 0 for the likeliest.
        finish: "stop" once the end token was drawn.
    """

    limit: int
    draw: Generator | None = None
    tokens: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    finish: str = "length"

    @property
    def open(self) -> bool:
        """Whether another token may follow."""
        return self.finish != "stop" and len(self.tokens) < self.limit

    def take(self, token: int, logp: float, stops: frozenset[int]) -> None:
        """Add a token."""
        self.tokens.append(token)
        self.logps.append(logp)
        if token in stops:
            self.finish = "stop"

    def branch(self, limit: int, draw: Generator | None) -> Answer:
        """An answer that goes on from here on its own."""
        return replace(self, limit=limit, draw=draw, tokens=[*self.tokens], logps=[*self.logps])


@dataclass(frozen=True)
class Choice:
    """How tokens are chosen.

    Attributes:
        stops: ids that end an answer.
        suppressed: ids that are never chosen.
        temperature: 0 takes the likeliest token, the first of equals.
    """

    stops: frozenset[int]
    suppressed: tuple[int, ...] = ()
    temperature: float = 0.0

    @classmethod
    def of(cls, stop: Iterable[int], suppressed: Iterable[int], temperature: float) -> Choice:
        """From any collections of ids."""
        return cls(frozenset(stop), tuple(sorted(suppressed)), temperature)

    def extend(self, answers: Sequence[Answer], logits: Tensor) -> None:
        """Give each answer its next token from its row of (n, V) logits."""
        logits[:, list(self.suppressed)] = float("-inf")
        if self.temperature <= 0:
            for answer, token in zip(answers, logits.argmax(dim=-1).tolist(), strict=True):
                answer.take(token, 0.0, self.stops)
            return
        logps = (logits / self.temperature).log_softmax(dim=-1)
        shares = logps.exp()
        for answer, share, logp in zip(answers, shares, logps, strict=True):
            token = int(share.multinomial(1, generator=answer.draw))
            answer.take(token, float(logp[token]), self.stops)


class Decoding:
    """A batch of prompts with answers growing behind each; see the module.

    Args:
        model: a Qwen2.5-VL, in evaluation mode (gradient checkpointing in training mode drops the cache).
        inputs: of `medvidbench.models.greedy.collate`.
        answers: to each prompt, at its start.
    """

    def __init__(self, model: Any, inputs: dict[str, Tensor], answers: Sequence[Sequence[Answer]]) -> None:
        self.model, self.masked = model, attention_of(model) in MASKED
        out = model(**inputs, use_cache=True, logits_to_keep=1)
        self.cache, self.logits = out.past_key_values, out.logits
        self.visible = inputs["attention_mask"].bool()[:, None]
        self.positions = inputs["position_ids"][..., -1:]
        self.rows: list[list[Answer]] = []
        self._arrange([[(answer, 0) for answer in row if answer.open] for row in answers])

    def run(self, choice: Choice) -> None:
        """Extend every answer until it has ended."""
        while self.rows:
            places = [(row, query) for row, there in enumerate(self.rows) for query in range(len(there))]
            at, query_at = zip(*places, strict=True)
            choice.extend([self.rows[r][q] for r, q in places], self.logits[list(at), list(query_at)].float().cpu())
            going = [[(answer, q) for q, answer in enumerate(row) if answer.open] for row in self.rows]
            if not any(going):
                return
            if any(len(kept) < len(row) for kept, row in zip(going, self.rows, strict=True)):
                self._arrange(going)
            self._feed()

    def fork(self, children: Callable[[Answer], Sequence[Answer]]) -> None:
        """Put `children(answer)` in the place of each answer that the last step extended; they go on from its end."""
        going = [[(child, q) for q, one in enumerate(row) for child in children(one)] for row in self.rows]
        self._arrange([[(child, q) for child, q in row if child.open] for row in going])
        if self.rows:
            self._feed()

    def _arrange(self, going: Sequence[Sequence[tuple[Answer, int]]]) -> None:
        """Lay out anew: `going[r]` are the answers behind row r and the queries that they go on from. Rows without any
        leave; shorter ones are filled up with their first query, whose outcome nobody reads."""
        torch = torch_module()
        kept = [(r, list(row)) for r, row in enumerate(going) if row]
        if not self.masked:
            kept = [(r, [one]) for r, row in kept for one in row]
        before, self.rows = len(going), [[answer for answer, _ in row] for _, row in kept]
        if not kept:
            return
        width, device = max(len(row) for _, row in kept), self.visible.device
        queries = [[q for _, q in row] + [row[0][1]] * (width - len(row)) for _, row in kept]
        rows, at = torch.tensor([r for r, _ in kept], device=device), torch.tensor(queries, device=device)
        if [r for r, _ in kept] != list(range(before)):
            self.cache.batch_select_indices(rows)
        self.visible, self.logits = self.visible[rows[:, None], at], self.logits[rows[:, None], at]
        self.positions = self.positions[:, rows[:, None], at]

    def _feed(self) -> None:
        """Give the model every answer's last token."""
        torch = torch_module()
        width, device = self.visible.shape[1], self.visible.device
        last = [[answer.tokens[-1] for answer in row] for row in self.rows]
        ids = torch.tensor([row + row[:1] * (width - len(row)) for row in last], device=device)
        own = torch.eye(width, dtype=torch.bool, device=device).expand(len(ids), -1, -1)
        self.visible = torch.cat([self.visible, own], dim=2)
        self.positions = self.positions + 1
        self.logits = self.model(
            input_ids=ids,
            attention_mask=self._mask(),
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
        ).logits

    def _mask(self) -> Tensor:
        if self.visible.shape[1] == 1:
            return self.visible[:, 0].long()
        shown = self.visible[:, None]
        return shown if attention_of(self.model) == "sdpa" else additive_mask(self.model, shown)


def config_of(model: Any) -> Any:
    """The configuration of a model that DDP or PEFT may have wrapped."""
    return getattr(model, "module", model).config


def attention_of(model: Any) -> str:
    """transformers' name of the language model's attention."""
    config = config_of(model)
    return str(getattr(config, "text_config", config)._attn_implementation)


def additive_mask(model: Any, visible: Tensor) -> Tensor:
    """`visible` (bool, ending in queries x keys) as numbers to add to the attention scores: 0, or -inf where hidden."""
    torch = torch_module()
    dtype = next(model.parameters()).dtype
    mask: Tensor = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return mask.masked_fill_(~visible, float("-inf"))


def expand_cache(cache: Any, count: int) -> None:
    """Let `count` rows share a cache of one row, without a copy; the first step that adds to it makes one."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys.expand(count, -1, -1, -1), layer.values.expand(count, -1, -1, -1)
