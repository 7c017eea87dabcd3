"""Which axes of a volume are lateral, depth and elevation, and which way they run.

ConfUSIus stores (lateral, depth, elevation), with depth downwards. Neuroimaging programs store
planes and volumes in any order, and say by a matrix to (right, anterior, superior) where they lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.scan import SMALLEST_SIDE

_COARSER = 1.5
"""Slices are this much further apart than pixels, at least; below it nothing is concluded."""
_ALONG = 0.7
"""Cosine from which a direction is taken to run along an axis of the world."""
_ORDINALS = ("first", "second", "third")


def reorder(
    values: npt.NDArray[np.generic], matrix: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64], str | None]:
    """Bring a volume to (lateral, depth, elevation, …), depth downwards.

    Parameters
    ----------
    values : array of 3 axes or more
        The voxels as stored.
    matrix : array of shape (4, 4)
        From voxel to world, whose third axis points up wherever depth runs along it.

    Returns
    -------
    values, matrix
        Every voxel is still where it was in the world.
    said : str or None
        What was concluded from the distances of voxels alone.
    """
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    normal, certain = _normal(values.shape[:3], sizes)
    directions = matrix[:3, :3] / np.where(sizes > 0, sizes, 1.0)
    order, forward = _order(directions, normal)
    matrix = matrix.copy()
    matrix[:, :3] = matrix[:, list(order)]
    values = values.transpose(*order, *range(3, values.ndim))
    for axis, kept in enumerate(forward):
        if not kept:
            matrix[:3, 3] += matrix[:3, axis] * (values.shape[axis] - 1)
            matrix[:3, axis] *= -1
            values = np.flip(values, axis)
    said = None
    if not certain and normal == 2:
        said = (
            "Its voxels do not say which axis is depth; the second was taken, and the third for "
            "that of the slices."
        )
    elif not certain:
        said = (
            f"The slices were taken along the file's {_ORDINALS[normal]} axis, whose voxels are "
            f"{sizes[normal]:.3g} mm apart, and depth along its {_ORDINALS[order[1]]} one."
        )
    return values, matrix, said


def _order(
    directions: npt.NDArray[np.float64], normal: int
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Return the lateral, the depth and the elevation axis, and which of them run as they should.

    ``directions`` holds the unit vectors of the voxel axes as columns.
    """
    up = directions[2]
    if normal == 2:
        return (0, 1, 2), (True, up[1] < _ALONG, True)
    one, two = (axis for axis in range(3) if axis != normal)
    # Down in the world, else along its second axis, which is depth in ConfUSIus' world.
    down = -up if max(abs(up[one]), abs(up[two])) > _ALONG else directions[1]
    depth, lateral = (one, two) if abs(down[one]) > abs(down[two]) else (two, one)
    return (lateral, depth, normal), (
        _runs_forward(directions[:, lateral]),
        bool(down[depth] > 0),
        _runs_forward(directions[:, normal]),
    )


def _normal(shape: Sequence[int], sizes: npt.NDArray[np.float64]) -> tuple[int, bool]:
    """Return the axis across the planes, and whether that is certain or concluded."""
    thin = [axis for axis in range(3) if shape[axis] < SMALLEST_SIDE]
    single = [axis for axis in thin if shape[axis] == 1]
    if 2 in single:
        return 2, True
    for candidates in (single, thin):
        if len(candidates) == 1:
            return candidates[0], True
    if thin:
        return 2, True
    coarsest = int(np.argmax(sizes))
    others = max(size for axis, size in enumerate(sizes) if axis != coarsest)
    if sizes[coarsest] > _COARSER * others:
        return coarsest, coarsest == 2
    return 2, False


def _runs_forward(direction: npt.NDArray[np.float64]) -> bool:
    """Whether a direction runs forwards along the axis of the world that it is nearest to."""
    return bool(direction[np.argmax(np.abs(direction))] >= 0)
