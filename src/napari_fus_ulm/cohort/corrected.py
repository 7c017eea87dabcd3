"""A pair as it is used: read, and corrected where a correction is stored beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.cohort.correction import AS_IT_IS, Correction, read_correction
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.errors import CohortError, UserError
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.registration.lay import largest_rectangle
from napari_fus_ulm.registration.orientation import ORIENTATIONS
from napari_fus_ulm.registration.registered import Placed, centres, corner_of, sampled
from napari_fus_ulm.scan import make_scan, spacing_of

LEAST_COMMON = 0.25
"""Share of the fUS image's field that both must show."""
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """The two images of a pair over one field.

    Attributes
    ----------
    fus, ulm : xarray.DataArray
        2-D; cropped to what both show where the ULM was moved or has another field.
    correction : Correction
        What was done.
    share : float
        Of the fUS image's field that is left.
    """

    fus: xr.DataArray
    ulm: xr.DataArray
    correction: Correction
    share: float = 1.0

    def __str__(self) -> str:
        """What was done, and what is left, in words."""
        left = "" if self.share == 1.0 else f"; {100.0 * self.share:.0f} % of the field is left"
        return f"{self.correction}{left}"


def read_pair(pair: PairFiles) -> Corrected:
    """Read the two images of a pair, corrected.

    Raises
    ------
    CohortError
        If a file or the correction cannot be read or used; the sentence names it.
    """
    from napari_fus_ulm.io import read_one

    correction = read_correction(pair)

    def scan(path: Path, modality: str) -> xr.DataArray:
        try:
            return read_one(path, modality=modality).squeeze(drop=True)
        except UserError as error:
            raise CohortError(f"{path}: {error}") from error

    return corrected(scan(pair.fus, "fus"), scan(pair.ulm, "ulm"), correction)


def corrected(fus: xr.DataArray, ulm: xr.DataArray, correction: Correction) -> Corrected:
    """Apply a correction.

    Counts stay counts: where the ULM is moved, every pixel takes the density of the place that
    it came from. A movement without rotation or scale goes by whole pixels of the ULM.

    Parameters
    ----------
    fus, ulm : xarray.DataArray
        2-D, as read.
    correction : Correction

    Raises
    ------
    CohortError
        If hardly anything of the field is left.
    """
    if not correction.changes:
        return Corrected(fus, ulm, correction)
    fus = with_spacing(fus, correction.fus_spacing_mm)
    ulm = _upright(with_spacing(ulm, correction.ulm_spacing_mm), correction.ulm_turned)
    if correction.matrix is None and Grid.of(fus).same_extent(Grid.of(ulm)):
        return Corrected(fus, ulm, correction)
    matrix = np.eye(2, 3) if correction.matrix is None else np.array(correction.matrix)
    field = Grid.of(fus)
    _, known = _moved(ulm, field, field.with_pixel_um(1000.0 * Grid.of(ulm).pixel_mm), matrix)
    box = largest_rectangle(area_mean(known.astype(np.float32), field.shape) > 0.999)
    share = (box[0].stop - box[0].start) * (box[1].stop - box[1].start) / np.prod(field.shape)
    if share < LEAST_COMMON:
        raise CohortError(
            f"Once corrected, the two images have {100.0 * share:.0f} % of the fUS image's field "
            "in common; do they show the same section, and is the correction right?"
        )
    part = fus[box]
    grid = Grid.of(part).with_pixel_um(1000.0 * Grid.of(ulm).pixel_mm)
    values, _ = _moved(ulm, field, grid, matrix)
    moved = make_scan(
        values, spacing=grid.spacing_mm, origin=[axis[0] for axis in grid.centres_mm()]
    )
    moved = moved.assign_attrs(ulm.attrs).rename(ulm.name)
    return Corrected(part, moved, correction, float(share))


def with_spacing(scan: xr.DataArray, spacing: tuple[float, float] | None) -> xr.DataArray:
    """The same image with another pixel size; its corner is then at 0."""
    if spacing is None:
        return scan
    again = make_scan(scan.values, spacing=spacing, origin=[step / 2 for step in spacing])
    return again.assign_attrs({**scan.attrs, "spacing_known": True}).rename(scan.name)


def _upright(ulm: xr.DataArray, what: str) -> xr.DataArray:
    """Undo what happened to an image, in reverse order."""
    if what == AS_IT_IS:
        return ulm
    exchanged, reversed_axes = ORIENTATIONS[what]
    values, spacing = ulm.values, spacing_of(ulm)
    values = values[::-1] if "y" in reversed_axes else values
    values = values[:, ::-1] if "x" in reversed_axes else values
    if exchanged:
        values, spacing = values.T, spacing[::-1]
    corner = Grid.of(ulm).corner_mm
    corner = corner[::-1] if exchanged else corner
    origin = [place + step / 2 for place, step in zip(corner, spacing, strict=True)]
    turned = make_scan(np.ascontiguousarray(values), spacing=spacing, origin=origin)
    return turned.assign_attrs(ulm.attrs).rename(ulm.name)


def _moved(
    ulm: xr.DataArray, field: Grid, grid: Grid, matrix: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], Mask]:
    """The ULM moved onto a grid inside the fUS image's field, and what of it is known."""
    step = np.array(Grid.of(ulm).spacing_mm)
    centre = np.add(field.corner_mm, np.multiply(field.extent_mm, 0.5))
    corner = np.subtract(corner_of(ulm, field), centre)
    inside = np.add(grid.corner_mm, np.multiply(grid.extent_mm, 0.5)) - centre
    linear = matrix[:, :2]
    plain = np.allclose(linear, np.eye(2), atol=1e-6) and np.allclose(
        step, grid.spacing_mm, rtol=1e-3
    )
    map_ = Placed(ulm.values.astype(np.float64), corner, step)
    places = centres(grid) + inside[:, None, None]
    density, known = sampled(map_, places, matrix, whole=plain)
    counted = ulm.attrs.get("values") in ("linear", "unknown") and not plain
    area = np.prod(grid.spacing_mm) / np.prod(step) / np.linalg.det(linear) if counted else 1.0
    return (density * area).astype(np.float32), known
