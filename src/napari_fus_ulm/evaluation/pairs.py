"""Pairs ready for evaluation: both scans, and their grey levels on the grid of the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.cohort.corrected import read_pair
from napari_fus_ulm.errors import EvaluationError, UserError
from napari_fus_ulm.grey.condition import condition_on_grid
from napari_fus_ulm.grey.intensity import values_kind
from napari_fus_ulm.grey.reference import binned_reference, check_reference
from napari_fus_ulm.grid import Grid, check_same_extent
from napari_fus_ulm.plausible import check_size
from napari_fus_ulm.scan import check_image

if TYPE_CHECKING:
    from napari_fus_ulm.cohort.table import PairFiles
    from napari_fus_ulm.phantom import PhantomPair
    from napari_fus_ulm.phantom.vessels import Vessels

Grey = npt.NDArray[np.float32]
PIXEL_UM = 20.0
"""Side of a result's pixel: a fifth of fUS's native 100 µm, as of the bundled generator."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvaluationPair:
    """One pair on the grid of the evaluation: what methods get, and the ULM they are judged by.

    A training pair consists of grey levels only: `napari_fus_ulm.grey.pair.PreparedPair`. One that
    has just been simulated is a `napari_fus_ulm.phantom.PhantomPair`.

    Attributes
    ----------
    name, animal : str
        As in the cohort.
    fus, ulm : xarray.DataArray
        2-D scans of one field of view, as recorded.
    grid : Grid
        Of the grey levels; it fills the field of ``fus`` exactly.
    condition : (height, width) array
        Grey fUS in [0, 1] on the grid, cubic interpolation: what a generator sees.
    truth : (height, width) array
        Grey ULM in [0, 1] on the grid: counts binned, then the logarithm.
    values : str
        What the fUS image's numbers were taken to be.
    vessels : Vessels or None
        The simulated tree both were made from; phantoms only.
    pixel_um : float
        Requested side of a grid pixel; as the field is filled exactly, the grid's actual one
        may differ a little.
    """

    name: str
    animal: str
    fus: xr.DataArray
    ulm: xr.DataArray
    grid: Grid
    condition: Grey
    truth: Grey
    values: str
    vessels: Vessels | None = None
    pixel_um: float = PIXEL_UM


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
    field = Grid.of(fus)
    check_same_extent(field, Grid.of(ulm))
    grid = field.with_pixel_um(pixel_um)
    return EvaluationPair(
        name=name,
        animal=animal,
        fus=fus,
        ulm=ulm,
        grid=grid,
        condition=condition_on_grid(fus, grid),
        truth=binned_reference(ulm, grid.shape),
        values=values_kind(fus),
        vessels=vessels,
        pixel_um=pixel_um,
    )


def load_pair(files: PairFiles, pixel_um: float = PIXEL_UM) -> EvaluationPair:
    """Read a pair of files, and its vessel tree where it has one.

    Raises
    ------
    ValueError
        If a file cannot be read or used; the sentence names it.
    """
    from napari_fus_ulm.phantom import read_vessels

    current = files.fus
    try:
        pair = read_pair(files)
        fus, ulm = pair.fus, pair.ulm
        check_image(fus)
        check_size(fus, in_cohort=True)
        current = files.ulm
        check_reference(ulm)
        vessels = None
        if files.vessels and pair.share == 1.0:  # the tree lies in the whole field
            current = files.vessels
            vessels = read_vessels(files.vessels)
        return make_pair(files.name, files.animal, fus, ulm, pixel_um=pixel_um, vessels=vessels)
    except UserError as error:
        message = str(error)
        raise EvaluationError(
            message if current.name in message else f"{current}: {message}"
        ) from error


def phantom_pair(pair: PhantomPair, name: str, pixel_um: float = PIXEL_UM) -> EvaluationPair:
    """A simulated pair that was never written to disk, ready for evaluation."""
    return make_pair(name, name, pair.fus, pair.ulm, pixel_um=pixel_um, vessels=pair.vessels)
