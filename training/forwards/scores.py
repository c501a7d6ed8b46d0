"""Log-probabilities and entropies from logits, with the memory of one gradient and no second copy in float32.

For a row of logits z, temperature t and suppressed ids S: `p = softmax(z / t)` over all ids but S, the log-probability
of id a is `ln p_a`, the entropy `-sum(p ln p)` in nats. This is the distribution that
`medvidbench.models.decoding` draws from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from medvidbench.training.rows import TokenScores

CHUNK = 1 << 24
"""Numbers of a piece of logits that is widened to float32 at a time: 64 MiB."""


class Part(NamedTuple):
    """Logits, and which tokens they score.

    Attributes:
        logits: (R, V).
        row_of: (G, T) int64, the row of `logits` that predicts this token; -1 where none does.
    """

    logits: Tensor
    row_of: Tensor


def token_scores(
    parts: Sequence[Part], ids: Tensor, lengths: Tensor, *, temperature: float, suppressed: Sequence[int]
) -> TokenScores:
    """Scores of (G, T) tokens of which each is in one part or, as padding, in none.

    `ids`, `lengths` and `row_of` lie on the CPU, the result where the logits do.
    """
    device = parts[0].logits.device
    mask = length_mask(ids, lengths)
    logps = entropy = None
    for part in parts:
        wanted = (part.row_of >= 0) & mask
        rows, tokens = part.row_of[wanted].to(device), ids[wanted].to(device)
        values, spread = row_scores(part.logits, rows, tokens, temperature=temperature, suppressed=suppressed)
        empty = values.new_zeros(ids.shape)
        place = wanted.to(device)
        logps = (empty if logps is None else logps).masked_scatter(place, values)
        entropy = (empty if entropy is None else entropy).masked_scatter(place, spread)
    assert logps is not None and entropy is not None
    return TokenScores(logps, entropy, mask.to(device))


def length_mask(ids: Tensor, lengths: Tensor) -> Tensor:
    """(G, T) bool, True on the tokens that count."""
    return torch.arange(ids.shape[1], device=ids.device) < lengths.view(-1, 1)


def row_scores(
    logits: Tensor, rows: Tensor, ids: Tensor, *, temperature: float = 1.0, suppressed: Sequence[int] = ()
) -> tuple[Tensor, Tensor]:
    """(M,) log-probabilities of `ids` under the rows of logits that `rows` names, and (M,) entropies of these rows.

    Args:
        logits: (R, V), any float type; the result is float32, or float64 for float64.
        rows: (M,) a row may be named by many tokens.
        ids: (M,) tokens.
    """
    logps, entropy = _RowScores.apply(logits, rows, ids, temperature, tuple(suppressed))  # type: ignore[no-untyped-call]
    return logps, entropy


class _RowScores(torch.autograd.Function):
    """Keeps the logits and one number a row; the backward fills one gradient in the logits' own type. Left to autograd,
    log_softmax, gather and entropy hold three to four copies of the logits, in float32."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, rows: Tensor, ids: Tensor, temperature: float, suppressed: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(logits.dtype, torch.float32)
        totals = logits.new_empty(len(logits), dtype=wide)
        entropy = torch.empty_like(totals)
        for begin, end in _chunks(logits):
            scaled = _scaled(logits[begin:end], temperature, suppressed)
            totals[begin:end] = scaled.logsumexp(dim=-1)
            shares = scaled.sub_(totals[begin:end, None]).exp_()
            entropy[begin:end] = torch.special.entr(shares).sum(dim=-1)  # entr(0) = 0: suppressed ids add nothing
        ctx.save_for_backward(logits, rows, ids, totals)
        ctx.temperature, ctx.suppressed = temperature, suppressed
        spread = entropy[rows]
        ctx.mark_non_differentiable(spread)
        return logits[rows, ids].to(wide) / temperature - totals[rows], spread

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None, None, None]:
        logits, rows, ids, totals = ctx.saved_tensors
        weight = torch.zeros_like(totals).index_add_(0, rows, grad.to(totals.dtype)) / -ctx.temperature
        out = torch.empty_like(logits)
        for begin, end in _chunks(logits):
            scaled = _scaled(logits[begin:end], ctx.temperature, ctx.suppressed)
            out[begin:end] = scaled.sub_(totals[begin:end, None]).exp_().mul_(weight[begin:end, None])
        out.index_put_((rows, ids), (grad / ctx.temperature).to(out.dtype), accumulate=True)
        return out, None, None, None, None


def _chunks(logits: Tensor) -> Iterator[tuple[int, int]]:
    step = max(1, CHUNK // max(1, logits.shape[-1]))
    for begin in range(0, len(logits), step):
        yield begin, min(begin + step, len(logits))


def _scaled(logits: Tensor, temperature: float, suppressed: tuple[int, ...]) -> Tensor:
    """A copy of the logits over the temperature, at least float32, -inf at the suppressed ids."""
    scaled = logits.to(torch.promote_types(logits.dtype, torch.float32), copy=True)
    if temperature != 1.0:
        scaled /= temperature
    if suppressed:
        scaled[:, list(suppressed)] = float("-inf")
    return scaled
