"""The ground truth beside a result: its counts binned to the result's pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.grey.grid import resample
from napari_fus_ulm.grey.prepare import check_same_extent, reference_grey
from napari_fus_ulm.scan import ScanError


def reference_on_grid(ulm: xr.DataArray, like: xr.DataArray) -> npt.NDArray[np.float32]:
    """Grey ULM in [0, 1] on the grid of a result.

    Parameters
    ----------
    ulm : xarray.DataArray
        2-D. Counts (``values`` "linear"), or grey levels already (``values`` "grey", "sqrt",
        "cbrt", "db", "display": averaged and scaled to [0, 1], not transformed again).
    like : xarray.DataArray
        2-D result over the same extent.

    Returns
    -------
    array of the shape of ``like``

    Raises
    ------
    ValueError
        If the two do not cover the same field of view, or one is not 2-D.
    """
    if ulm.ndim != 2 or like.ndim != 2:
        raise ValueError(
            f"A ground truth is compared plane by plane; got {ulm.ndim}-D beside {like.ndim}-D."
        )
    check_same_extent(like, ulm)
    rows, columns = like.shape
    values = np.asarray(ulm.values, dtype=np.float32)
    if str(ulm.attrs.get("values", "linear")) in ("linear", "unknown"):
        return reference_grey(values, (rows, columns))
    grey = resample(values, (rows, columns))
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    scaled = np.clip((grey - low) / max(high - low, 1e-9), 0.0, 1.0)
    return np.asarray(scaled, dtype=np.float32)


def check_reference(ulm: xr.DataArray) -> None:
    """Refuse a ULM image that can be neither learnt from nor compared with; it may be empty.

    Raises
    ------
    ScanError
        If it is not one 2-D plane, or holds NaN or infinite values.
    """
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
