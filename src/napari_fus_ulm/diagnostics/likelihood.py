"""How likely a vessel is at every pixel of a power Doppler image, whatever a generator draws there.

A small separate network, trained on phantoms against the simulated tree: it draws nothing, it only
estimates how often there was a vessel where the input looked like this. It shares the phantoms'
anatomy with the generators, so it is a second opinion, but not an independent one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fus_ulm.errors import CheckpointError
from napari_fus_ulm.generators.checkpoint import BUNDLED, card_path, read_tensors
from napari_fus_ulm.grey.position import position_channels

if TYPE_CHECKING:
    from napari_fus_ulm.generators.unet import LocalUNet

Floats = npt.NDArray[np.float32]

WEIGHTS = BUNDLED / "likelihood.safetensors"
PIXEL_UM = 20.0
"""Of the grid it was trained on."""
POOL_UM = 640.0
"""Standard deviation of the window over which its inner features are averaged for the distance."""
STRANGE = 1.4
"""Distance that 1 % of the pixels in phantoms exceed, and a third of those in white noise."""
CHANNELS = 4
"""Grey level, and the position channels of the generators."""
DEEP_PIXELS = 8
"""Pixels that one place of the deepest level stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """Maps on the requested grid, (height, width).

    Attributes
    ----------
    backed : array
        Probability that a vessel which either recording could see (within 500 µm of the plane)
        lies there: within 30 µm of its wall.
    visible : array
        Probability that the middle of a vessel within the slice (250 µm of the plane) lies within
        30 µm.
    strangeness : array
        Distance of the input around a pixel from the phantoms the network was trained on
        (Mahalanobis, of its deepest features; Lee et al. 2018). 95 % of the pixels in held-out
        phantoms lie below 1, and 99 % below :data:`STRANGE`; beyond, its probabilities
        mean little.
    """

    backed: Floats
    visible: Floats
    strangeness: Floats


def likelihood(grey: Floats, pixel_mm: float) -> Likelihood:
    """Evaluate the network.

    Parameters
    ----------
    grey : (height, width) array
        Grey levels of the power Doppler in [0, 1], as a generator sees them.
    pixel_mm : float
        Of the same grid.

    Raises
    ------
    CheckpointError
        If its weights are missing or damaged.
    """
    from napari_fus_ulm.grey.resampling import resample

    sides = [max(16, round(n * pixel_mm * 1000.0 / PIXEL_UM)) for n in grey.shape]
    shape = (sides[0], sides[1])
    resampled = np.asarray(resample(grey, shape), np.float32) if shape != grey.shape else grey
    logits, deep = run(network(WEIGHTS), resampled)
    layers = [*(1.0 / (1.0 + np.exp(-logits))), _strangeness(deep, shape)]
    whole = (grey.shape[0], grey.shape[1])
    maps = [resample(one, whole) if shape != whole else one for one in layers]
    first, second, third = (np.asarray(one, np.float32) for one in maps)
    return Likelihood(np.clip(first, 0.0, 1.0), np.clip(second, 0.0, 1.0), np.maximum(third, 0.0))


def run(net: LocalUNet, grey: Floats) -> tuple[Floats, Floats]:
    """Logits (2, height, width), and deepest features (channels, height / 8, width / 8)."""
    import torch

    from napari_fus_ulm.generators.padding import pad_to_multiple

    channels = np.concatenate([grey[None], position_channels((grey.shape[0], grey.shape[1]))])
    with torch.inference_mode():
        x = pad_to_multiple(torch.from_numpy(channels.astype(np.float32))[None], DEEP_PIXELS)
        logits, deepest = net.with_deepest(x, torch.zeros(1))
    return logits[0, :, : grey.shape[0], : grey.shape[1]].numpy(), deepest[0].numpy()


def pooled(deep: Floats) -> Floats:
    """Deep features averaged over their neighbourhood, (channels, rows, columns)."""
    sigma = POOL_UM / PIXEL_UM / DEEP_PIXELS
    return np.asarray(
        ndimage.gaussian_filter(deep, (0.0, sigma, sigma), mode="nearest"), np.float32
    )


def build(config: dict[str, Any]) -> LocalUNet:
    """Make the network with fresh weights."""
    from napari_fus_ulm.generators.unet import LocalUNet

    return LocalUNet(CHANNELS, 2, **config)


@lru_cache(maxsize=2)
def network(weights: Path) -> LocalUNet:
    """Load the network, once.

    Raises
    ------
    CheckpointError
        If a file is missing or does not fit.
    """
    tensors = {name: one.float() for name, one in read_tensors(weights).items()}
    try:
        net = build(_card(weights)["config"])
        net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("phantoms.")})
    except (KeyError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"{weights.name} does not fit its card: {error}") from error
    return net.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def _phantoms(weights: Path) -> tuple[Floats, Floats]:
    """Mean and whitening of the pooled features on phantoms; 1 is the 95th centile."""
    tensors = read_tensors(weights)
    return tensors["phantoms.mean"].float().numpy(), tensors["phantoms.whitening"].float().numpy()


def _card(weights: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(card_path(weights).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The card of {weights.name} cannot be read: {error}.") from error


def _strangeness(deep: Floats, shape: tuple[int, int]) -> Floats:
    mean, whitening = _phantoms(WEIGHTS)
    features = pooled(deep)
    flat = whitening @ (features.reshape(len(features), -1) - mean[:, None])
    coarse = np.sqrt((flat**2).sum(axis=0)).reshape(features.shape[1:])
    factors = (DEEP_PIXELS, DEEP_PIXELS)
    fine = ndimage.zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")
    return np.asarray(fine[: shape[0], : shape[1]], np.float32)
