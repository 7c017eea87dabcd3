"""Which part of a layer is used: slice, time, and corrections of its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from napari_fus_ulm.plausible import GIVEN
from napari_fus_ulm.scan import AXIS_OF, GAPS_KNOWN, spacing_of, step_of
from napari_fus_ulm.selection import Selection, as_times, turned

Pick = int | Literal["all", "mean", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What the user says about an image, in place of its metadata.

    Parameters
    ----------
    spacing : tuple of float or None
        In-plane pixel size (dy, dx) in mm.
    slice_mm : float or None
        Distance of slices in mm.
    leading : {"slice", "time"} or None
        What the first of three axes is.
    slices : int, "all" or "shown"
        The slices to use, along the elevation axis.
    times : int, "all", "mean" or "shown"
        The frames to use, along the time axis.
    modality : {"fus", "ulm"} or None
        What was imaged.
    depth : {"y", "x", "z"}
        The axis that is depth; it changes places with y.
    flip : str
        Those of "y" and "x" that run backwards.
    gaps : bool
        Pixels without a value have no signal.
    """

    spacing: tuple[float, float] | None = None
    slice_mm: float | None = None
    leading: Literal["slice", "time"] | None = None
    slices: Pick = "shown"
    times: Pick = "mean"
    modality: Literal["fus", "ulm"] | None = None
    depth: Literal["y", "x", "z"] = "y"
    flip: str = ""
    gaps: bool = False

    def answers(self, slice_mm: float | None = None) -> dict[str, Any]:
        """Return what `layer_to_scan` takes; ``slice_mm`` is the distance where none was given."""
        spacing: tuple[float, ...] | None = self.spacing
        distance = self.slice_mm or slice_mm
        if spacing is not None and distance is not None:
            spacing = (distance, *spacing)
        return {
            "spacing": spacing,
            "leading": self.leading,
            "modality": self.modality,
            "depth": self.depth,
            "flip": self.flip,
            "gaps": self.gaps,
        }


def resolve(corrections: Corrections, scan: xr.DataArray, shown: Mapping[str, int]) -> Selection:
    """Turn "shown" into the number that the viewer shows.

    Parameters
    ----------
    corrections : Corrections
    scan : xarray.DataArray
        The whole layer.
    shown : mapping of str to int
        Number shown of each leading dim.
    """
    slices = shown.get("k", 0) if corrections.slices == "shown" else corrections.slices
    times = shown.get("time", 0) if corrections.times == "shown" else corrections.times
    return Selection(
        slices=slices if isinstance(slices, int) and "k" in scan.dims else None,
        times=(None if times == "all" else times) if "time" in scan.dims else None,
    )


def describe(scan: xr.DataArray, selection: Selection, *, shown: str = "") -> str:
    """Describe in one line what will be used: pixels, pixel size, slice, time.

    Parameters
    ----------
    scan : xarray.DataArray
        The whole layer.
    selection : Selection
        The part of it.
    shown : str
        How the slice was chosen, such as "shown".
    """
    rows, columns = scan.shape[-2:]
    dy, dx = spacing_of(scan)
    factor, unit = (1e3, "µm") if min(dy, dx) < 10.0 else (1.0, "mm")
    parts = [f"{columns} × {rows} px", f"{dx * factor:.4g} × {dy * factor:.4g} {unit}"]
    slices = scan.sizes.get("k", 1)
    if slices > 1 and selection.slices is None:
        parts.append(f"all {slices} slices, {1000 * step_of(scan, 'k'):.4g} µm apart")
    elif slices > 1 and selection.slices is not None:
        parts.append(f"slice {selection.slices + 1} of {slices}" + (f" ({shown})" if shown else ""))
    if scan.sizes.get("pose", 1) > 1:
        parts.append(f"all {scan.sizes['pose']} poses")
    times = scan.sizes.get("time", 1)
    if times > 1 and selection.times == "mean":
        parts.append(f"mean of {times} time points")
    elif times > 1 and selection.times is None:
        parts.append(f"all {times} time points")
    elif times > 1 and isinstance(selection.times, int):
        parts.append(f"time point {selection.times + 1} of {times}")
    return " · ".join(parts)


def corrected(scan: xr.DataArray, corrections: Corrections) -> xr.DataArray:
    """Return an image as the user says it is, and the part of it that is wanted.

    The corrections are kept under the attribute ``loaded``, so that a script can repeat them.

    Parameters
    ----------
    scan : xarray.DataArray
        The image of a file; "shown" counts as the first slice or time.
    corrections : Corrections

    Raises
    ------
    ScanError
        If there is no such slice or time.
    """
    loaded: dict[str, Any] = {}
    if corrections.leading == "time" and "k" in scan.dims and "time" not in scan.dims:
        scan = as_times(scan)
        loaded["leading"] = "time"
    elif corrections.leading == "slice":
        scan = scan.assign_attrs(leading_axis_known=True)
    scan = turned(scan, corrections.depth, corrections.flip)
    if corrections.depth != "y":
        loaded["depth"] = corrections.depth
    if corrections.flip:
        loaded["flip"] = corrections.flip
    steps: dict[str, float] = {}
    if corrections.spacing is not None:
        steps = dict(zip("ji", corrections.spacing, strict=True))
        scan = scan.assign_attrs({"spacing_known": True, GIVEN: True})
    if corrections.gaps:
        scan = scan.assign_attrs({GAPS_KNOWN: True})
    if corrections.slice_mm is not None and "k" in scan.dims:
        steps["k"] = corrections.slice_mm
        scan = scan.assign_attrs(slice_spacing_known=True)
    for dim, step in steps.items():
        name = AXIS_OF[dim]
        ratio = step / step_of(scan, dim)
        centres = np.asarray(scan[name].values, dtype=float) * ratio
        attrs = {"units": "mm", "spacing": step}
        scan = scan.assign_coords({name: (dim, centres, attrs)})
    selection = resolve(corrections, scan, {})
    whole = scan
    scan = selection.of(scan)
    loaded |= {
        word: pick
        for (word, pick), dim in zip(selection.as_dict().items(), ("k", "time"), strict=True)
        if pick is not None and whole.sizes.get(dim, 1) > 1
    }
    return scan.assign_attrs(loaded=loaded) if loaded else scan
