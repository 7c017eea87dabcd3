"""MHVAE: a multi-modal hierarchical variational auto-encoder.

Dorent et al., "Unified brain MR-ultrasound synthesis using multi-modal hierarchical
representations" (MICCAI 2023), and their public code (ReubenDo/MHVAE; its successor
ReubenDo/MMHVAE). fUS and ULM are encoded apart. From the coarsest scale to the finest, each scale
has a latent image whose posterior is the product of its prior and one expert per available image,
and the next scale sees the ones before only through that latent. In use only fUS is available.

Deliberate differences from the public code:

- experts are multiplied by the formula, weighted by 1/σ²; the code weights by 1/σ;
- the divergence from the prior is computed, not estimated from one sample;
- the coarsest latent stays an image where theirs is a vector, so that images may have any size;
- no instance norm before the last convolution, which would give every patch the same brightness;
- experts begin sharp, with a standard deviation near e⁻², instead of near 1: a model
  trained with strong noise is biased when it is applied at a low temperature;
- the critic sees the fUS image too, and judges the ULM image alone;
- no weight normalisation of the layers that give means and variances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators.adversarial import PatchCritic
from napari_fus_ulm.generators.application import STUDY_PATCHES
from napari_fus_ulm.generators.base import Adversary, Generator, PatchBatch, Recipe
from napari_fus_ulm.generators.gaussians import (
    Gaussian,
    Noise,
    divergence,
    drawn_noise,
    following_noise,
    gaussian_of,
    product,
    sample,
    standard_like,
)
from napari_fus_ulm.generators.mhvae_layers import (
    Encoder,
    Residual,
    convolutions,
    expert,
    head,
    inverted,
)
from napari_fus_ulm.generators.padding import pad_to_multiple

PRESETS: dict[str, dict[str, Any]] = {
    "compact": {},
    "published": {
        "widths": (16, 32, 64, 128, 128, 128, 128),
        "latents": (8, 16, 32, 64, 64, 64, 256),
        "expansion": 6,
        "kernel": 5,
        "head_blocks": 6,
    },
}
"""Arguments of :class:`MHVAE` by name; *compact* is its defaults, for training on a processor."""

CRITIC_LEAD = 0.01
"""The critic begins to learn this share of the run before its loss counts (as in MMHVAE)."""


@dataclass(frozen=True, slots=True)
class Level:
    """Prior and posterior of the latent image of one scale, and the sample drawn from it."""

    prior: Gaussian
    posterior: Gaussian
    latent: Tensor


@dataclass(frozen=True, slots=True)
class _Pass:
    """Images generated from some of the modalities, and KL(posterior ‖ prior), nats per voxel."""

    fus: Tensor
    ulm: Tensor
    divergence: Tensor


class MHVAE(Generator):
    """Multi-modal hierarchical VAE.

    Parameters
    ----------
    widths, latents : tuple of int
        Channels of the features and of the latent image per scale, the finest first; each scale
        has half the sides of the one before. The published ones are in ``PRESETS``.
    expansion, kernel : int
        Of the decoder's inverted blocks: how many times wider they are inside, and the side of
        the filter of each channel there (5 takes a processor several times as long as 3).
    head_blocks : int
        Residual blocks between the finest latent and an image.
    temperature : float
        Standard deviations of the latents are multiplied by it when the model is used.
    reconstruction : {"smooth-l1", "l1"}
        MHVAE's code has the former (quadratic up to half the grey scale), MMHVAE's the latter.
    kl_weight, kl_warm_up : float
        Weight of the divergence, nats per voxel, and the share of the run over which it rises.
    adversarial_weight, adversarial_from : float
        Weight of the adversarial loss, and the share of the run after which it counts. The
        authors' weight is 0.05; after runs as short as ours it raised the reconstruction error
        by half, so here it is a tenth.

    Raises
    ------
    SettingsError
        If there are not as many latent widths as widths, or the reconstruction is unknown.
    """

    name = "mhvae"
    title = "MHVAE"
    iterative = False
    stochastic = True
    # The authors: Adamax at 2e-3 falling to 1e-4 (cosine), no moving average, no clipping.
    recipe = Recipe(
        optimiser="adamax",
        learning_rate=2e-3,
        betas=(0.9, 0.999),
        weight_decay=0.0,
        clip=0.0,
        ema=0.0,
    )
    application = STUDY_PATCHES
    presets = PRESETS

    # The warm-up and the critic's late start are MMHVAE's: 50 and 800 of 1000 epochs.
    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 96, 96, 96, 96),
        latents: tuple[int, ...] = (8, 16, 32, 48, 48, 48, 192),
        expansion: int = 3,
        kernel: int = 3,
        head_blocks: int = 2,
        temperature: float = 0.2,
        reconstruction: Literal["smooth-l1", "l1"] = "smooth-l1",
        kl_weight: float = 1e-3,
        kl_warm_up: float = 0.05,
        adversarial_weight: float = 0.005,
        adversarial_from: float = 0.8,
    ) -> None:
        super().__init__()
        if len(widths) != len(latents):
            raise SettingsError(
                f"MHVAE has one latent width per scale: {len(widths)} widths were given and "
                f"{len(latents)} latent widths."
            )
        if reconstruction not in ("smooth-l1", "l1"):
            raise SettingsError(f"reconstruction is “{reconstruction}”; choose smooth-l1 or l1.")
        self.widths, self.latents = tuple(widths), tuple(latents)
        self.expansion, self.kernel, self.head_blocks = expansion, kernel, head_blocks
        self.temperature, self.reconstruction = temperature, reconstruction
        self.kl_weight, self.kl_warm_up = kl_weight, kl_warm_up
        self.adversarial_weight, self.adversarial_from = adversarial_weight, adversarial_from
        self.multiple = 2 ** (len(widths) - 1)
        self.fus_encoder, self.ulm_encoder = Encoder(4, widths), Encoder(1, widths)
        # Everything below is shared by the modalities. Of the coarsest scale:
        self.top_expert = expert(widths[-1], latents[-1])
        self.top_rise = nn.Conv2d(latents[-1], widths[-1], 1)
        # And of every other, the finest first:
        below = (widths[-1], *latents[-2:0:-1])[::-1]
        pairs = list(zip(widths[:-1], latents[:-1], strict=True))
        self.rise = nn.ModuleList(
            nn.Conv2d(z, c, 3, padding=1, bias=False)
            for z, c in zip(below, widths[:-1], strict=True)
        )
        self.decode = nn.ModuleList(Residual(*inverted(c, expansion, kernel)) for c, _ in pairs)
        self.priors = nn.ModuleList(nn.Conv2d(c, 2 * z, 1) for c, z in pairs)
        self.experts = nn.ModuleList(
            nn.Sequential(*convolutions(2 * c, c), expert(c, z)) for c, z in pairs
        )
        self.fus_head, self.ulm_head = (head(latents[0], head_blocks) for _ in range(2))

    def config(self) -> dict[str, Any]:
        """Keyword arguments that build this model again."""
        return {
            "widths": list(self.widths),
            "latents": list(self.latents),
            "expansion": self.expansion,
            "kernel": self.kernel,
            "head_blocks": self.head_blocks,
            "temperature": self.temperature,
            "reconstruction": self.reconstruction,
            "kl_weight": self.kl_weight,
            "kl_warm_up": self.kl_warm_up,
            "adversarial_weight": self.adversarial_weight,
            "adversarial_from": self.adversarial_from,
        }

    def to_model(self, grey: Tensor) -> Tensor:
        """Grey levels to model units, [-1, 1]."""
        return 2.0 * grey - 1.0

    def to_grey(self, x: Tensor) -> Tensor:
        """Model units to grey levels."""
        return (x + 1.0) / 2.0

    def critic(self) -> PatchCritic:
        """A patch critic that also sees the fUS image."""
        return PatchCritic(width=32)

    def predict(self, noisy: Tensor, t: Tensor, fus: Tensor, position: Tensor) -> Tensor:
        """ULM image from fUS alone; the latents' noise follows from ``noisy``, zeros give the mean.

        Called once, at time 1; sides that are not multiples of the coarsest pixel are padded
        by reflection.
        """
        encoded = [self._encode_fus(fus, position)]
        levels = self.infer(encoded, following_noise(noisy), self.temperature)
        return _cropped(self.ulm_head(levels[-1].latent), noisy)

    def infer(
        self, encoded: Sequence[list[Tensor]], noise: Noise, temperature: float = 1.0
    ) -> list[Level]:
        """Draw the latents given the features of some modalities, from coarsest to finest.

        Parameters
        ----------
        encoded : sequence of lists of tensors
            What each modality's encoder gave.
        noise : callable
            Called once per scale, the coarsest first.
        temperature : float
            Multiplies the posteriors' standard deviations.
        """
        experts = [gaussian_of(self.top_expert(features[-1])) for features in encoded]
        levels = [_drawn(standard_like(experts[0]), experts, noise, temperature)]
        x: Tensor = self.top_rise(levels[0].latent)
        for scale in reversed(range(len(self.widths) - 1)):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self.decode[scale](self.rise[scale](x))
            prior = gaussian_of(self.priors[scale](x))
            experts = [
                gaussian_of(self.experts[scale](torch.cat([x, features[scale]], dim=1)))
                for features in encoded
            ]
            levels.append(_drawn(prior, experts, noise, temperature))
            x = levels[-1].latent
        return levels

    def training_loss(
        self,
        batch: PatchBatch,
        rng: torch.Generator,
        *,
        progress: float = 1.0,
        adversary: Adversary | None = None,
    ) -> dict[str, Tensor]:
        """Negative evidence lower bound of both passes, {fUS, ULM} and {fUS}; the critic later.

        Both passes have both images to reconstruct, and KL(q(z | available images) ‖ p(z)).
        Reconstruction is half the mean over both images: in grey levels where it is L1.
        """
        fus = self._encode_fus(batch.fus, batch.position)
        ulm = self.ulm_encoder(pad_to_multiple(self.to_model(batch.ulm), self.multiple))
        noise = drawn_noise(rng)
        both, alone = (self._run(seen, noise, batch.ulm) for seen in ([fus, ulm], [fus]))
        difference = self._difference(both, batch) + self._difference(alone, batch)
        kl = both.divergence + alone.divergence
        adversarial, critic = self._adversarial(batch, alone.ulm, progress, adversary)
        loss = difference + self.kl_weight_at(progress) * kl + self.adversarial_weight * adversarial
        return {
            "loss": loss,
            "reconstruction": difference,
            "kl": kl,
            "adversarial": adversarial,
            "critic": critic,
        }

    def kl_weight_at(self, progress: float) -> float:
        """Weight of the divergence after a share of the run."""
        if self.kl_warm_up <= 0.0:
            return self.kl_weight
        return self.kl_weight * min(1.0, progress / self.kl_warm_up)

    def _adversarial(
        self, batch: PatchBatch, fake: Tensor, progress: float, adversary: Adversary | None
    ) -> tuple[Tensor, Tensor]:
        """The adversarial loss and the critic's loss; 0 while the critic is inactive."""
        silent = fake.new_zeros(())
        if adversary is None or progress < self.adversarial_from - CRITIC_LEAD:
            return silent, silent
        critic_loss = adversary.learn(batch.fus, self.to_model(batch.ulm), fake.detach())
        if progress < self.adversarial_from:
            return silent, critic_loss
        return adversary.fool(batch.fus, fake), critic_loss

    def _run(self, encoded: Sequence[list[Tensor]], noise: Noise, like: Tensor) -> _Pass:
        levels = self.infer(encoded, noise)
        total = torch.stack([divergence(one.posterior, one.prior).sum() for one in levels]).sum()
        latent = levels[-1].latent
        voxels = 2 * latent[:, 0].numel()  # of both images
        fus, ulm = (_cropped(head(latent), like) for head in (self.fus_head, self.ulm_head))
        return _Pass(fus, ulm, total / voxels)

    def _difference(self, one: _Pass, batch: PatchBatch) -> Tensor:
        compare = F.l1_loss if self.reconstruction == "l1" else F.smooth_l1_loss
        fus, ulm = self.to_model(batch.fus), self.to_model(batch.ulm)
        return 0.25 * (compare(one.fus, fus) + compare(one.ulm, ulm))

    def _encode_fus(self, fus: Tensor, position: Tensor) -> list[Tensor]:
        x = torch.cat([self.to_model(fus), position], dim=1)
        features: list[Tensor] = self.fus_encoder(pad_to_multiple(x, self.multiple))
        return features


def _drawn(prior: Gaussian, experts: Sequence[Gaussian], noise: Noise, temperature: float) -> Level:
    posterior = product(prior, *experts)
    drawn = noise(posterior.mean.shape).to(posterior.mean)
    return Level(prior, posterior, sample(posterior, drawn, temperature))


def _cropped(x: Tensor, like: Tensor) -> Tensor:
    """Cut to the sides of ``like``, in float32."""
    return x[..., : like.shape[-2], : like.shape[-1]].float()
