"""Log-probabilities, entropies and gradients of rows of logits against torch's own, and in small pieces."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.training.forwards import scores
from medvidbench.training.forwards.scores import Part, row_scores, token_scores


def made(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


def test_hand_derived_numbers() -> None:
    # logits ln 1, ln 2, ln 4, ln 9 and the last suppressed: shares 1/7, 2/7, 4/7
    logits = torch.tensor([[1.0, 2.0, 4.0, 9.0]]).log()
    logps, entropy = row_scores(logits, torch.tensor([0, 0]), torch.tensor([2, 0]), suppressed=[3])
    assert logps.tolist() == pytest.approx([math.log(4 / 7), math.log(1 / 7)], abs=1e-6)
    nats = -sum(p * math.log(p) for p in (1 / 7, 2 / 7, 4 / 7))
    assert entropy.tolist() == pytest.approx([nats, nats], abs=1e-6)
    # at temperature 1/2 the shares are squares: 1, 4, 16 of 21
    logps, _ = row_scores(logits, torch.tensor([0]), torch.tensor([1]), temperature=0.5, suppressed=[3])
    assert logps.tolist() == pytest.approx([math.log(4 / 21)], abs=1e-6)


@given(st.integers(1, 6), st.integers(2, 9), st.integers(0, 9), st.sampled_from([0.3, 1.0, 2.5]), st.integers(0, 1000))
def test_values_and_gradients_are_those_of_torch(
    rows: int, width: int, count: int, temperature: float, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    never = [seed % width] if width > 2 else []
    allowed = torch.tensor([token for token in range(width) if token not in never])
    ids = allowed[torch.randint(0, len(allowed), (count,), generator=draw)]
    which = torch.randint(0, rows, (count,), generator=draw)
    weights = torch.randn(count, generator=draw, dtype=torch.float64)
    mine, plain = made(rows, width, seed).requires_grad_(), made(rows, width, seed).requires_grad_()
    logps, entropy = row_scores(mine, which, ids, temperature=temperature, suppressed=never)
    scaled = plain / temperature
    scaled = scaled.index_fill(1, torch.tensor(never, dtype=torch.int64), float("-inf"))
    expected = torch.distributions.Categorical(logits=scaled[which]) if count else None
    (logps * weights).sum().backward()
    assert logps.shape == entropy.shape == (count,)
    assert not entropy.requires_grad
    if expected is None:
        assert not mine.grad.any()
        return
    (scaled.log_softmax(-1)[which, ids] * weights).sum().backward()
    assert torch.allclose(logps, expected.log_prob(ids), atol=1e-12)
    assert torch.allclose(entropy, expected.entropy(), atol=1e-9)
    assert torch.allclose(mine.grad, plain.grad, atol=1e-12)


def test_pieces_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    which, ids = torch.tensor([4, 0, 0, 3]), torch.tensor([1, 2, 2, 0])
    found = []
    for chunk in (1 << 24, 12, 1):  # all five rows, two at a time, one at a time
        monkeypatch.setattr(scores, "CHUNK", chunk)
        logits = made(5, 6).requires_grad_()
        logps, entropy = row_scores(logits, which, ids)
        logps.sum().backward()
        found.append((logps.detach(), entropy, logits.grad))
    for piece in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(piece, found[0], strict=True))


def test_half_precision_logits_are_widened_piece_by_piece_and_their_gradient_is_narrow() -> None:
    logits = made(3, 50).to(torch.bfloat16).requires_grad_()
    which, ids = torch.tensor([0, 1, 2]), torch.tensor([5, 6, 7])
    logps, entropy = row_scores(logits, which, ids)
    assert logps.dtype == entropy.dtype == torch.float32
    exact = logits.detach().float().log_softmax(-1)[which, ids]
    assert torch.allclose(logps, exact, atol=1e-5)
    logps.sum().backward()
    assert logits.grad is not None and logits.grad.dtype == torch.bfloat16


def test_only_the_logits_and_one_number_a_row_are_kept_for_the_backward() -> None:
    kept: list[int] = []
    logits = made(8, 1000).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        row_scores(logits, torch.arange(8), torch.arange(8))
    assert sorted(kept) == [8, 8, 8, 8000]


def test_tokens_of_two_parts_land_in_their_places() -> None:
    # completion 0 has two tokens, completion 1 one: first tokens from row 0 of one part, the second from another
    ids, lengths = torch.tensor([[3, 1], [2, 0]]), torch.tensor([2, 1])
    first, rest = made(1, 4), made(2, 4, seed=1)
    parts = [
        Part(first, torch.tensor([[0, -1], [0, -1]])),
        Part(rest, torch.tensor([[-1, 0], [-1, 1]])),  # row 1 would predict padding
    ]
    found = token_scores(parts, ids, lengths, temperature=1.0, suppressed=())
    one, two = first.log_softmax(-1)[0].tolist(), rest.log_softmax(-1)[0].tolist()
    assert found.logps.tolist() == [pytest.approx([one[3], two[1]]), pytest.approx([one[2], 0.0])]
    assert found.mask.tolist() == [[True, True], [True, False]]
    assert float(found.entropy[1, 1]) == 0.0
