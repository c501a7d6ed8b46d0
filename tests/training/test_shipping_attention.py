"""What the small model begins to look at, head by head, with rotary positions worked out here once more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch import Tensor

from medvidbench.models.tiny import TinyShape
from medvidbench.training.shipping_attention import ASKED, FRAMES_BEFORE, STAMP, Parts, set_attention
from medvidbench.training.shipping_start import on_curve, stream_parts

SHAPE = TinyShape(layers=4, width=192, head_width=64, key_heads=3, rope_sections=(6, 6, 20))
SEED = 3


@pytest.fixture(scope="module")
def parts() -> Parts:
    return stream_parts(SEED, SHAPE)


@pytest.fixture(scope="module")
def weights(parts: Parts) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(SEED)
    found: dict[str, Tensor] = {}
    for layer in range(4):
        for name in "qkvo":
            key = f"model.layers.{layer}.self_attn.{name}_proj"
            found[f"{key}.weight"] = 0.05 * torch.randn(192, 192, generator=generator)
            if name != "o":
                found[f"{key}.bias"] = torch.zeros(192)
    set_attention(found, SHAPE, parts)
    return found


def turned(vector: Tensor, position: int) -> Tensor:
    """Rotary positions as their paper has them: entries i and i + 32 turn together, by position / base^(i / 32)."""
    pairs = torch.complex(vector[:32].double(), vector[32:].double())
    angles = position * 1e6 ** (-torch.arange(32, dtype=torch.float64) / 32)
    return torch.view_as_real(pairs * torch.polar(torch.ones(32, dtype=torch.float64), angles))


def scores(
    weights: dict[str, Tensor], layer: int, head: int, asks: Tensor, found: Sequence[Tensor], back: Sequence[int]
) -> list[float]:
    """Logits of a head for a token that asks, and tokens that are found so many positions before it."""
    own, name = slice(64 * head, 64 * head + 64), f"model.layers.{layer}.self_attn"
    query, key = ((weights[f"{name}.{p}_proj.weight"][own], weights[f"{name}.{p}_proj.bias"][own]) for p in "qk")
    asking = turned(query[0] @ asks + query[1], 500)
    keys = (turned(key[0] @ token + key[1], 500 - far) for token, far in zip(found, back, strict=True))
    return [float((asking * one).sum()) / 8 for one in keys]


def token(*terms: Tensor) -> Tensor:
    """What a layer reads: the sum, with a mean square of 1."""
    total = torch.stack(terms).sum(dim=0)
    return total / total.square().mean().sqrt()


def drawn(seed: int, within: Tensor | None = None) -> Tensor:
    found = torch.randn(192, generator=torch.Generator().manual_seed(seed))
    return found if within is None else within.T @ within @ found


def test_the_parts_are_orthonormal_and_whole(parts: Parts) -> None:
    basis = torch.cat([parts.time, parts.before, parts.mark, *parts.codes, parts.rest])
    assert basis.shape == (192, 192) and len(parts.mark) == 1
    assert torch.allclose(basis @ basis.T, torch.eye(192), atol=1e-5)
    time = on_curve(17, 192, SEED)
    assert float((parts.time @ time).norm() / time.norm()) > 0.9  # what the numbers' curve moves in


@pytest.mark.parametrize(("head", "distance"), [(0, STAMP), (1, ASKED), (2, FRAMES_BEFORE)])
def test_the_first_layer_looks_at_a_fixed_distance_whatever_is_there(
    weights: dict[str, Tensor], head: int, distance: float
) -> None:
    back = list(range(60))
    found = scores(weights, 0, head, drawn(1), [drawn(10 + k) for k in back], back)
    shares = torch.softmax(torch.tensor(found), dim=0)
    nearest = [k for k in back if abs(k - distance) < 1]
    assert float(shares[nearest].sum()) > 0.9


def test_it_adds_the_time_that_it_finds(weights: dict[str, Tensor]) -> None:
    value, out = (weights[f"model.layers.0.self_attn.{name}_proj.weight"] for name in "vo")
    times = [on_curve(second, 192, SEED) for second in (3, 30)]
    read = [out[:, :64] @ value[:64] @ time for time in times]
    assert all(torch.cosine_similarity(r, t, dim=0) > 0.9 for r, t in zip(read, times, strict=True))
    assert torch.cosine_similarity(read[0], times[1], dim=0) < 0.8


def test_it_takes_away_what_the_frames_before_held(weights: dict[str, Tensor], parts: Parts) -> None:
    value, out = (weights[f"model.layers.0.self_attn.{name}_proj.weight"] for name in "vo")
    frame = drawn(2)
    added = out[:, 128:192] @ value[128:192] @ frame
    # a frame of length 4.5 is 0.325 times what the norm makes of it: nothing of it is left in that part
    assert torch.allclose(parts.change @ (0.325 * frame + added), torch.zeros(len(parts.change)), atol=1e-5)
    alike = torch.cat(parts.alike)
    assert torch.allclose(alike @ added, torch.zeros(len(alike)), atol=1e-5)


@pytest.mark.parametrize("head", [0, 1])
@pytest.mark.parametrize("far", [10, 150, 400])
def test_the_third_layer_looks_at_frames_that_are_like_what_was_asked(
    weights: dict[str, Tensor], parts: Parts, head: int, far: int
) -> None:
    mark, margins, alike = 8 * parts.mark[0], [], torch.cat(parts.alike)
    for seed in range(100, 400, 10):
        asked, other = drawn(seed, alike), drawn(seed + 1, alike)
        like, unlike = (token(0.7 * named, drawn(seed + at, alike)) for at, named in ((2, asked), (3, other)))
        word = token(asked, drawn(seed + 4), mark)
        found = scores(weights, 2, head, word, [like, unlike, word], [far, far + 10, 5])
        assert found[0] > found[2] - 20  # the word itself is likest by far (50 nats alone), but no frame
        margins.append(found[0] - found[1])
    assert sum(margins) / len(margins) > 3  # nats
    assert sum(margin > 0 for margin in margins) > 0.8 * len(margins)


def test_without_a_mark_the_likest_word_is_found(weights: dict[str, Tensor], parts: Parts) -> None:
    word, others = token(drawn(30)), [token(drawn(31 + k)) for k in range(20)]
    found = scores(weights, 2, 2, word, [word, *others], [90, *range(10, 210, 10)])
    assert found.index(max(found)) == 0


@pytest.mark.parametrize("head", [0, 1])
def test_the_last_layer_looks_at_where_it_begins(weights: dict[str, Tensor], parts: Parts, head: int) -> None:
    asked, other = drawn(40), drawn(41)
    within = {"first": asked - other, "second": asked - asked, "after": other - asked}
    frames = [token(parts.change.T @ parts.change @ change, 0.5 * drawn(50, parts.rest)) for change in within.values()]
    found = scores(weights, 3, head, token(asked), frames, [60, 50, 40])
    assert found[0] > found[1] > found[2]
