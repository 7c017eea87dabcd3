"""Scans to napari layers; nothing here needs Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.scan import (
    ASSUMED_SLICE_MM,
    AXIS_OF,
    check_scan,
    step_of,
)

if TYPE_CHECKING:
    pass

LayerData = tuple[npt.NDArray[Any], dict[str, Any], str]

_SAMPLE = 1_000_000
"""Pixels from which contrast limits are taken."""


def scan_to_layer(scan: xr.DataArray, **kwargs: Any) -> LayerData:
    """Return a scan as the layer data tuple of an image.

    A slice keeps its place: a 2-D scan with a scalar coordinate ``z`` becomes one slice of a
    volume there. A film gets a slice axis too, so that time and slices never share a slider.

    Parameters
    ----------
    scan : xarray.DataArray
        See `napari_fus_ulm.scan`.
    **kwargs
        Override the layer's arguments (``name``, ``colormap``, …).

    Returns
    -------
    tuple
        ``(data, kwargs, "image")``; scale and translate in mm and s, ``metadata["xarray"]`` is the
        scan.
    """
    scan = check_scan(scan)
    shown = with_slices(scan)
    scale, translate, units, labels = [], [], [], []
    for dim in map(str, shown.dims):
        if dim in AXIS_OF:
            scale.append(step_of(shown, dim))
            translate.append(float(shown[AXIS_OF[dim]][0]))
            units.append("mm")
        elif dim == "time":
            times = shown["time"].values
            scale.append(float(np.median(np.diff(times))) if times.size > 1 else 1.0)
            translate.append(float(times[0]))
            units.append("s")
        else:
            scale.append(1.0)
            translate.append(0.0)
            units.append("pixel")
        labels.append(AXIS_OF.get(dim, dim))
    layer = {
        "name": str(scan.name or scan.attrs["source"] or "scan"),
        "scale": tuple(scale),
        "translate": tuple(translate),
        "units": tuple(units),
        "axis_labels": tuple(labels),
        "metadata": {"xarray": scan},
        **display_of(scan),
    }
    return shown.values, layer | kwargs, "image"


def display_of(scan: xr.DataArray) -> dict[str, Any]:
    """Return contrast limits, gamma and colormap that show a scan's vessels.

    Linear power Doppler and bubble counts have a range that a screen has not: the limits are
    percentiles and gamma stands in for the root under which both are usually shown. The
    numbers themselves stay linear.
    """
    flat = scan.values.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    sample = sample[np.isfinite(sample)]
    ulm = scan.attrs.get("modality") == "ulm"
    linear = scan.attrs.get("values") in ("linear", "unknown")
    gamma = 1.0
    if sample.size == 0:
        low, high = 0.0, 1.0
    elif scan.attrs.get("generated"):
        low, high = 0.0, float(np.percentile(sample, 99.9))
    elif ulm and linear and sample.min() >= 0:
        counted = sample[sample > 0]
        low, high = 0.0, float(np.percentile(counted, 99.5)) if counted.size else 1.0
        gamma = 0.5
    elif linear and sample.min() >= 0:
        low, high = (float(p) for p in np.percentile(sample, (0.5, 99.7)))
        gamma = 0.5
    elif scan.attrs.get("values") == "display":
        low, high = float(sample.min()), float(sample.max())
    else:
        low, high = (float(p) for p in np.percentile(sample, (1, 99.8)))
    if not high > low:
        high = low + 1.0
    colormap = "hot" if ulm else "gray"
    return {"contrast_limits": (low, high), "gamma": gamma, "colormap": colormap}


def with_slices(scan: xr.DataArray) -> xr.DataArray:
    """Add the axes that napari needs: slices before a slice's place or under time."""
    if "k" in scan.dims or not ("z" in scan.coords or "time" in scan.dims or "pose" in scan.dims):
        return scan
    z = scan.coords.get("z")
    at = 0.0 if z is None else float(z)
    spacing = ASSUMED_SLICE_MM if z is None else float(z.attrs.get("spacing", ASSUMED_SLICE_MM))
    place = ("k", [at], {"units": "mm", "spacing": spacing})
    axis = len(scan.dims) - 2
    return scan.drop_vars("z", errors="ignore").expand_dims("k", axis).assign_coords(z=place)
