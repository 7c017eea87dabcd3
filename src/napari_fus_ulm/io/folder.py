"""A folder of images as one stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.formats import images_in
from napari_fus_ulm.io.request import open_axis
from napari_fus_ulm.scan import make_scan, step_of

SET = "files_beside"
"""Attribute of a scan that several files hold together: the names of the others."""


def read_folder(folder: Path, read_one: Callable[[Path], xr.DataArray]) -> xr.DataArray:
    """Read a folder's images, in natural order of their names, as one stack along k."""
    files = [path for path in images_in(folder) if path.suffix.lower() not in (".csv", ".npz")]
    if not files:
        raise ScanError(f"The folder “{folder.name}” holds no image that can be read.")
    scans: list[xr.DataArray] = []
    read_with_others: set[str] = set()
    for file in files:
        if file.name not in read_with_others:
            scans.append(read_one(file))
            read_with_others.update(scans[-1].attrs.get(SET, ()))
    return scans[0] if len(scans) == 1 else stack(scans, source=str(folder), name=folder.name)


def stack(scans: Sequence[xr.DataArray], *, source: str, name: str) -> xr.DataArray:
    """Put 2-D scans of one shape and pixel size on top of each other along k.

    Evenly spaced scans that have a ``z`` are placed and ordered by it.

    Raises
    ------
    ScanError
        If they are not 2-D or differ in shape or pixel size; the sentence names the first.
    """
    first = scans[0]
    for scan in scans:
        same = scan.shape == first.shape and all(
            np.isclose(step_of(scan, dim), step_of(first, dim), rtol=1e-3) for dim in "ji"
        )
        if scan.ndim != 2 or not same:
            raise ScanError(
                f"“{scan.name}” ({' × '.join(map(str, scan.shape))}) does not stack with "
                f"“{first.name}” ({' × '.join(map(str, first.shape))}); 2-D images of one shape "
                "and pixel size were expected."
            )
    spacing = [step_of(first, "j"), step_of(first, "i")]
    origin = [float(first["y"][0]), float(first["x"][0])]
    reserved = ["values", "modality", "source", "leading_axis_known", "slice_spacing_known"]
    if any(s.attrs.get("voxel_to_world") != first.attrs.get("voxel_to_world") for s in scans):
        reserved.append("voxel_to_world")  # that of one slice is not that of the others
    attrs = {key: value for key, value in first.attrs.items() if key not in reserved}
    if place := _even_places(scans):
        scans = sorted(scans, key=lambda scan: float(scan["z"]))
        origin, spacing = [place[0], *origin], [place[1], *spacing]
    else:
        attrs["leading_axis_known"] = False
        attrs["doubts"] = {**attrs.get("doubts", {}), "leading": open_axis(len(scans))}
    return make_scan(
        np.stack([scan.values for scan in scans]),
        spacing=spacing,
        origin=origin,
        modality=first.attrs["modality"],
        values_kind=first.attrs["values"],
        source=source,
        name=name,
    ).assign_attrs(attrs)


def _even_places(scans: Sequence[xr.DataArray]) -> tuple[float, float] | None:
    """Return first place and distance (mm) of slices that all have one; None if uneven."""
    if not all("z" in scan.coords for scan in scans):
        return None
    places = np.sort([float(scan["z"]) for scan in scans])
    steps = np.diff(places)
    mean = float(steps.mean()) if steps.size else 0.0
    if not mean > 0 or np.abs(steps - mean).max() > 1e-2 * mean:
        return None
    return float(places[0]), mean
