"""A convolutional network that is a local function of its input.

Normalisation is over channels, pixel by pixel, so nothing is shared across the image: a tile with
a halo gives what the whole frame gives. Pixel (un)shuffle by 2 at the ends keeps it fast on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 8
"""Sides of the input must be multiples of this."""


class PixelNorm(nn.Module):
    """LayerNorm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) over C."""
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias)
        return y.permute(0, 3, 1, 2)


class Block(nn.Module):
    """Residual block whose middle is scaled and shifted by the time embedding (FiLM)."""

    def __init__(self, c_in: int, c_out: int, c_time: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = PixelNorm(c_in), PixelNorm(c_out)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.film = nn.Linear(c_time, 2 * c_out)
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(B, C_in, H, W), (B, C_time) -> (B, C_out, H, W)."""
        scale, shift = self.film(time)[:, :, None, None].chunk(2, dim=1)
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.norm2(y) * (1 + scale) + shift
        y = self.conv2(F.silu(y))
        total: Tensor = self.skip(x) + y
        return total


def time_features(t: Tensor, n: int = 64) -> Tensor:
    """(B,) times in [0, 1] -> (B, n) sines and cosines."""
    frequency = torch.exp(torch.linspace(0.0, math.log(200.0), n // 2, device=t.device))
    angle = 2 * math.pi * t[:, None] * frequency[None] / 4.0
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def halved(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 2×2 convolution of stride 2, as one of 1×1 on unshuffled pixels.

    The same sums; the strided kernel's gradient is ten times slower on a CPU.
    """
    return F.conv2d(F.pixel_unshuffle(x, 2), conv.weight.flatten(1)[:, :, None, None], conv.bias)


class LocalUNet(nn.Module):
    """U-Net on 2×2-unshuffled pixels, conditioned on a time in [0, 1].

    Parameters
    ----------
    c_in, c_out : int
        Channels of input and output.
    widths, blocks : sequences of int
        Channels and residual blocks per level (on the way down; one less on the way up).
    """

    def __init__(
        self,
        c_in: int,
        c_out: int = 1,
        widths: Sequence[int] = (48, 96, 144),
        blocks: Sequence[int] = (2, 2, 3),
    ) -> None:
        super().__init__()
        c_time = 128
        self.embed = nn.Sequential(nn.Linear(64, c_time), nn.SiLU(), nn.Linear(c_time, c_time))
        self.first = nn.Conv2d(4 * c_in, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.widen = nn.ModuleList(), nn.ModuleList()
        for level, (width, n) in enumerate(zip(widths, blocks, strict=True)):
            if level:
                self.shrink.append(nn.Conv2d(widths[level - 1], width, 2, stride=2))
            self.down.append(nn.ModuleList(Block(width, width, c_time) for _ in range(n)))
        for level in range(len(widths) - 2, -1, -1):
            width = widths[level]
            self.widen.append(nn.Conv2d(widths[level + 1], 4 * width, 1))
            sizes = [2 * width] + [width] * (blocks[level] - 1)
            self.up.append(nn.ModuleList(Block(c, width, c_time) for c in sizes))
        self.norm = PixelNorm(widths[0])
        self.last = nn.Conv2d(widths[0], 4 * c_out, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """(B, c_in, H, W) with H, W multiples of 8, (B,) -> (B, c_out, H, W)."""
        return self.with_deepest(x, t)[0]

    def with_deepest(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The image, and the deepest features (B, widths[-1], H / 2**n, W / 2**n) of n levels."""
        time = F.silu(self.embed(time_features(t).to(self.first.weight.dtype)))
        x = self.first(F.pixel_unshuffle(x, 2))
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            if level:
                skips.append(x)
                x = halved(x, self.shrink[level - 1])  # type: ignore[arg-type]
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, time)
        deepest = x
        for widen, blocks in zip(self.widen, self.up, strict=True):
            x = torch.cat([F.pixel_shuffle(widen(x), 2), skips.pop()], dim=1)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, time)
        return F.pixel_shuffle(self.last(F.silu(self.norm(x))), 2), deepest
