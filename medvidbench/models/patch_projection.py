"""The patch embedding of a vision tower, computed as the matrix product that it is.

Qwen2.5-VL embeds each patch by a Conv3d whose kernel is the whole patch: y = W x + b. As a convolution over
thousands of inputs of one position it is the slowest layer of a small model (46 % of a training step's CPU time,
forward and backward together 56 %); as a product it is one of the quickest. Weights and their names stay.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class PatchProjection(torch.nn.Conv3d):
    """A Conv3d that multiplies where its kernel covers the input, and is a convolution everywhere else."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, D, 1, 1, 1)."""
        if tuple(input.shape[2:]) != tuple(self.kernel_size):
            return super().forward(input)
        return functional.linear(input.flatten(1), self.weight.flatten(1), self.bias)[:, :, None, None, None]


def multiply_patches(model: torch.nn.Module) -> None:
    """Makes every such layer of `model` a `PatchProjection`, in place.

    >>> conv = torch.nn.Conv3d(3, 8, kernel_size=(2, 4, 4), stride=(2, 4, 4))
    >>> x = torch.randn(5, 3, 2, 4, 4)
    >>> before = conv(x)
    >>> multiply_patches(conv)
    >>> bool(torch.allclose(conv(x), before, atol=1e-6))
    True
    """
    for module in model.modules():
        plain = type(module) is torch.nn.Conv3d and module.groups == 1 and module.padding == (0, 0, 0)
        if plain and module.kernel_size == module.stride and module.dilation == (1, 1, 1):
            module.__class__ = PatchProjection
