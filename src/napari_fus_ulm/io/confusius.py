"""Scans from ConfUSIus arrays and from voxel-to-world matrices, every pixel where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.units import mm_per, seconds_per
from napari_fus_ulm.scan import (
    ASSUMED_PIXEL_MM,
    ASSUMED_SLICE_MM,
    AXIS_OF,
    DIMS,
    MODALITIES,
    VALUES,
    even_step,
    make_scan,
)


def from_confusius(da: xr.DataArray) -> xr.DataArray:
    """Make a scan from a ConfUSIus array, keeping where its pixels lie.

    ConfUSIus 0.8 keeps integer voxel coordinates on ``k, j, i`` and derives world ``z, y, x`` (mm)
    through a 4×4 affine; earlier versions have the dims ``z, y, x`` themselves. Axes that run
    backwards are turned round, so that every pixel keeps its position. An oblique affine is kept
    as ``voxel_to_world`` and the scan gets coordinates along its own axes.

    Parameters
    ----------
    da : xarray.DataArray
        Dims among ``time, pose, k, j, i`` or ``time, pose, z, y, x``, in any order.

    Raises
    ------
    ScanError
        If it has no depth and lateral axes, or other axes than these.
    """
    renamed = {world: voxel for voxel, world in AXIS_OF.items() if world in da.dims}
    dims = [renamed.get(str(dim), str(dim)) for dim in da.dims]
    if set(dims) - set(DIMS):
        raise ScanError(
            f"The axes {tuple(map(str, da.dims))} are not those of a fUS image; "
            f"a subset of {', '.join(DIMS)} was expected."
        )
    data = np.asarray(da.data)
    values = xr.DataArray(np.abs(data) if np.iscomplexobj(data) else data, dims=dims)
    values = values.transpose(*(dim for dim in DIMS if dim in dims))
    affine = _geometry(da, renamed)
    factors = [_mm_along(da, axis) for axis in AXIS_OF.values()]
    affine[:3] *= np.array([factor or 1.0 for factor in factors])[:, None]
    reserved = ("modality", "source", "values", "spacing_known", "voxel_to_world")
    modality, kind = (str(da.attrs.get(key, "unknown")) for key in ("modality", "values"))
    scan = scan_from_affine(
        values.values,
        affine,
        dims=[str(dim) for dim in values.dims],
        modality=modality if modality in MODALITIES else "unknown",
        values_kind=kind if kind in VALUES else "unknown",
        source=str(da.attrs.get("source", da.name or "ConfUSIus")),
        spacing_known=bool(da.attrs.get("spacing_known", True)) and None not in factors[1:],
        time=_times(da),
        name=None if da.name is None else str(da.name),
    )
    # Not as keywords: an attribute may be called "name" or "origin".
    return scan.assign_attrs(
        {
            str(key): value
            for key, value in da.attrs.items()
            if key not in reserved and value is not None and _is_plain(value)
        }
    )


def scan_from_affine(
    values: npt.NDArray[Any],
    affine: npt.NDArray[np.float64],
    *,
    dims: Sequence[str],
    **kwargs: Any,
) -> xr.DataArray:
    """Make a scan whose pixels lie where a voxel-to-world matrix puts them.

    Parameters
    ----------
    values : array
        The image, its axes named by ``dims``.
    affine : array of shape (4, 4)
        From voxel (k, j, i) to world (z, y, x) in mm. Where its axes are the world's, backward
        axes are turned round and the coordinates are world positions; otherwise the coordinates
        run along the image's own axes from 0 and ``voxel_to_world`` keeps the matrix.
    dims : sequence of str
        As for `make_scan`, which also takes the other keyword arguments.
    """
    directions, corner = affine[:3, :3].T, affine[:3, 3].copy()
    steps = np.linalg.norm(directions, axis=1)
    if (np.abs(np.diag(directions)) < (1 - 1e-6) * steps).any():
        return make_scan(
            values,
            dims=dims,
            spacing=steps.tolist(),
            voxel_to_world=affine.tolist(),
            **kwargs,
        )
    for row, dim in enumerate(AXIS_OF):
        if directions[row, row] < 0 and dim in dims:
            axis = list(dims).index(dim)
            corner[row] += directions[row, row] * (values.shape[axis] - 1)
            values = np.flip(values, axis)
    return make_scan(values, dims=dims, spacing=steps.tolist(), origin=corner.tolist(), **kwargs)


def _geometry(da: xr.DataArray, renamed: dict[str, str]) -> npt.NDArray[np.float64]:
    """Return the voxel-to-world matrix (k, j, i) → (z, y, x) of an array with coordinates.

    Positions are read at both ends of each axis, so it does not matter whether they
    come from plain coordinates or from a ConfUSIus index.
    """
    world = {
        axis: da.coords[axis].rename({d: renamed.get(str(d), d) for d in da.coords[axis].dims})
        for axis in AXIS_OF.values()
        if axis in da.coords
    }

    def position(at: dict[str, int]) -> npt.NDArray[np.float64]:
        coordinates = []
        for axis in AXIS_OF.values():
            coord = world.get(axis)
            index = {} if coord is None else {d: at.get(str(d), 0) for d in coord.dims}
            coordinates.append(0.0 if coord is None else float(coord.isel(index)))
        return np.array(coordinates)

    sizes = {renamed.get(str(dim), str(dim)): size for dim, size in da.sizes.items()}
    known = _affine_of(da)
    matrix = np.eye(4)
    matrix[:3, 3] = position({})
    for column, (dim, axis) in enumerate(AXIS_OF.items()):
        for coord in (world.get(axis), da.coords.get(dim)):
            if coord is not None and coord.dims == (dim,):
                even_step(np.asarray(coord, dtype=float), dim)
        step = np.zeros(3)
        if sizes.get(dim, 1) > 1:
            step = (position({dim: sizes[dim] - 1}) - matrix[:3, 3]) / (sizes[dim] - 1)
        if not step.any() and known is not None:
            step = known[:3, column]
        if not step.any():
            stated = {} if axis not in world else world[axis].attrs
            assumed = ASSUMED_SLICE_MM if dim == "k" else ASSUMED_PIXEL_MM
            step[column] = float(stated.get("spacing", stated.get("voxdim", assumed)))
        matrix[:3, column] = step
    return matrix


def _affine_of(da: xr.DataArray) -> npt.NDArray[np.float64] | None:
    """Find the 4×4 voxel-to-world affine (the first pose's) of a ConfUSIus array."""
    candidates = [getattr(index, "voxel_to_world", None) for index in da.xindexes.values()]
    for candidate in (*candidates, da.attrs.get("voxel_to_world")):
        if candidate is not None:
            affine = np.asarray(candidate, dtype=float)
            affine = affine[0] if affine.ndim == 3 else affine
            if affine.shape == (4, 4) and np.isfinite(affine).all():
                return affine
    return None


def _times(da: xr.DataArray) -> npt.NDArray[np.float64] | None:
    """Return the frame times in s; of the first pose where every pose has its own."""
    if "time" not in da.dims or "time" not in da.coords:
        return None
    coord = da.coords["time"]
    if coord.ndim > 1:
        coord = coord.isel({dim: 0 for dim in coord.dims if dim != "time"})
    if coord.dtype.kind not in "iuf":
        return None
    factor = seconds_per(coord.attrs.get("units", "s"))
    return None if factor is None else np.asarray(coord, dtype=float) * factor


def _mm_along(da: xr.DataArray, axis: str) -> float | None:
    """Return the millimetres in the unit of an axis; None for pixels and the like.

    An axis without a unit has that of another one.
    """
    stated = [da.coords[a].attrs.get("units") for a in (axis, *"yxz") if a in da.coords]
    return mm_per(next((unit for unit in stated if unit), "mm"))


def _is_plain(value: Any) -> bool:
    """Whether a value can be written as JSON."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | bool | int | float)
