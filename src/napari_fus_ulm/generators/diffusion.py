"""Conditional diffusion with an edge loss: the default generator.

v-prediction (Salimans & Ho 2022, section 4 and appendix D) on a cosine schedule with zero terminal
signal (Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed"). At time 1
the network sees pure noise and v is -x₀, so its first evaluation is the conditional mean.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators.base import Adversary, Generator, PatchBatch
from napari_fus_ulm.generators.edges import edge_loss
from napari_fus_ulm.generators.unet import LocalUNet


def signal_noise(t: Tensor) -> tuple[Tensor, Tensor]:
    """α and σ of the cosine schedule at times in [0, 1]; α is exactly 0 at time 1."""
    alpha = torch.where(t >= 1.0, torch.zeros_like(t), torch.cos(0.5 * math.pi * t))
    return alpha, torch.sin(0.5 * math.pi * t)


PRESETS: dict[str, dict[str, Any]] = {
    "poster": {"edges": "l1"},
    "small": {"widths": (24, 48, 96), "blocks": (1, 1, 2)},
}
"""Arguments by name. *Poster*: the conventional edge loss; see ``POSTER`` of the inference
settings for the sampler that belongs to it. *Small*: for comparisons of many runs."""


class ConditionalDiffusion(Generator):
    """Diffusion model conditioned on fUS and position.

    Parameters
    ----------
    widths, blocks : tuple of int
        Of the U-Net.
    edge_weight : float
        Weight of the edge loss relative to the squared error of v; 0 leaves it out.
    edges : {"quadratic", "l1"}
        Kind of the edge loss (see :func:`~napari_fus_ulm.generators.edges.edge_loss`).
    scale, shift : float
        Model units are ``scale * grey + shift``, with a standard deviation near one.

    Raises
    ------
    SettingsError
        If there is no such edge loss.
    """

    name = "diffusion"
    title = "Diffusion"
    iterative = True
    presets = PRESETS

    def __init__(
        self,
        widths: tuple[int, ...] = (48, 96, 192),
        blocks: tuple[int, ...] = (2, 2, 3),
        edge_weight: float = 1.0,
        edges: Literal["quadratic", "l1"] = "quadratic",
        scale: float = 4.0,
        shift: float = -0.5,
    ) -> None:
        super().__init__()
        self.widths, self.blocks = tuple(widths), tuple(blocks)
        if edges not in ("quadratic", "l1"):
            raise SettingsError(f"edges is “{edges}”; choose quadratic or l1.")
        self.edge_weight, self.edges = edge_weight, edges
        self.scale, self.shift = scale, shift
        self.net = LocalUNet(5, 1, widths, blocks)

    def config(self) -> dict[str, Any]:
        """Keyword arguments that build this model again."""
        return {
            "widths": list(self.widths),
            "blocks": list(self.blocks),
            "edge_weight": self.edge_weight,
            "edges": self.edges,
            "scale": self.scale,
            "shift": self.shift,
        }

    def to_model(self, grey: Tensor) -> Tensor:
        """Grey levels to model units."""
        return grey * self.scale + self.shift

    def to_grey(self, x: Tensor) -> Tensor:
        """Model units to grey levels."""
        return (x - self.shift) / self.scale

    def schedule(self, t: float) -> tuple[float, float]:
        """α and σ at time ``t`` as plain numbers, for a sampler."""
        alpha, sigma = signal_noise(torch.tensor(t, dtype=torch.float64))
        return alpha.item(), sigma.item()

    def predict(self, noisy: Tensor, t: Tensor, fus: Tensor, position: Tensor) -> Tensor:
        """Clean estimate α x - σ v in model units."""
        alpha, sigma = (s[:, None, None, None] for s in signal_noise(t))
        return alpha * noisy - sigma * self._velocity(noisy, t, fus, position)

    def training_loss(
        self,
        batch: PatchBatch,
        rng: torch.Generator,
        *,
        progress: float = 1.0,
        adversary: Adversary | None = None,
    ) -> dict[str, Tensor]:
        """Squared error of v, and the edge loss of the clean image it implies weighted by α²."""
        clean = self.to_model(batch.ulm)
        t = training_times(len(clean), rng).to(clean.device)
        alpha, sigma = (s[:, None, None, None] for s in signal_noise(t))
        noise = torch.randn(clean.shape, generator=rng).to(clean.device)
        noisy = alpha * clean + sigma * noise
        v = self._velocity(noisy, t, batch.fus, batch.position)
        squared = (v - (alpha * noise - sigma * clean)).square().mean()
        estimate, power = alpha * noisy - sigma * v, alpha.flatten().square()
        edges = edge_loss(estimate, clean, power, kind=self.edges)
        return {"loss": squared + self.edge_weight * edges, "v": squared, "edges": edges}

    def _velocity(self, noisy: Tensor, t: Tensor, fus: Tensor, position: Tensor) -> Tensor:
        x = torch.cat([noisy, self.to_model(fus) * 0.5, position], dim=1)
        out: Tensor = self.net(x, t)
        return out.float()


def training_times(n: int, rng: torch.Generator, at_end: float = 0.25) -> Tensor:
    """Stratified times in (0, 1]; a share ``at_end`` of them is exactly 1.

    *Accurate* is the estimate at time 1 and *Detailed* starts from it, so it is trained more often.
    """
    t = (torch.arange(n) + torch.rand(n, generator=rng)) / n
    t = t[torch.randperm(n, generator=rng)].clamp(min=1e-3)
    t[: round(n * at_end)] = 1.0
    return t
