"""Iconeus ``.scan`` files, version 1 (HDF5) and 2 (binary), by the vendor's reader."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.hdf5 import check_content
from napari_fus_ulm.io.request import Request, image_scan

_PROBE_TO_SCAN = np.array([[0, 1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], float)
"""Probe (lateral, elevation, up) to (elevation, depth, lateral): depth points down."""


def read_iconeus(request: Request) -> list[xr.DataArray]:
    """Read a ``.scan``: power Doppler, linear, in mm relative to the probe's centre.

    Poses on a regular grid (a volume acquired slice by slice) become the elevation axis k;
    other poses stay on ``pose``.
    """
    from h5py import File, is_hdf5
    from pyiconeus import Scan

    if is_hdf5(request.path):
        with File(request.path, "r") as file:
            check_content(request.path, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # "only one probe pose" is no news
            scan = Scan(request.path)
    except (RuntimeError, ValueError):
        if not is_hdf5(request.path):
            raise
        # Version 1: pyiconeus 1.0 gives up on poses that form no regular volume, and takes a film
        # of four poses for its four-array probe; the images themselves are fine.
        return [_by_poses(request)]
    voxels: npt.NDArray[Any] = np.asarray(scan.voxels)
    # (lateral, elevation, depth, time, pose, processing); version 1 may leave out the last ones
    voxels = voxels[(..., *[np.newaxis] * (6 - voxels.ndim))]
    to_scan = _PROBE_TO_SCAN @ scan.get_voxel_to_probe() @ _shift(1.0)
    size = 1e3 * np.array([scan.voxDim.dy, scan.voxDim.dz, scan.voxDim.dx])
    origin = 1e3 * to_scan[:3, 3]
    times: npt.NDArray[np.float64] = np.asarray(scan.measuredTimes, dtype=float).reshape(-1)
    frames = voxels.shape[3]
    # One time per frame: that of its first slice or pose.
    times = times.reshape(frames, -1)[:, 0] if times.size and times.size % frames == 0 else times
    if times.size != frames or (np.diff(times) <= 0).any():
        times = np.arange(frames, dtype=np.float64) * float(scan.voxDim.dt)
    extra = {
        "subject": scan.subjectTag,
        "session": scan.sessionTag,
    }
    if scan.acquisitionDate.year > 1970:  # pyiconeus' placeholder for no date
        extra["acquired"] = scan.acquisitionDate.isoformat()
    if not is_hdf5(request.path):
        # Version 1 does not hold these; pyiconeus fills in guesses and defaults.
        extra["probe"] = scan.probe.name
        extra["transmit_frequency_hz"] = float(scan.ultrafastTransmitFrequency) * 1e6
    scans = []
    for number in range(voxels.shape[5]):
        # (lateral, elevation, depth, time, pose) → (time, pose, elevation, depth, lateral)
        values = voxels[..., number].transpose(3, 4, 1, 2, 0)
        name = stem_of(request.path) + (f" · {number + 1}" if voxels.shape[5] > 1 else "")
        scans.append(_make(request, values, size, origin, times, name, extra))
    return scans


def _by_poses(request: Request) -> xr.DataArray:
    """Read version 1 pose by pose; poses 0.1 to 1 mm apart on a line become slices."""
    import h5py

    with h5py.File(request.path, "r") as file:
        data: npt.NDArray[Any] = np.asarray(file["Data"][()])
        meta = file["acqMetaData"]
        voxel = {axis: 1e3 * float(meta["voxDim"][axis][()].flat[0]) for axis in ("dx", "dy", "dz")}
        matrix = np.asarray(meta["voxelsToProbe"][()], dtype=float)
        to_lab = np.asarray(meta["probeToLab"][()], dtype=float).reshape(-1, 4, 4)
        period = float(meta["voxDim"]["dt"][()].flat[0])
    if data.ndim == 6:  # (time, pose, block, depth, elevation, lateral)
        data = np.moveaxis(data, 2, 1)
        data = data.reshape(-1, *data.shape[2:])
    elif data.ndim == 5:  # (pose, 1, depth, elevation, lateral)
        data = data[:, 0][np.newaxis]
    else:
        raise ScanError(
            f"“{request.path.name}” has data of the shape {data.shape}; (pose, 1, z, y, x) or "
            "(time, pose, block, z, y, x) was expected."
        )
    values = data.swapaxes(2, 3)  # (time, pose, elevation, depth, lateral)
    origin = 1e3 * (_PROBE_TO_SCAN @ matrix @ _shift(1.0))[:3, 3]
    size = np.array([voxel["dy"], voxel["dz"], voxel["dx"]])
    times = np.arange(values.shape[0], dtype=np.float64) * period * values.shape[1]
    order = np.argsort(to_lab[:, 1, 3])
    steps = 1e3 * np.diff(to_lab[order, 1, 3])
    parallel = np.allclose(to_lab[:, :3, :3], to_lab[0, :3, :3], atol=1e-6)
    regular = steps.size > 0 and np.allclose(steps, steps.mean(), atol=5e-3)
    single = len(order) == values.shape[1] and values.shape[2] == 1
    if single and parallel and regular and 0.1 <= steps.mean() <= 1.0:
        values = values[:, order].swapaxes(1, 2)
        size[0] = steps.mean()
        origin[0] = -size[0] * (len(order) - 1) / 2
    return _make(request, values, size, origin, times, stem_of(request.path), {})


def _make(
    request: Request,
    values: npt.NDArray[Any],
    size: npt.NDArray[np.float64],
    origin: npt.NDArray[np.float64],
    times: npt.NDArray[np.float64],
    name: str,
    extra: dict[str, Any],
) -> xr.DataArray:
    """Make the scan of (time, pose, k, j, i) voxels, without its singleton axes.

    A single slice keeps its place ``z``.
    """
    scan = image_scan(
        request,
        values,
        dims=("time", "pose", "k", "j", "i"),
        spacing=np.abs(size).tolist(),
        origin=origin.tolist(),
        modality="fus",
        values_kind="linear",
        time=times,
        name=name,
        **extra,
    )
    single = {dim: 0 for dim in ("time", "pose") if scan.sizes[dim] == 1}
    scan = scan.isel(single, drop=True)
    return scan.isel(k=0) if scan.sizes["k"] == 1 else scan


def _shift(by: float) -> npt.NDArray[np.float64]:
    """Return the matrix from voxels that count from 0 to those that count from ``by``."""
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix
