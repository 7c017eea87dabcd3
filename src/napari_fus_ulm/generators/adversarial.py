"""The PatchGAN critic and its losses, shared by the generators that are trained against one.

Isola et al. 2017, "Image-to-image translation with conditional adversarial networks", sections
3.2.2 and 6.1.2, with the details of the authors' code (junyanz/pytorch-CycleGAN-and-pix2pix,
models/networks.py); least squares as in Mao et al. 2017, "Least squares generative adversarial
networks".
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_fus_ulm.errors import SettingsError

Kind = Literal["lsgan", "vanilla"]
Norm = Literal["batch", "instance", "none"]
SPREAD = 0.02
"""Standard deviation of fresh weights (Isola et al., section 6.2)."""
SLOPE = 0.2
"""Of the leaky ReLU (Isola et al., section 6.1)."""


class PatchNorm(nn.Module):
    """Normalisation of channels by the statistics of its input, never by stored ones.

    Parameters
    ----------
    channels : int
    per_image : bool
        Statistics of each image always ("instance"); otherwise those of the batch while training
        and of each image in evaluation, so that a result does not depend on the rest of
        its batch. With batches of one, the authors' default, the two are the same.
    affine : bool
        Whether a learnt scale and shift follow.
    """

    def __init__(self, channels: int, *, per_image: bool, affine: bool) -> None:
        super().__init__()
        self.per_image = per_image
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if self.per_image or not self.training:
            return F.instance_norm(x, weight=self.weight, bias=self.bias)
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True)


class PatchCritic(nn.Module):
    """70×70 PatchGAN: one logit for every 70×70 window of a pair of images, 8 pixels apart.

    Parameters
    ----------
    width : int
        Channels of the first layer; then twice, four and eight times as many. The authors: 64.
    norm : {"batch", "instance", "none"}
        Of the three middle layers. The authors: batch. With "instance", or batches of one, sides
        must be at least 24 pixels (there must be more than one pixel to normalise).
    kind : {"lsgan", "vanilla"}
        The losses it is trained with; see :func:`critic_loss`.
    c_condition, c_image : int
        Channels of the condition and of the image that is judged.
    """

    def __init__(
        self,
        width: int = 64,
        norm: Norm = "instance",
        kind: Kind = "lsgan",
        c_condition: int = 1,
        c_image: int = 1,
    ) -> None:
        super().__init__()
        if norm not in ("batch", "instance", "none"):
            raise SettingsError(f"norm is “{norm}”; choose batch, instance or none.")
        _check(kind)
        self.kind: Kind = kind
        widths = [c_condition + c_image, width, 2 * width, 4 * width, 8 * width, 1]
        layers: list[nn.Module] = []
        for n, (c_in, c_out) in enumerate(pairwise(widths)):
            middle = 0 < n < 4
            biased = not (middle and norm == "batch")  # the norm has a shift of its own
            layers.append(nn.Conv2d(c_in, c_out, 4, 2 if n < 3 else 1, padding=1, bias=biased))
            if middle and norm != "none":
                batch = norm == "batch"
                layers.append(PatchNorm(c_out, per_image=not batch, affine=batch))
            if n < 4:
                layers.append(nn.LeakyReLU(SLOPE))
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, fus: Tensor, image: Tensor) -> Tensor:
        """Judge (B, c_condition, H, W) and (B, c_image, H, W).

        Returns
        -------
        (B, 1, H / 8 - 2, W / 8 - 2) tensor of logits; large where the image looks real.
        """
        return cast(Tensor, self.layers(torch.cat([fus, image], dim=1))).float()


def critic_loss(real_logits: Tensor, fake_logits: Tensor, kind: Kind) -> Tensor:
    """Mean of the critic's losses on real and on fake images (scalar).

    The mean, not the sum, slows the critic down relative to the generator (Isola et al.,
    section 3.3).

    Parameters
    ----------
    real_logits, fake_logits : tensors
        Of images that should be called 1 and 0.
    kind : {"lsgan", "vanilla"}
        Squared distance of the logit, or cross-entropy of its sigmoid.
    """
    return 0.5 * (_distance(real_logits, 1.0, kind) + _distance(fake_logits, 0.0, kind))


def generator_loss(fake_logits: Tensor, kind: Kind) -> Tensor:
    """Loss of a generator whose images should be called 1 (scalar)."""
    return _distance(fake_logits, 1.0, kind)


def initialise(module: nn.Module) -> None:
    """Weights of convolutions from N(0, 0.02), of norms from N(1, 0.02); biases are 0."""
    for layer in module.modules():
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, SPREAD)
        elif isinstance(layer, PatchNorm) and isinstance(weight, Tensor):
            nn.init.normal_(weight, 1.0, SPREAD)
        else:
            continue
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)


def _distance(logits: Tensor, target: float, kind: Kind) -> Tensor:
    _check(kind)
    logits = logits.float()
    if kind == "lsgan":
        return (logits - target).square().mean()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _check(kind: str) -> None:
    if kind not in ("lsgan", "vanilla"):
        raise SettingsError(f"The adversarial loss is “{kind}”; choose lsgan or vanilla.")
