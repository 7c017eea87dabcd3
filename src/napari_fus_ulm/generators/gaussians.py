"""Diagonal Gaussians for variational models: product, divergence, sampling.

Everything is computed in float32, whatever the precision of the network around it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_fus_ulm.interruption import give_way

Noise = Callable[[torch.Size], Tensor]
"""Makes standard normal noise of a shape (B, C, H, W), on the CPU."""

LIMIT = 10.0
"""Means and log-variances stay within ±10: standard deviations between e⁻⁵ and e⁵, as in NVAE."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Independent Gaussians, one per element.

    Attributes
    ----------
    mean, log_variance : tensors of one shape, float32
    """

    mean: Tensor
    log_variance: Tensor


def soft_clamp(x: Tensor, limit: float = LIMIT) -> Tensor:
    """Bend ``x`` smoothly into (-limit, limit) (Vahdat & Kautz 2020, "NVAE", its public code)."""
    return limit * torch.tanh(x / limit)


def gaussian_of(parameters: Tensor) -> Gaussian:
    """Read (B, 2 C, H, W) as C means and C log-variances, both softly clamped."""
    mean, log_variance = parameters.float().chunk(2, dim=1)
    return Gaussian(soft_clamp(mean), soft_clamp(log_variance))


def standard_like(q: Gaussian) -> Gaussian:
    """Mean 0 and variance 1 in the shape of ``q``."""
    return Gaussian(torch.zeros_like(q.mean), torch.zeros_like(q.log_variance))


def product(*experts: Gaussian) -> Gaussian:
    """Normalised product of Gaussian densities.

    Precisions add up, and the mean is the experts' mean weighted by precision, 1/σ² (Cao & Fleet
    2014, "Generalized product of experts", equation 3; Wu & Goodman 2018, section 2.2).
    A modality that is missing is an expert that is left out.
    """
    precisions = [torch.exp(-one.log_variance) for one in experts]
    precision = torch.stack(precisions).sum(dim=0)
    weighted = [p * one.mean for p, one in zip(precisions, experts, strict=True)]
    return Gaussian(torch.stack(weighted).sum(dim=0) / precision, -precision.log())


def divergence(q: Gaussian, p: Gaussian) -> Tensor:
    """Kullback-Leibler divergence KL(q ‖ p) of each element, nats."""
    shift = (q.mean - p.mean).square() * torch.exp(-p.log_variance)
    ratio = q.log_variance - p.log_variance
    return 0.5 * (shift + ratio.exp() - 1.0 - ratio)


def sample(q: Gaussian, noise: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean plus ``temperature`` standard deviations of ``noise``."""
    return q.mean + temperature * torch.exp(0.5 * q.log_variance) * noise


def drawn_noise(rng: torch.Generator) -> Noise:
    """Noise drawn from ``rng``."""
    return lambda shape: torch.randn(shape, generator=rng)


def following_noise(noisy: Tensor) -> Noise:
    """Noise that follows from an image of noise, each batch item by itself.

    An item's values, (1, H, W), are the seed of all that is drawn for it, so it does not matter
    with which others it is evaluated. Where an image is all zero, so is what is drawn.
    """
    rngs = [_seeded_by(item) for item in noisy.detach().float().cpu()]

    def draw(shape: torch.Size) -> Tensor:
        drawn = []
        for rng in rngs:
            give_way()
            each = shape[1:]
            drawn.append(torch.zeros(each) if rng is None else torch.randn(each, generator=rng))
        return torch.stack(drawn)

    return draw


def _seeded_by(item: Tensor) -> torch.Generator | None:
    values = np.ascontiguousarray(item.numpy())
    if not values.any():
        return None
    digest = hashlib.blake2b(values.tobytes(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
