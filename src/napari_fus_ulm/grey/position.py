"""Where in the frame a pixel lies, as channels that a generator may be given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.grid import Shape

Array = npt.NDArray[np.float32]


def position_channels(shape: Shape) -> Array:
    """(3, height, width): y and x of the pixel centres in [-1, 1], and ones for “known”.

    The form of Patch-Diffusion (Wang et al. 2023, section 3.1), with a channel that says whether
    the position is given at all.
    """
    return position_window(shape, 0, 0, shape)


def position_window(shape: Shape, top: int, left: int, size: Shape) -> Array:
    """Positions of one window of a frame; those past the border continue beyond 1."""
    y = (2.0 * np.arange(top, top + size[0]) + 1.0) / shape[0] - 1.0
    x = (2.0 * np.arange(left, left + size[1]) + 1.0) / shape[1] - 1.0
    yy, xx = np.meshgrid(y, x, indexing="ij")
    return np.stack([yy, xx, np.ones(size)]).astype(np.float32)
