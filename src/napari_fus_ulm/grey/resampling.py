"""Bring images onto a common grid without moving them: extents are kept to the last digit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom
from scipy.sparse import csr_array

from napari_fus_ulm.grid import Shape

Array = npt.NDArray[np.float32]


def overlap_matrix(n_in: int, n_out: int) -> csr_array:
    """(n_out, n_in) matrix of the share of each input cell that lies in each output cell.

    Columns sum to one: applied to counts it conserves them.
    """
    edges_in = np.linspace(0.0, 1.0, n_in + 1)
    edges_out = np.linspace(0.0, 1.0, n_out + 1)
    edges = np.union1d(edges_in, edges_out)
    middle = 0.5 * (edges[1:] + edges[:-1])
    rows = np.clip(np.searchsorted(edges_out, middle) - 1, 0, n_out - 1)
    columns = np.clip(np.searchsorted(edges_in, middle) - 1, 0, n_in - 1)
    return csr_array((np.diff(edges) * n_in, (rows, columns)), shape=(n_out, n_in))


def bin_counts(image: npt.NDArray[np.floating], shape: Shape) -> Array:
    """Sum an image into the cells of another grid over the same extent (area-weighted)."""
    down = overlap_matrix(image.shape[0], shape[0])
    across = overlap_matrix(image.shape[1], shape[1])
    return np.asarray((across @ (down @ image.astype(np.float64)).T).T, dtype=np.float32)


def area_mean(image: npt.NDArray[np.floating], shape: Shape) -> Array:
    """Average an image over the cells of another grid over the same extent."""
    factor = shape[0] * shape[1] / (image.shape[0] * image.shape[1])
    return bin_counts(image, shape) * np.float32(factor)


def resample(image: npt.NDArray[np.floating], shape: Shape) -> Array:
    """Area mean where the grid gets coarser, cubic spline where it gets finer."""
    coarse = (min(shape[0], image.shape[0]), min(shape[1], image.shape[1]))
    if coarse != image.shape:
        image = area_mean(image, coarse)
    if coarse == shape:
        return np.asarray(image, dtype=np.float32)
    factors = (shape[0] / image.shape[0], shape[1] / image.shape[1])
    return np.asarray(
        zoom(image.astype(np.float32), factors, order=3, mode="nearest", grid_mode=True),
        dtype=np.float32,
    )
