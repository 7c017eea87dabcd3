"""Pix2Pix: a U-Net trained with L1 against a PatchGAN critic.

Isola et al. 2017, "Image-to-image translation with conditional adversarial networks", sections 3,
6.1 and 6.2; details from the authors' code (junyanz/pytorch-CycleGAN-and-pix2pix,
models/networks.py and pix2pix_model.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators.adversarial import (
    SLOPE,
    PatchCritic,
    PatchNorm,
    initialise,
)
from napari_fus_ulm.generators.application import STUDY_PATCHES
from napari_fus_ulm.generators.base import Adversary, Generator, PatchBatch, Recipe
from napari_fus_ulm.generators.padding import pad_to_multiple
from napari_fus_ulm.generators.unet import PixelNorm

Preset = Literal["compact", "faithful"]
Dropout = Callable[[Tensor], Tensor]
WIDTHS: dict[str, tuple[int, ...]] = {
    "compact": (48, 96, 192, 224, 224),
    "faithful": (64, 128, 256, 512, 512, 512, 512),
}
"""Channels after each halving; the last is the bottleneck."""
CRITIC_WIDTH = {"compact": 32, "faithful": 64}
OUTER = 4
"""Levels without dropout, besides the bottleneck: five halvings have none, seven have two."""


class Pix2PixUNet(nn.Module):
    """The U-Net of Pix2Pix: 4×4 stride-2 convolutions down, skips, and the mirror image up.

    Parameters
    ----------
    c_in, c_out : int
    widths : sequence of int
        Channels after each halving. The outermost and the bottleneck are not normalised.
    preset : {"compact", "faithful"}
        Faithful: 4×4 transposed convolutions up and batch norm. Compact: nearest-neighbour
        doubling and a 3×3 convolution, which leaves no checkerboard (Odena et al. 2016,
        "Deconvolution and checkerboard artifacts"), and per-pixel norm.
    """

    def __init__(self, c_in: int, c_out: int, widths: Sequence[int], preset: Preset) -> None:
        super().__init__()
        self.multiple = 2 ** len(widths)
        compact = preset == "compact"
        last = len(widths) - 1
        # A batch norm shifts by itself, so a bias before it would do nothing.
        self.down, self.down_norm = nn.ModuleList(), nn.ModuleList()
        for level, (before, after) in enumerate(pairwise([c_in, *widths])):
            normed = 0 < level < last
            self.down.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=compact))
            self.down_norm.append(_norm(after, compact) if normed else nn.Identity())
        self.up, self.up_norm = nn.ModuleList(), nn.ModuleList()
        for level in range(last, -1, -1):
            before = widths[level] * (1 if level == last else 2)
            after = widths[level - 1] if level else c_out
            biased = compact or level == 0
            if compact:
                up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, 1, 1))
            else:
                up = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=biased)  # type: ignore[assignment]
            self.up.append(up)
            self.up_norm.append(_norm(after, compact) if level else nn.Identity())
        initialise(self)

    def forward(self, x: Tensor, dropout: Dropout | None = None) -> Tensor:
        """(B, c_in, H, W), sides multiples of ``2 ** len(widths)``, to (B, c_out, H, W) in ±1."""
        skips: list[Tensor] = []
        for level, (conv, norm) in enumerate(zip(self.down, self.down_norm, strict=True)):
            x = norm(conv(F.leaky_relu(x, SLOPE) if level else x))
            skips.append(x)
        x = skips.pop()
        for conv, norm in zip(self.up, self.up_norm, strict=True):
            level = len(skips)
            x = norm(conv(F.relu(x)))
            if dropout is not None and OUTER <= level < len(self.up) - 1:
                x = dropout(x)
            if level:
                x = torch.cat([skips.pop(), x], dim=1)
        return torch.tanh(x.float())


class Pix2Pix(Generator):
    """Pix2Pix on fUS and position.

    The *faithful* preset is the published network: seven halvings, batch norm with the statistics
    of its input, dropout that stays on in use, cross-entropy. Its dropout is drawn from
    the noise that :meth:`predict` is given, so a seed gives one image; noise of zero leaves
    dropout off, which is its mean activation.

    The *compact* preset can be trained on a CPU: five halvings, which by the authors' rule
    are too few for dropout, so it is deterministic; least squares. It is normalised over the
    channels of each pixel instead of over the image: statistics of a patch depend on where it was
    cut, so that overlapping patches would disagree, while this is a local function of its input.

    Parameters
    ----------
    preset : {"compact", "faithful"}
    widths : sequence of int, optional
        Channels after each halving; by default the preset's.
    critic_width : int, optional
        Channels of the critic's first layer; by default the preset's.
    l1_weight : float
        Weight of the absolute error relative to the adversarial loss (the authors: 100).

    Raises
    ------
    SettingsError
        If there is no such preset, or there are fewer than two widths.
    """

    name = "pix2pix"
    title = "Pix2Pix"
    iterative = False
    stochastic = False
    recipe = Recipe(
        optimiser="adam",
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        weight_decay=0.0,
        clip=0.0,
        ema=0.0,
    )
    application = STUDY_PATCHES
    presets = {"compact": {"preset": "compact"}, "faithful": {"preset": "faithful"}}  # noqa: RUF012

    def __init__(
        self,
        preset: Preset = "compact",
        widths: Sequence[int] | None = None,
        critic_width: int | None = None,
        l1_weight: float = 100.0,
    ) -> None:
        super().__init__()
        if preset not in WIDTHS:
            raise SettingsError(f"preset is “{preset}”; choose compact or faithful.")
        self.preset: Preset = preset
        self.widths = tuple(WIDTHS[preset] if widths is None else widths)
        if len(self.widths) < 2:
            raise SettingsError(f"widths are {self.widths}; there must be at least two.")
        self.critic_width = CRITIC_WIDTH[preset] if critic_width is None else critic_width
        self.l1_weight = l1_weight
        self.net = Pix2PixUNet(4, 1, self.widths, preset)
        dropped = len(self.widths) > OUTER + 1
        self.stochastic = preset == "faithful" and dropped

    def config(self) -> dict[str, Any]:
        """Keyword arguments that build this model again."""
        return {
            "preset": self.preset,
            "widths": list(self.widths),
            "critic_width": self.critic_width,
            "l1_weight": self.l1_weight,
        }

    def critic(self) -> PatchCritic:
        """70×70 PatchGAN; batch norm and cross-entropy if faithful, else instance and squares."""
        if self.preset == "faithful":
            return PatchCritic(self.critic_width, norm="batch", kind="vanilla")
        return PatchCritic(self.critic_width, norm="instance", kind="lsgan")

    def to_model(self, grey: Tensor) -> Tensor:
        """Grey levels to the range of tanh."""
        return 2.0 * grey - 1.0

    def to_grey(self, x: Tensor) -> Tensor:
        """Model units to grey levels."""
        return 0.5 * (x + 1.0)

    def predict(self, noisy: Tensor, t: Tensor, fus: Tensor, position: Tensor) -> Tensor:
        """Translate (B, 1, H, W) fUS, of any size; see the class for what ``noisy`` does."""
        return self._translate(fus, position, dropout_of(noisy) if self.stochastic else None)

    def training_loss(
        self,
        batch: PatchBatch,
        rng: torch.Generator,
        *,
        progress: float = 1.0,
        adversary: Adversary | None = None,
    ) -> dict[str, Tensor]:
        """Weighted L1 and, with an adversary, its loss; the critic learns first."""
        real, fus = self.to_model(batch.ulm), self.to_model(batch.fus)
        fake = self._translate(batch.fus, batch.position, random_dropout(rng))
        l1 = (fake - real).abs().mean()
        losses = {"loss": self.l1_weight * l1, "l1": l1}
        if adversary is not None:
            losses["critic"] = adversary.learn(fus, real, fake.detach())
            losses["adversarial"] = adversary.fool(fus, fake)
            losses["loss"] = losses["loss"] + losses["adversarial"]
        return losses

    def _translate(self, fus: Tensor, position: Tensor, dropout: Dropout | None) -> Tensor:
        height, width = fus.shape[-2:]
        x = torch.cat([self.to_model(fus), position], dim=1)
        out: Tensor = self.net(pad_to_multiple(x, self.net.multiple), dropout)
        return out[..., :height, :width]


def random_dropout(rng: torch.Generator) -> Dropout:
    """Dropout of one half, drawn from ``rng`` on the CPU."""

    def drop(x: Tensor) -> Tensor:
        mask = torch.rand(x.shape, generator=rng) >= 0.5
        return x * (2.0 * mask).to(x.device, x.dtype)

    return drop


def dropout_of(noise: Tensor) -> Dropout | None:
    """Dropout of one half, image by image from (B, 1, H, W) noise; none if the noise is zero.

    Each image's masks follow from its own noise, so that they do not depend on the batch.
    """
    if not noise.any():
        return None
    sources = [torch.Generator().manual_seed(_seed(image)) for image in noise]

    def drop(x: Tensor) -> Tensor:
        mask = torch.stack([torch.rand(x.shape[1:], generator=one) >= 0.5 for one in sources])
        return x * (2.0 * mask).to(x.device, x.dtype)

    return drop


def _seed(noise: Tensor) -> int:
    """A number that differs between images that differ (FNV-1a of the first pixels)."""
    digest = 0xCBF29CE484222325
    for word in noise.flatten()[:64].float().cpu().view(torch.int32).tolist():
        digest = ((digest ^ (word & 0xFFFFFFFF)) * 0x100000001B3) % 2**64
    return digest % 2**63


def _norm(channels: int, compact: bool) -> nn.Module:
    return PixelNorm(channels) if compact else PatchNorm(channels, per_image=False, affine=True)
