"""How a ground truth has to be moved to lie on a picture, and the ground truth so moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.grey.image import grey_image
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.scan import laid_mm

Floats = npt.NDArray[np.float64]

NEEDED_MM = 0.03
NEEDED_GAIN = 0.02
"""Root mean square displacement, and gain of correlation, from which a registration is needed.

On phantoms whose recordings lie exactly on each other, chance moves the ULM by 10 to 14 µm towards
a generated picture and by 15 to 24 µm towards power Doppler, for gains of at most 0.006 and 0.012.
A true displacement of 40 µm gained 0.03 to 0.04.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """A reference on the grid of the picture it was registered to.

    Attributes
    ----------
    grey : array of shape (rows, columns)
        Grey levels in [0, 1], 0 where it is not known.
    known : bool array of shape (rows, columns)
        What the moved reference covers.
    """

    grey: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """How a reference has to be moved to lie on a picture.

    Parameters
    ----------
    matrix : tuple of tuple of float
        2×3, mm: takes a place (down, right) of the reference, as it was laid on the picture, to
        where it belongs. Places are counted from the centre of the picture's field.
    correlation_before, correlation : float
        Of the smoothed grey levels of both, over what both show, −1 to 1; NaN before where they
        hardly overlapped.
    moved_mm : float
        Root mean square distance by which the places of the picture's field are moved.
    grid : Grid
        Of the picture.
    """

    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    correlation_before: float
    correlation: float
    moved_mm: float
    grid: Grid

    @property
    def shift_mm(self) -> tuple[float, float]:
        """How far the reference is moved down and right, at the centre of the field."""
        return self.matrix[0][2], self.matrix[1][2]

    @property
    def rotation_deg(self) -> float:
        """Rotation of the reference, clockwise as seen with depth downwards."""
        return math.degrees(math.atan2(self.matrix[0][1], self.matrix[1][1]))

    @property
    def scales(self) -> tuple[float, float]:
        """Factors by which the reference is stretched (down, right), before shear and rotation."""
        across = math.hypot(self.matrix[0][1], self.matrix[1][1])
        (a, b, _), (c, d, _) = self.matrix
        return (a * d - b * c) / across, across

    @property
    def shear(self) -> float:
        """By how much the reference leans: mm to the right per mm down, before rotation."""
        (a, b, _), (c, d, _) = self.matrix
        across = math.hypot(b, d)
        return (a * b + c * d) / (across * self.scales[0])

    @property
    def needed(self) -> bool:
        """Whether the pictures lie apart: a displacement and a gain that chance does not give.

        See ``NEEDED_MM`` and ``NEEDED_GAIN``.
        """
        gain = self.correlation - self.correlation_before
        # Without a correlation before there was nothing in common: NaN is no small gain.
        return self.moved_mm >= NEEDED_MM and not gain < NEEDED_GAIN

    def __str__(self) -> str:
        down, right = self.shift_mm
        tall, wide = self.scales
        return (
            f"{down:+.3f} mm down, {right:+.3f} mm right, {self.rotation_deg:+.2f}° clockwise, "
            f"scaled {tall:.3f} × {wide:.3f} (down × right), shear {self.shear:+.3f}; "
            f"correlation {self.correlation_before:.3f} before, {self.correlation:.3f} after"
        )

    def applied(self, reference: xr.DataArray) -> Moved:
        """Lay the reference on the picture's grid, moved.

        Counts are binned to the picture's pixel and become grey levels first; these are
        interpolated linearly.

        Parameters
        ----------
        reference : xarray.DataArray
            2-D; the one that was registered, or another one of the same place.
        """
        picture = placed(reference, 1000.0 * self.grid.pixel_mm, self.grid)
        moved, known = sampled(picture, centres(self.grid), np.array(self.matrix))
        return Moved(np.clip(moved, 0.0, 1.0).astype(np.float32), known)


def corner_of(reference: xr.DataArray, grid: Grid) -> tuple[float, float]:
    """Where the outer corner of a reference lies when it is laid on a picture, mm.

    Images of one extent lie on each other, whatever their origins: files often store none; one
    that was laid on its fUS lies so far beside. Any other reference lies where its coordinates say.
    """
    field = Grid.of(reference)
    if not grid.same_extent(field):
        return field.corner_mm
    down, right = np.add(grid.corner_mm, laid_mm(reference)).tolist()
    return down, right


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Grey levels and their pixels, in mm: ``corner`` is counted from the centre of the field."""

    grey: Floats
    corner: Floats
    step: Floats


def placed(scan: xr.DataArray, pixel_um: float, grid: Grid) -> Placed:
    """Grey levels on pixels of about ``pixel_um``, about the centre of the field of ``grid``."""
    image = grey_image(scan, pixel_um)
    centre = np.add(grid.corner_mm, np.multiply(grid.shape, grid.spacing_mm) / 2)
    corner = np.subtract(corner_of(scan, grid), centre)
    return Placed(np.asarray(image.grey, np.float64), corner, np.array(image.grid.spacing_mm))


def centres(grid: Grid) -> Floats:
    """Places of pixel centres, counted from the centre of the field: (2, rows, columns)."""
    places = np.indices(grid.shape, dtype=np.float64) + 0.5
    places -= np.array(grid.shape)[:, None, None] / 2
    return np.asarray(places * np.array(grid.spacing_mm)[:, None, None], np.float64)


def sampled(
    picture: Placed, places: Floats, matrix: Floats, *, whole: bool = False
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The moved picture at places of the field, and where it is known.

    With ``whole`` every place takes the value of the nearest pixel, else values are interpolated
    linearly.
    """
    back = np.linalg.inv(matrix[:, :2])
    source = np.tensordot(back, places - matrix[:, 2, None, None], 1)
    at = (source - picture.corner[:, None, None]) / picture.step[:, None, None] - 0.5
    if whole:
        at = np.round(at - 1e-6)
    size = np.array(picture.grey.shape)[:, None, None]
    # Up to the outer edge of the last pixel; a rounding error is no gap.
    known = np.all((at >= -0.5 - 1e-6) & (at <= size - 0.5 + 1e-6), axis=0)
    values = ndimage.map_coordinates(picture.grey, at, order=1, mode="nearest")
    return np.asarray(np.where(known, values, 0.0), np.float64), np.asarray(known, np.bool_)
