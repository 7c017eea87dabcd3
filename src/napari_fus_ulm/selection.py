"""Which part of a scan is used: one slice or all, one time, their mean, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import AXIS_OF, mean_over_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A part of a scan, counted from 0; None is all, "mean" the mean over time."""

    slices: int | None = None
    times: int | Literal["mean"] | None = None

    def of(self, scan: xr.DataArray) -> xr.DataArray:
        """Return the part of a scan. A chosen slice or time leaves its axis out.

        Raises
        ------
        ScanError
            If there is no such slice or time.
        """
        if "time" not in scan.dims and isinstance(self.times, int):
            _check(self.times, 1, "time", scan)
        if "k" not in scan.dims and self.slices is not None:
            _check(self.slices, 1, "slice", scan)
        if "time" in scan.dims:
            if self.times == "mean":
                scan = mean_over_time(scan)
            elif self.times is not None:
                _check(self.times, scan.sizes["time"], "time", scan)
                scan = scan.isel(time=self.times, drop=True)
        if "k" in scan.dims and self.slices is not None:
            _check(self.slices, scan.sizes["k"], "slice", scan)
            scan = scan.isel(k=self.slices)
        return scan

    def as_dict(self) -> dict[str, int | str | None]:
        """Return what a record of the run keeps."""
        return {"slice": self.slices, "time": self.times}


def as_times(scan: xr.DataArray) -> xr.DataArray:
    """Take the slices of a stack for the frames of a film, one second apart."""
    if "k" not in scan.dims or "time" in scan.dims:
        return scan
    frames = np.arange(scan.sizes["k"], dtype=float)
    scan = scan.drop_vars("z", errors="ignore").rename(k="time")
    scan = scan.assign_coords(time=("time", frames, {"units": "s"}))
    return scan.assign_attrs(time_known=False, leading_axis_known=True)


def turned(scan: xr.DataArray, depth: str = "y", flip: str = "") -> xr.DataArray:
    """Let another axis of a scan be its depth, and turn axes round.

    Parameters
    ----------
    scan : xarray.DataArray
    depth : {"y", "x", "z"}
        The axis that is depth; it changes places with y.
    flip : str
        Those of "y" and "x", then, that run backwards. The field stays where it is.

    Raises
    ------
    ScanError
        If there is no such axis.
    """
    if depth != "y":
        other = {axis: dim for dim, axis in AXIS_OF.items()}[depth]
        if other not in scan.dims:
            raise ScanError(f"“{scan.name}” has no axis {depth} that could be its depth.")
        order = scan.dims
        scan = scan.rename({"j": other, other: "j", "y": depth, depth: "y"}).transpose(*order)
    for axis in flip:
        dim = "j" if axis == "y" else "i"
        scan = scan.copy(data=np.flip(scan.values, scan.get_axis_num(dim)))
    return scan


def _check(number: int, size: int, what: str, scan: xr.DataArray) -> None:
    if not 0 <= number < size:
        count = f"{size} {what}s" if size > 1 else f"one {what}"
        raise ScanError(f"“{scan.name}” has {count}; there is no {what} {number + 1}.")
