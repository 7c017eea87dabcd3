"""Patches drawn from prepared pairs, with their position in the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.grey.position import position_window

Array = npt.NDArray[np.float32]


def draw_patches(
    pairs: Sequence[PreparedPair],
    rng: np.random.Generator,
    n: int,
    size: int,
    *,
    flip: bool = False,
    without_position: float = 0.15,
    vary_display: float = 0.3,
) -> tuple[Array, Array, Array]:
    """Draw ``n`` patches at random places of random pairs.

    Parameters
    ----------
    flip : bool
        Mirror left and right, positions too, half of the time (phantoms only: the study protocol
        has no mirroring).
    without_position : float
        Share of patches whose position is withheld.
    vary_display : float
        Log standard deviation of a random exponent on the fUS grey levels, with a random black
        level beside it: the same tissue arrives under many displays.

    Returns
    -------
    fus, ulm : (n, 1, size, size) arrays
    position : (n, 3, size, size) array
    """
    fus = np.empty((n, 1, size, size), np.float32)
    ulm = np.empty_like(fus)
    position = np.zeros((n, 3, size, size), np.float32)
    for i in range(n):
        pair = pairs[int(rng.integers(len(pairs)))]
        height, width = pair.fus.shape
        top = rng.integers(max(height - size, 0) + 1)
        left = rng.integers(max(width - size, 0) + 1)
        window = np.s_[top : top + size, left : left + size]
        one_fus = padded(pair.fus[window], size)
        one_ulm = padded(pair.ulm[window], size)
        where = position_window((height, width), top, left, (size, size))
        if flip and rng.random() < 0.5:
            one_fus, one_ulm, where = one_fus[:, ::-1], one_ulm[:, ::-1], where[..., ::-1].copy()
            where[1] *= -1.0
        exponent, black = np.exp(rng.normal(0.0, vary_display)), 0.1 * vary_display * rng.random()
        fus[i, 0] = np.clip((one_fus - black) / (1.0 - black), 0.0, 1.0) ** exponent
        ulm[i, 0] = one_ulm
        if rng.random() >= without_position:
            position[i] = where
    return fus, ulm, position


def padded(image: Array, size: int) -> Array:
    """Image of at least ``size`` a side, mirrored at the border as often as needed."""
    missing = [max(0, size - n) for n in image.shape]
    if not any(missing):
        return np.asarray(image, dtype=np.float32)
    return np.pad(image.astype(np.float32), [(0, m) for m in missing], mode="symmetric")
