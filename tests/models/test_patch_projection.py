"""The patch embedding as a matrix product: the same function, the same gradients, the same weights by name."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from medvidbench.models.checkpoints import Source, load
from medvidbench.models.patch_projection import PatchProjection, multiply_patches


def _conv(bias: bool) -> torch.nn.Conv3d:
    torch.manual_seed(0)
    return torch.nn.Conv3d(3, 8, kernel_size=(2, 4, 4), stride=(2, 4, 4), bias=bias).double()


@pytest.mark.parametrize("bias", [False, True])
def test_product_and_convolution_have_equal_outputs_and_gradients(bias: bool) -> None:
    x = torch.randn(7, 3, 2, 4, 4, dtype=torch.float64)
    weigh = torch.randn(7, 8, 1, 1, 1, dtype=torch.float64)
    found = []
    for swap in (False, True):
        conv, entry = _conv(bias), x.clone().requires_grad_(True)
        if swap:
            multiply_patches(conv)
            assert isinstance(conv, PatchProjection)
        out = conv(entry)
        (out * weigh).sum().backward()
        found.append([out.detach(), entry.grad, *(p.grad for p in conv.parameters())])
    assert len(found[0]) == (4 if bias else 3)
    for ours, reference in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)


def test_a_longer_input_is_still_a_convolution() -> None:
    x = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    reference = _conv(True)(x)
    conv = _conv(True)
    multiply_patches(conv)
    assert conv(x).shape == (2, 8, 2, 2, 2)
    torch.testing.assert_close(conv(x), reference)


def test_a_convolution_that_overlaps_or_pads_is_left_alone() -> None:
    others = torch.nn.Sequential(
        torch.nn.Conv3d(3, 8, kernel_size=2, stride=1), torch.nn.Conv3d(3, 8, kernel_size=2, stride=2, padding=1)
    )
    multiply_patches(others)
    assert [type(layer) for layer in others] == [torch.nn.Conv3d, torch.nn.Conv3d]


def test_a_loaded_model_multiplies_and_keeps_the_names_of_its_weights(tiny_qwen: Path) -> None:
    model = load(Source(str(tiny_qwen), device="cpu", dtype="float32")).model
    layer = model.model.visual.patch_embed.proj
    assert isinstance(layer, PatchProjection)
    assert "model.visual.patch_embed.proj.weight" in model.state_dict()
    assert layer.weight.shape == (32, 3, 2, 14, 14)
