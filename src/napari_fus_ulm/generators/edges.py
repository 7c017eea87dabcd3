"""The edge loss: quadratic in linear gradients, so the conditional mean stays its minimiser."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def gradients(image: Tensor) -> Tensor:
    """Sobel gradients (B, 2, H - 2, W - 2) of (B, 1, H, W), along x then y, per pixel."""
    x = torch.tensor(SOBEL, device=image.device, dtype=image.dtype) / 8.0
    return F.conv2d(image, torch.stack([x, x.T])[:, None])


def edge_loss(estimate: Tensor, target: Tensor, weight: Tensor, scales: int = 2) -> Tensor:
    """Mean squared difference of gradients at ``scales`` scales, a factor of 2 apart.

    A loss on gradient *magnitudes*, or an absolute one, would move the minimiser away from the
    conditional mean that the sampler needs.

    Parameters
    ----------
    estimate, target : (B, 1, H, W) tensors
    weight : (B,) tensor
        Weight per sample; the signal power of its time step.
    """
    difference = estimate - target
    total = difference.new_zeros(())
    for scale in range(scales):
        if scale:
            difference = F.avg_pool2d(difference, 2)
        squared = gradients(difference).square().mean(dim=(1, 2, 3))
        # A step of height h has a Sobel response of h/2: with the 4 it counts as h².
        total = total + 4.0 * (weight * squared).mean()
    return total
