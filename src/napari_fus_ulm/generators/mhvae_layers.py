"""The layers that MHVAE is built of: instance norm, residual blocks, the encoder, the heads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

SHARP = -4.0
"""Log-variance near which fresh experts begin."""


class _Standardise(torch.autograd.Function):
    """Instance norm that keeps channels last: on a CPU the usual kernels take 3 times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        flat = x.permute(0, 2, 3, 1).flatten(1, 2)
        centred = flat - _mean(flat)
        scale = (_mean(centred.square()).float() + eps).rsqrt().to(x.dtype)
        y = centred * scale
        ctx.save_for_backward(y, scale)
        return _unflatten(y, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        y, scale = ctx.saved_tensors
        flat = gradient.permute(0, 2, 3, 1).flatten(1, 2)
        change = (flat - _mean(flat) - y * _mean(flat * y)) * scale
        return _unflatten(change, gradient), None


def _mean(flat: Tensor) -> Tensor:
    """Mean of (B, N, C) over N, as a matrix product, which is fast."""
    total: Tensor = flat.new_ones((len(flat), 1, flat.shape[1])) @ flat
    return total / flat.shape[1]


def _unflatten(flat: Tensor, like: Tensor) -> Tensor:
    n, c, height, width = like.shape
    return flat.view(n, height, width, c).permute(0, 3, 1, 2)


class InstanceNorm(nn.Module):
    """Instance norm without parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every channel of (B, C, H, W) over its pixels; a single pixel becomes 0."""
        y: Tensor = _Standardise.apply(x, 1e-5)
        return y


class SqueezeExcite(nn.Module):
    """Scale each channel by what the channels' means say (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 16, 4)
        self.gate = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        gate: Tensor = self.gate(x.mean(dim=(2, 3)))
        return x * gate[:, :, None, None]


def convolutions(c_in: int, c_out: int) -> list[nn.Module]:
    """Twice norm, SiLU and a 3×3 convolution; then squeeze-excite."""
    layers: list[nn.Module] = []
    for c in (c_in, c_out):
        layers += [InstanceNorm(), nn.SiLU(), nn.Conv2d(c, c_out, 3, padding=1)]
    return [*layers, SqueezeExcite(c_out)]


def inverted(channels: int, expansion: int, kernel: int) -> list[nn.Module]:
    """Expand, filter each channel by itself, gate, shrink (NVAE, figure 3a)."""
    wide = expansion * channels
    each = nn.Conv2d(wide, wide, kernel, padding=kernel // 2, groups=wide)
    return [
        *(InstanceNorm(), nn.Conv2d(channels, wide, 3, padding=1)),
        *(InstanceNorm(), nn.SiLU(), each),
        *(InstanceNorm(), nn.SiLU(), SqueezeExcite(wide), nn.Conv2d(wide, channels, 1)),
    ]


def _refined(channels: int) -> list[nn.Module]:
    """Twice a 3×3 convolution and norm, with a ReLU between."""
    one, other = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
    return [one, InstanceNorm(), nn.ReLU(), other, InstanceNorm()]


class Residual(nn.Sequential):
    """Layers whose result is added to their input."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        y = x
        for layer in self:
            y = layer(y)
        return x + y


def expert(c_in: int, latent: int) -> nn.Conv2d:
    """Means and log-variances of an expert that begins sharp."""
    conv = nn.Conv2d(c_in, 2 * latent, 1)
    if conv.bias is not None:
        with torch.no_grad():
            conv.bias[latent:] += SHARP
    return conv


class Encoder(nn.Module):
    """Features of one modality at every scale.

    Parameters
    ----------
    c_in : int
        Channels of the input.
    widths : sequence of int
        Channels per scale, the finest first.
    """

    def __init__(self, c_in: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(Residual(*convolutions(c, c)) for c in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(c, d, 3, stride=2, padding=1) for c, d in pairwise(widths)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, c_in, H, W) -> (B, widths[l], H / 2^l, W / 2^l) for every scale l."""
        features = [self.blocks[0](self.first(x))]
        for shrink, block in zip(self.shrink, self.blocks[1:], strict=True):
            features.append(block(shrink(features[-1])))
        return features


def head(channels: int, blocks: int) -> nn.Sequential:
    """From the finest latent to an image (B, 1, H, W) in (-1, 1)."""
    layers: list[nn.Module] = [Residual(*_refined(channels)) for _ in range(blocks)]
    layers += [nn.Conv2d(channels, channels, 7, padding=3), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 7, padding=3), nn.Tanh())
