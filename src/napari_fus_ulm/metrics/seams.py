"""How far two neighbouring patches agree where they overlap, and which agree least."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.metrics.vessels import DEFAULT_RULE, VesselRule, cl_dice, vessel_mask

Floats = npt.NDArray[np.floating]
Box = tuple[slice, slice]

LEFT_RIGHT, UPPER_LOWER = "left | right", "upper / lower"


@dataclass(frozen=True, slots=True)
class Seam:
    """The overlap of two neighbouring patches.

    Attributes
    ----------
    direction : str
        :data:`LEFT_RIGHT` or :data:`UPPER_LOWER`.
    row, column : int
        Of the first patch in the grid, from 0.
    box : tuple of int
        Top, left, bottom and right of the overlap, pixels of the frame.
    correlation : float
        Pearson's, of the grey levels; NaN where a patch is constant there.
    difference : float
        Mean absolute difference of the grey levels, 0 to 1.
    cl_dice : float
        Of the vessels that the two patches show there; NaN where neither shows one.
    """

    direction: str
    row: int
    column: int
    box: tuple[int, int, int, int]
    correlation: float
    difference: float
    cl_dice: float

    @property
    def name(self) -> str:
        """What a list calls it, counted from 1."""
        if self.direction == LEFT_RIGHT:
            return f"row {self.row + 1}, columns {self.column + 1} | {self.column + 2}"
        return f"rows {self.row + 1} / {self.row + 2}, column {self.column + 1}"

    def as_dict(self) -> dict[str, Any]:
        """Return the seam as a row of a table; NaN is None."""
        numbers = {"correlation": self.correlation, "cl_dice": self.cl_dice}
        return {
            "seam": self.name,
            "direction": self.direction,
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            "difference": self.difference,
        }


def seam(
    first: Floats,
    second: Floats,
    boxes: tuple[Box, Box],
    pixel_mm: float,
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> tuple[float, float, float]:
    """Compare two patches in their overlap.

    Parameters
    ----------
    first, second : arrays of shape (rows, columns)
        Grey levels in [0, 1] of whole patches.
    boxes : tuple of two boxes
        Where the overlap lies in each of them.
    pixel_mm : float
        Side of a pixel, mm.
    rule : VesselRule
        What counts as a vessel; applied to whole patches, so that the rim of the overlap has
        surroundings.

    Returns
    -------
    correlation, mean absolute difference, clDice : float
        See :class:`Seam`.

    Raises
    ------
    ValueError
        If the boxes are of different sizes, or the grey levels leave [0, 1].
    """
    one, other = first[boxes[0]], second[boxes[1]]
    if one.shape != other.shape:
        raise ValueError(f"The overlap is {one.shape} in one patch and {other.shape} in the other.")
    masks = (vessel_mask(patch, pixel_mm, rule=rule) for patch in (first, second))
    mask, reference = (m[box] for m, box in zip(masks, boxes, strict=True))
    difference = float(np.abs(one - other).mean())
    return correlation(one, other), difference, cl_dice(mask, reference)


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's correlation of two images; NaN where one of them is constant."""
    centred = [np.asarray(image, np.float64) - np.mean(image) for image in (one, other)]
    power = math.sqrt(float((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum() / power) if power > 1e-12 else math.nan


def worst_first(seams: Iterable[Seam]) -> tuple[Seam, ...]:
    """Order seams by their correlation, the lowest first; where nothing is shown comes last.

    An overlap in which neither patch shows a vessel has nothing to disagree about, and the
    correlation of its faint noise says little.
    """

    def order(one: Seam) -> tuple[bool, float]:
        return math.isnan(one.cl_dice), math.inf if math.isnan(one.correlation) else one.correlation

    return tuple(sorted(seams, key=order))
