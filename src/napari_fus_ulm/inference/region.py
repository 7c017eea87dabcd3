"""A rectangle of a result, as the whole run would draw it, for a part of the time.

The range of grey levels, the noise and the grid are those of the whole image. What is sampled is
the rectangle and its surroundings, as far as they matter to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.grid import Grid, Shape
from napari_fus_ulm.inference.settings import Box
from napari_fus_ulm.inference.tiles import MULTIPLE, SMALLEST, Tile
from napari_fus_ulm.scan import PART

Array = npt.NDArray[np.float32]

REACH = 128
"""Pixels around a rectangle that are sampled with it. One evaluation looks 96 pixels far; in the
further ones, what lies beyond 128 changes no grey level by more than 1e-4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What is shown, and what is sampled for it.

    Attributes
    ----------
    rows, columns : slice
        Pixels of the whole result that are shown.
    whole : tuple of int
        Shape of the whole result.
    sampled : tuple of slice
        Rows and columns of the generator's grid where a whole frame is sampled at once.
    needed : tuple of slice
        Those that the shown pixels are made of.
    """

    rows: slice
    columns: slice
    whole: Shape
    sampled: tuple[slice, slice]
    needed: tuple[slice, slice]

    def touches(self, tile: Tile) -> bool:
        """Whether a tile holds anything that is shown."""
        return all(
            side.start < end.stop and end.start < side.stop
            for side, end in zip((tile.rows, tile.columns), self.needed, strict=True)
        )

    def of(self, image: Array) -> Array:
        """The shown pixels of a whole result."""
        return image[self.rows, self.columns]

    def in_frame(self, sampled: Array, shape: Shape) -> Array:
        """What was sampled, at its place in the frame; 0 around it."""
        frame = np.zeros(shape, np.float32)
        frame[self.sampled] = sampled
        return frame

    @property
    def part(self) -> tuple[int, int, int, int]:
        """First row and column, and the whole's shape: the attribute `PART`."""
        return self.rows.start, self.columns.start, *self.whole


def region_of(box: Box, result: Grid, target: Grid) -> Region | None:
    """What a rectangle means on the grids of a run; None where it covers everything.

    Parameters
    ----------
    box : tuple of float
        Top, left, height and width, mm from the corner of the plane.
    result, target : Grid
        Of the whole result, and of the generator; over one field.

    Raises
    ------
    SettingsError
        If it lies outside the image.
    """
    shown: list[slice] = []
    for begin, side, step, count in zip(
        box[:2], box[2:], result.spacing_mm, result.shape, strict=True
    ):
        # A rectangle drawn along the edges of pixels takes those, not their neighbours.
        first = max(0, math.floor(begin / step + 1e-6))
        last = min(count, math.ceil((begin + side) / step - 1e-6))
        if first >= last:
            height, width = result.extent_mm
            raise SettingsError(
                f"The region lies outside the image, which is {width:.4g} × {height:.4g} mm; draw "
                "or name another one."
            )
        shown.append(slice(first, last))
    if all(one == slice(0, n) for one, n in zip(shown, result.shape, strict=True)):
        return None
    sides = tuple(zip(shown, result.shape, target.shape, strict=True))
    needed = [slice(one.start * m // n, -(-one.stop * m // n)) for one, n, m in sides]
    sampled = [_surrounded(one, m) for one, m in zip(needed, target.shape, strict=True)]
    return Region(
        rows=shown[0],
        columns=shown[1],
        whole=result.shape,
        sampled=(sampled[0], sampled[1]),
        needed=(needed[0], needed[1]),
    )


def _surrounded(needed: slice, count: int) -> slice:
    """With `REACH` on both sides; it starts where the network's coarse pixels do."""
    stop = min(count, needed.stop + REACH)
    start = max(0, min(needed.start - REACH, stop - SMALLEST)) // MULTIPLE * MULTIPLE
    return slice(start, min(count, max(stop, start + SMALLEST)))


def whole_grid(part: xr.DataArray) -> Grid:
    """The grid of the whole result that an image is a part of; its own where it is no part."""
    grid = Grid.of(part)
    if PART not in part.attrs:
        return grid
    top, left, *whole = part.attrs[PART]
    down, across = grid.spacing_mm
    corner = (grid.corner_mm[0] - top * down, grid.corner_mm[1] - left * across)
    return Grid(shape=(whole[0], whole[1]), spacing_mm=grid.spacing_mm, corner_mm=corner)


def same_part(whole: Array, part: xr.DataArray) -> Array:
    """The pixels of a whole image that belong to a part of a result."""
    if PART not in part.attrs:
        return whole
    top, left = part.attrs[PART][:2]
    return whole[top : top + part.sizes["j"], left : left + part.sizes["i"]]
