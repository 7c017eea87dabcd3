"""The ground truth beside a result: its counts binned to the result's pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.grey.intensity import count_unit, ulm_to_grey
from napari_fus_ulm.grey.resampling import bin_counts, resample
from napari_fus_ulm.grid import Grid, Shape, check_same_extent
from napari_fus_ulm.scan import generated_truth

Array = npt.NDArray[np.float32]


def reference_grey(ulm: npt.NDArray[np.floating], shape: Shape) -> Array:
    """Grey ULM on a grid over the same extent: bin the counts first, then take the logarithm."""
    counts = bin_counts(ulm, shape) if shape[0] <= ulm.shape[0] else resample(ulm, shape)
    return ulm_to_grey(counts, count_unit(ulm))


def binned_reference(ulm: xr.DataArray, shape: Shape) -> Array:
    """Grey ULM in [0, 1] on ``shape`` pixels over its own field.

    Parameters
    ----------
    ulm : xarray.DataArray
        2-D. Counts (``values`` "linear"), or grey levels already (``values`` "grey", "sqrt",
        "cbrt", "db", "display": averaged and scaled to [0, 1], not transformed again).
    shape : tuple of int
    """
    # Some maps hold NaN where no bubble was seen.
    values = np.nan_to_num(
        np.asarray(ulm.values, dtype=np.float32), nan=0.0, posinf=np.inf, neginf=-np.inf
    )
    if str(ulm.attrs.get("values", "linear")) in ("linear", "unknown"):
        return reference_grey(values, shape)
    grey = resample(values, shape)
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    scaled = np.clip((grey - low) / max(high - low, 1e-9), 0.0, 1.0)
    return np.asarray(scaled, dtype=np.float32)


def reference_on_grid(ulm: xr.DataArray, grid: Grid, name: str = "result") -> Array:
    """Grey ULM in [0, 1] on the grid of a result. See `binned_reference`.

    Parameters
    ----------
    ulm : xarray.DataArray
        2-D.
    grid : Grid
        Of a result over the same extent.
    name : str
        What an error message calls the image that the grid belongs to.

    Returns
    -------
    array of the grid's shape

    Raises
    ------
    ValueError
        If the two do not cover the same field of view, or the ULM is not 2-D.
    """
    if ulm.ndim != 2:
        raise ScanError(
            f"A ground truth is compared plane by plane; this one has {ulm.ndim} axes. Choose one "
            "slice and one time."
        )
    check_same_extent(grid, Grid.of(ulm), name)
    return binned_reference(ulm, grid.shape)


LEAST_EMPTY = 0.15
"""Share of empty pixels below which a map is doubted: measured ones have 46 to 89 %, on 5 to 11 µm;
pictures that our generators draw have 1 to 25 %."""


def doubtful_truth(ulm: xr.DataArray) -> str:
    """Say that a ground truth is generated, or looks like no map of counts; empty otherwise."""
    if about := generated_truth(ulm):
        return about
    values = ulm.values
    if float(np.mean(values == values.min())) >= LEAST_EMPTY:
        return ""
    label = f"“{ulm.name}”" if ulm.name else "The ground truth"
    return f"{label} has hardly any empty pixel, unlike a map of bubbles: was it measured?"


def check_reference(ulm: xr.DataArray) -> None:
    """Refuse a ULM image that can be neither learnt from nor compared with; it may be empty.

    Raises
    ------
    ScanError
        If it is generated, is not one 2-D plane, or holds NaN or infinite values.
    """
    if about := generated_truth(ulm):
        raise ScanError(about)
    if ulm.ndim != 2:
        raise ScanError(
            f"The image has the axes {tuple(map(str, ulm.dims))}; one 2-D plane (depth, lateral) "
            "was expected: save one slice per file."
        )
    wrong = int(ulm.size - np.isfinite(ulm.values).sum())
    if wrong:
        raise ScanError(
            f"{wrong} of {ulm.size} pixels are NaN or infinite; replace them (for instance by 0) "
            "first."
        )
