"""A ground truth laid on the pixels of a picture: as it is, shifted, or by an affine map.

Every comparison with a ground truth starts here, so that all report the same about what was moved
and what is left to compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.registration import Alignment
from napari_fus_ulm.registration.affine import register_affine, register_shift
from napari_fus_ulm.registration.beside import in_words
from napari_fus_ulm.registration.registered import Registered, corner_of
from napari_fus_ulm.registration.shift import LEAST_SHARE, Box, align
from napari_fus_ulm.scan import LAID, laid_mm

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Laid:
    """A ground truth on the grid of a picture.

    Attributes
    ----------
    grid : Grid
        Of the picture.
    reference : (rows, columns) array
        Grey levels in [0, 1] on that grid; 0 where they are not known.
    box : tuple of slice
        An upright rectangle in which all are known: what can be compared.
    registration : Registered or None
        How the ground truth was moved; None where no alignment was requested.
    notes : tuple of str
        Sentences about what was moved and what is left.
    """

    grid: Grid
    reference: Array
    box: Box
    registration: Registered | None
    notes: tuple[str, ...]


def lay_on(picture: xr.DataArray, truth: xr.DataArray, how: str = "none") -> Laid:
    """Lay a ground truth on the pixels of a picture.

    Counts are binned to the picture's pixel before their logarithm is taken.

    Parameters
    ----------
    picture : xarray.DataArray
        2-D, nearly square pixels.
    truth : xarray.DataArray
        2-D ULM: counts, or grey levels. Of the picture's extent it is laid on it as it is, or as
        far beside as it was laid (`registration.beside.laid`), any other by its coordinates.
    how : {"none", "shift", "affine"}
        Leave the ground truth where it is; move it by a translation in whole pixels (`align`,
        counts stay counts); or move, turn, stretch and shear its grey levels (`register_affine`).
        "no", from older scripts, means "none".

    Raises
    ------
    MeasureError
        If one of the two is not a plane, or they hardly overlap.
    SettingsError
        If there is no such alignment.
    """
    how = "none" if how == "no" else how
    _check(picture, truth, how)
    grid = Grid.of(picture)
    if how == "affine":
        registration = register_affine(picture, truth)
        moved = registration.applied(truth)
        box = _enough(largest_rectangle(moved.known), grid)
        return _laid(grid, truth, moved.grey, box, registration, f"an affine map: {registration}")
    if how == "shift":
        common = align(picture, truth)
        registration = register_shift(picture, truth, common)
        box = _enough(common.box, grid)
        reference = _binned(grid, box, picture, common.reference)
        return _laid(grid, truth, reference, box, registration, _words(registration))
    box, part = _overlap(grid, truth)
    return _laid(grid, truth, _binned(grid, box, picture, part), box, None, "")


def largest_rectangle(mask: npt.NDArray[np.bool_]) -> Box:
    """Return the largest upright rectangle of true pixels, as slices; empty where there is none.

    Row by row, the largest rectangle under the histogram of true pixels above.
    """
    best, largest = 0, (slice(0, 0), slice(0, 0))
    heights = np.zeros(mask.shape[1] + 1, int)  # the last stays 0 and closes what is open
    for row, line in enumerate(mask):
        heights[:-1] = np.where(line, heights[:-1] + 1, 0)
        open_: list[tuple[int, int]] = []
        for column, height in enumerate(heights.tolist()):
            start = column
            while open_ and open_[-1][1] >= height:
                start, tall = open_.pop()
                if tall * (column - start) > best:
                    best = tall * (column - start)
                    largest = slice(row + 1 - tall, row + 1), slice(start, column)
            open_.append((start, height))
    return largest


def _binned(grid: Grid, box: Box, picture: xr.DataArray, part: xr.DataArray) -> Array:
    """Grey levels of a part of the ground truth, in the box that it fills."""
    reference = np.zeros(grid.shape, np.float32)
    reference[box] = reference_on_grid(part, Grid.of(picture[box]))
    return reference


def _overlap(grid: Grid, truth: xr.DataArray) -> tuple[Box, xr.DataArray]:
    """The area that both cover: whole pixels of the picture, the ground truth's to half a pixel."""
    corner, step = np.array(corner_of(truth, grid)), np.array(Grid.of(truth).spacing_mm)
    begin = (corner - grid.corner_mm) / grid.spacing_mm
    end = begin + step * truth.shape / grid.spacing_mm
    if corner_of(truth, grid) == grid.corner_mm and (abs(end - grid.shape) < 1).all():
        return (slice(0, grid.shape[0]), slice(0, grid.shape[1])), truth
    first = np.maximum(np.ceil(begin - 1e-6), 0).astype(int)
    last = np.minimum(np.floor(end + 1e-6), grid.shape).astype(int)
    box = _enough((slice(first[0], last[0]), slice(first[1], last[1])), grid)
    edges = np.array([first, last]) * grid.spacing_mm + grid.corner_mm
    start, stop = np.rint((edges - corner) / step).astype(int)
    return box, truth.isel(j=slice(start[0], stop[0]), i=slice(start[1], stop[1]))


def _enough(box: Box, grid: Grid) -> Box:
    rows, columns = (max(0, part.stop - part.start) for part in box)
    if rows * columns < LEAST_SHARE * math.prod(grid.shape):
        raise MeasureError(
            f"The ground truth covers {rows} × {columns} of the result's {grid.shape[0]} × "
            f"{grid.shape[1]} pixels, too little to evaluate it. Correct the pixel size or the "
            "origin of the one that is wrong, or have the ground truth aligned."
        )
    return box


def _laid(
    grid: Grid,
    truth: xr.DataArray,
    reference: Array,
    box: Box,
    registration: Registered | None,
    moved: str,
) -> Laid:
    notes = []
    if registration is not None:
        notes.append(f"The ground truth was moved by {moved}.")
        if not registration.needed:
            notes.append("This is within chance: no registration was needed.")
    elif truth.attrs.get(LAID):
        notes.append(f"The ground truth was laid on its fUS, moved by {in_words(laid_mm(truth))}.")
    else:
        offset = np.subtract(Grid.of(truth).corner_mm, corner_of(truth, grid))
        if (np.abs(offset) > 0.5 * np.array(grid.spacing_mm)).any():
            notes.append(
                f"By its coordinates the ground truth is offset by {math.hypot(*offset):.2g} mm "
                "from the result; they were compared as if they coincided."
            )
    share = math.prod(part.stop - part.start for part in box) / math.prod(grid.shape)
    if share < 1:
        notes.append(
            f"The ground truth covers {100 * share:.0f} % of the result; only that was evaluated."
        )
    return Laid(
        grid=grid, reference=reference, box=box, registration=registration, notes=tuple(notes)
    )


def _words(registration: Registered) -> str:
    down, right = (1000.0 * mm for mm in registration.shift_mm)
    return (
        f"a translation: {down:+.0f} µm down and {right:+.0f} µm right (correlation "
        f"{registration.correlation_before:.2f} before, {registration.correlation:.2f} after)"
    )


def _check(picture: xr.DataArray, truth: xr.DataArray, how: str) -> None:
    if how not in get_args(Alignment):
        raise SettingsError(f"The alignment is “{how}”; it must be “none”, “shift” or “affine”.")
    if picture.ndim != 2 or truth.ndim != 2:
        raise MeasureError(
            f"A ground truth is compared plane by plane; got {picture.ndim}-D beside "
            f"{truth.ndim}-D. Choose one slice and one time of each."
        )
