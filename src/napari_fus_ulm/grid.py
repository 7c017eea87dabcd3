"""Where the pixels of a plane lie: shape, pixel size and corner.

Pixels are areas. A coordinate is that of a pixel's centre; extents and corners are counted from
outer edge to outer edge, so that grids of different pixels over one field share them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import ASSUMED_PIXEL_MM, spacing_of

Shape = tuple[int, int]
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The pixels of a plane.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing_mm : tuple of float
        Pixel size, (down, right).
    corner_mm : tuple of float
        Outer corner of the first pixel, (down, right).

    Examples
    --------
    >>> fus = Grid(shape=(80, 128), spacing_mm=(0.1, 0.1))
    >>> fus.extent_mm
    (8.0, 12.8)
    >>> fus.with_pixel_um(20.0).shape
    (400, 640)
    """

    shape: Shape
    spacing_mm: Pair
    corner_mm: Pair = (0.0, 0.0)

    @classmethod
    def of(cls, scan: xr.DataArray) -> Grid:
        """Return the grid of a scan's planes."""
        step = spacing_of(scan)
        first = [float(scan.coords[axis].values[0]) for axis in "yx"]
        corner = (first[0] - step[0] / 2, first[1] - step[1] / 2)
        return cls(shape=(scan.sizes["j"], scan.sizes["i"]), spacing_mm=step, corner_mm=corner)

    @property
    def extent_mm(self) -> Pair:
        """Height and width, from outer edge to outer edge."""
        (down, right), (rows, columns) = self.spacing_mm, self.shape
        return down * rows, right * columns

    @property
    def pixel_mm(self) -> float:
        """Side of the square pixel that a pixel is taken for (the geometric mean)."""
        return float(np.sqrt(np.prod(self.spacing_mm)))

    def with_shape(self, shape: Shape) -> Grid:
        """Return the grid of this shape over exactly the same field."""
        height, width = self.extent_mm
        return replace(self, shape=shape, spacing_mm=(height / shape[0], width / shape[1]))

    def with_pixel_um(self, pixel_um: float) -> Grid:
        """Return the grid of about this pixel that fills the same field; at least one a side."""
        rows, columns = (max(1, round(side * 1000.0 / pixel_um)) for side in self.extent_mm)
        return self.with_shape((rows, columns))

    def part(self, rows: slice, columns: slice) -> Grid:
        """Return the grid of a rectangle of the pixels."""
        corner = (
            self.corner_mm[0] + rows.start * self.spacing_mm[0],
            self.corner_mm[1] + columns.start * self.spacing_mm[1],
        )
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        return replace(self, shape=shape, corner_mm=corner)

    def transposed(self) -> Grid:
        """Return the grid with its two axes exchanged."""
        return Grid(
            shape=self.shape[::-1], spacing_mm=self.spacing_mm[::-1], corner_mm=self.corner_mm[::-1]
        )

    def same_extent(self, other: Grid) -> bool:
        """Whether another grid covers a field of the same size, wherever it lies.

        Half a pixel is tolerated, and at least half a fUS pixel, so that a fUS image and a result
        of finer pixels give the same answer.
        """
        slack = (0.5 * max(step, ASSUMED_PIXEL_MM) for step in self.spacing_mm)
        sides = zip(self.extent_mm, other.extent_mm, slack, strict=True)
        return all(abs(one - two) <= tolerance for one, two, tolerance in sides)

    def centres_mm(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the positions of the rows' and of the columns' centres."""
        down, right = (
            corner + (np.arange(n, dtype=np.float64) + 0.5) * step
            for corner, n, step in zip(self.corner_mm, self.shape, self.spacing_mm, strict=True)
        )
        return down, right

    def coords(self) -> dict[str, Any]:
        """Return the coordinates ``y`` and ``x`` of an array with the axes ``j`` and ``i``."""
        down, right = self.centres_mm()
        return {"y": ("j", down, {"units": "mm"}), "x": ("i", right, {"units": "mm"})}


def check_same_extent(
    one: Grid, other: Grid, name: str = "fUS image", other_name: str = "ULM image"
) -> None:
    """Refuse two images that do not cover a field of the same size.

    Parameters
    ----------
    one, other : Grid
        See `Grid.same_extent`.
    name, other_name : str
        What the sentence calls them.

    Raises
    ------
    ValueError
        If they differ.
    """
    if not one.same_extent(other):
        (height, width), (tall, wide) = one.extent_mm, other.extent_mm
        raise ScanError(
            f"The {name} covers {width:.3f} × {height:.3f} mm and the {other_name} "
            f"{wide:.3f} × {tall:.3f} mm (width × height). Crop or register them to the same field "
            "of view, or correct the pixel size of the one that is wrong."
        )
