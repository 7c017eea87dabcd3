"""Padding to sides that a network can halve often enough."""

from __future__ import annotations

import torch
from torch import Tensor


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Reflect (B, C, H, W) at its lower and right edges, repeatedly if necessary."""
    for axis in (-2, -1):
        side = image.shape[axis]
        whole = -(-side // multiple) * multiple
        if whole > side:
            period = max(1, 2 * (side - 1))
            phase = torch.arange(whole, device=image.device) % period
            image = image.index_select(axis, torch.minimum(phase, period - phase))
    return image
