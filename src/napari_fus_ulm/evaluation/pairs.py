"""Pairs ready to be judged: both scans, and their grey levels on the grid of the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.grid import grid_shape
from napari_fus_ulm.grey.intensity import log_power
from napari_fus_ulm.grey.prepare import check_same_extent, condition_grey, native_shape
from napari_fus_ulm.grey.reference import check_reference, reference_on_grid
from napari_fus_ulm.io.guesses import guess_values
from napari_fus_ulm.scan import check_image, extent_of, make_scan

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.table import PairFiles
    from napari_fus_ulm.phantom import PhantomPair
    from napari_fus_ulm.phantom.vessels import Vessels

Grey = npt.NDArray[np.float32]
PIXEL_UM = 20.0
"""Side of a result's pixel: a fifth of fUS's native 100 µm, as of the bundled generator."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationPair:
    """One pair on the grid it is judged on.

    Attributes
    ----------
    name, animal : str
        As in the cohort.
    fus, ulm : xarray.DataArray
        2-D scans of one field of view, as recorded.
    condition : (height, width) array
        Grey fUS in [0, 1] on the grid, cubic interpolation: what a generator sees.
    truth : (height, width) array
        Grey ULM in [0, 1] on the grid: counts binned, then the logarithm.
    values : str
        What the fUS image's numbers were taken for.
    vessels : Vessels or None
        The simulated tree both were made from; phantoms only.
    pixel_um : float
        Side of a grid pixel that was asked for; an extent is filled exactly, so that
        :attr:`pixel_mm` may be a little off.
    """

    name: str
    animal: str
    fus: xr.DataArray
    ulm: xr.DataArray
    condition: Grey
    truth: Grey
    values: str
    vessels: Vessels | None = None
    pixel_um: float = PIXEL_UM

    @property
    def extent_mm(self) -> tuple[float, float]:
        """Height and width of the field of view."""
        return extent_of(self.fus)

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Height and width of a pixel of the grid."""
        rows, columns = self.truth.shape
        return self.extent_mm[0] / rows, self.extent_mm[1] / columns

    @property
    def pixel_mm(self) -> float:
        """Side of the square pixel that a pixel of the grid is taken for."""
        return float(np.sqrt(np.prod(self.spacing_mm)))


def make_pair(
    name: str,
    animal: str,
    fus: xr.DataArray,
    ulm: xr.DataArray,
    *,
    pixel_um: float = PIXEL_UM,
    vessels: Vessels | None = None,
) -> EvaluationPair:
    """Bring two scans onto the grid of the results.

    Parameters
    ----------
    name, animal : str
    fus, ulm : xarray.DataArray
        2-D, over the same field of view.
    pixel_um : float
        Side of a grid pixel, µm.
    vessels : Vessels, optional

    Raises
    ------
    ValueError
        If an image cannot be used or they do not cover the same field of view.
    """
    check_image(fus)
    check_reference(ulm)
    check_same_extent(fus, ulm)
    values = str(fus.attrs.get("values", "unknown"))
    values = guess_values(fus.values) if values == "unknown" else values
    target = grid_shape(extent_of(fus), pixel_um)
    condition = condition_grey(log_power(fus.values, values), native_shape(fus), target)
    spacing = [side / n for side, n in zip(extent_of(fus), target, strict=True)]
    truth = reference_on_grid(ulm, make_scan(condition, spacing=spacing))
    return EvaluationPair(name, animal, fus, ulm, condition, truth, values, vessels, pixel_um)


def load_pair(files: PairFiles, pixel_um: float = PIXEL_UM) -> EvaluationPair:
    """Read a pair of files, and its vessel tree where it has one.

    Raises
    ------
    ValueError
        If a file cannot be read or used; the sentence names it.
    """
    from napari_fus_ulm.io import read_one
    from napari_fus_ulm.phantom import read_vessels

    current = files.fus
    try:
        fus = read_one(files.fus, modality="fus").squeeze(drop=True)
        check_image(fus)
        current = files.ulm
        ulm = read_one(files.ulm, modality="ulm").squeeze(drop=True)
        check_reference(ulm)
        vessels = None
        if files.vessels:
            current = files.vessels
            vessels = read_vessels(files.vessels)
        return make_pair(files.name, files.animal, fus, ulm, pixel_um=pixel_um, vessels=vessels)
    except ValueError as error:
        told = str(error)
        raise ValueError(told if current.name in told else f"{current}: {told}") from error


def phantom_pair(pair: PhantomPair, name: str, pixel_um: float = PIXEL_UM) -> EvaluationPair:
    """A simulated pair that was never written to disk, ready to be judged."""
    return make_pair(name, name, pair.fus, pair.ulm, pixel_um=pixel_um, vessels=pair.vessels)
