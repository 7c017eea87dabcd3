"""NIfTI with a fUSI-BIDS sidecar.

The axes follow ConfUSIus: the first is lateral (i), the second depth (j), the third elevation
(k), the fourth time, the fifth the probe's pose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.atomic import json_writer, write_files
from napari_fus_ulm.io.confusius import scan_from_affine
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import assumed_pixel, guess_kind, modality_of
from napari_fus_ulm.io.request import Request
from napari_fus_ulm.io.side_information import (
    BLOCK,
    describe,
    read_sidecar,
    rebuild,
    sidecar_of,
    words,
)
from napari_fus_ulm.scan import AXIS_OF, DIMS, step_of

_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_FREQUENCIES = {
    "probe_center_frequency_hz": ("ProbeCenterFrequency", "ProbeCentralFrequency"),
    "transmit_frequency_hz": ("TransmitFrequency", "UltrasoundTransmitFrequency"),
}
"""Both spellings of fUSI-BIDS are in use."""
_OURS = ("RepetitionTime", "VolumeTiming", "DelayAfterTrigger", "Description", BLOCK)
"""What we write into a sidecar ourselves."""


def read_nifti(request: Request) -> list[xr.DataArray]:
    """Read a NIfTI file with the JSON file beside it, which may be missing."""
    image: Any = nib.load(request.path)
    sidecar = read_sidecar(request.path)
    values = np.asarray(image.dataobj)
    if values.ndim < 2 or values.ndim > 5:
        raise ScanError(
            f"“{request.path.name}” has {values.ndim} axes; 2 (lateral, depth) to 5 (elevation, "
            "time, pose) were expected."
        )
    values = values.reshape(values.shape + (1,) * (3 - values.ndim))
    affine, known, placed = _affine(image)
    # NIfTI (i, j, k, time, pose) → (time, pose, k, j, i)
    values = np.moveaxis(values, (0, 1, 2), (-1, -2, -3))
    block = sidecar.get(BLOCK)
    if isinstance(block, dict):
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        step = dict(zip(AXIS_OF, sizes.tolist(), strict=True)) if known else {}
        scan = rebuild(request, values, block, spacing=step)
        if bids := {key: value for key, value in sidecar.items() if key not in _OURS}:
            scan = scan.assign_attrs(bids=bids)
        return [_placed_by(affine, scan) if placed and request.spacing is None else scan]
    values, affine = _depth_second(values, affine)
    dims = [*DIMS[: values.ndim - 3], "k", "j", "i"] if values.ndim > 3 else ["k", "j", "i"]
    modality = request.modality or modality_of(request.path)
    scan = scan_from_affine(
        values,
        _chosen_spacing(request, affine, known),
        dims=dims,
        modality=modality,
        values_kind=guess_kind(values, modality),
        values_guessed=True,
        source=str(request.path),
        spacing_known=known or request.spacing is not None,
        name=stem_of(request.path),
        time=_times(image, sidecar, values.shape[0]) if "time" in dims else None,
        **_bids(sidecar),
    )
    single = {dim: 0 for dim in ("time", "pose") if scan.sizes.get(dim) == 1}
    scan = scan.isel(single, drop=True)
    if scan.sizes["k"] == 1:
        scan = scan.isel(k=0, drop=not (placed and request.spacing is None))
    return [scan]


def _placed_by(affine: npt.NDArray[np.float64], scan: xr.DataArray) -> xr.DataArray:
    """Put a scan that we wrote where its header says; another program may have registered it."""
    header = affine[[2, 1, 0, 3]][:, [2, 1, 0, 3]]
    if np.allclose(header, _matrix(scan), rtol=1e-4, atol=1e-5):
        return scan
    full = scan if "k" in scan.dims else scan.drop_vars("z", errors="ignore")
    if "k" not in full.dims:
        full = full.expand_dims("k", axis=full.ndim - 2)
    moved = scan_from_affine(
        full.values,
        affine,
        dims=[str(dim) for dim in full.dims],
        time=scan["time"].values if "time" in scan.dims else None,
        name=str(scan.name),
    )
    attrs = {key: value for key, value in scan.attrs.items() if key != "voxel_to_world"}
    moved = moved.assign_attrs(attrs)
    if "k" in scan.dims:
        return moved
    unplaced = "z" not in scan.coords and np.allclose(affine[0], [1, 0, 0, 0], atol=1e-5)
    return moved.isel(k=0, drop=unplaced)


def _affine(image: Any) -> tuple[npt.NDArray[np.float64], bool, bool]:
    """Return the matrix (k, j, i) → (z, y, x) in mm; whether the file states scale, position."""
    header = image.header
    unit = header.get_xyzt_units()[0]
    factor = {"meter": 1e3, "mm": 1.0, "micron": 1e-3}.get(unit, 1.0)
    placed = int(header.get("sform_code", 0)) > 0 or int(header.get("qform_code", 0)) > 0
    if placed:
        matrix = np.array(image.affine, dtype=float)
    else:
        # nibabel's fallback centres the image and mirrors x; only the voxel size is in the file.
        zooms = list(header.get_zooms()[:3])
        matrix = np.diag([*zooms, *[1.0] * (3 - len(zooms)), 1.0]).astype(float)
    matrix[:3] *= factor
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    # Programs that know no voxel size write 1 × 1 × 1 without a unit.
    known = not (unit == "unknown" and np.allclose(sizes, 1.0)) and bool((sizes > 0).all())
    return matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]], known, known and placed


def _depth_second(
    values: npt.NDArray[Any], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Bring a plane stored the neuroimaging way, (lateral, 1, superior), to (k, j, i)."""
    if values.shape[-2] > 1 or values.shape[-3] == 1:
        return values, affine
    swap = [1, 0, 2, 3]
    turned = affine[:, swap][swap]
    turned[1] *= -1  # depth grows downwards, superior upwards
    return np.swapaxes(values, -2, -3), turned


def _chosen_spacing(
    request: Request, affine: npt.NDArray[np.float64], known: bool
) -> npt.NDArray[np.float64]:
    if request.spacing is None and known:
        return affine
    chosen = request.spacing
    if chosen is None:
        chosen = assumed_pixel(request.modality or modality_of(request.path))
    given = [float(chosen)] * 3 if isinstance(chosen, int | float) else [float(s) for s in chosen]
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    steps[-len(given) :] = given
    return np.diag([*steps, 1.0])


def _times(image: Any, sidecar: dict[str, Any], frames: int) -> npt.NDArray[np.float64] | None:
    """Return the frame times in s: VolumeTiming, else RepetitionTime, else the header."""
    timing = sidecar.get("VolumeTiming")
    if isinstance(timing, list) and len(timing) == frames:
        return np.asarray(timing, dtype=float)
    delay = float(sidecar.get("DelayAfterTrigger") or 0.0)
    if sidecar.get("RepetitionTime"):
        return delay + float(sidecar["RepetitionTime"]) * np.arange(frames, dtype=np.float64)
    zooms = image.header.get_zooms()
    unit = _SECONDS.get(image.header.get_xyzt_units()[1])
    if len(zooms) > 3 and zooms[3] > 0 and unit is not None:
        return delay + float(zooms[3]) * unit * np.arange(frames, dtype=np.float64)
    return None


def _bids(sidecar: dict[str, Any]) -> dict[str, Any]:
    """Return the sidecar, and its frequencies under one spelling."""
    attrs: dict[str, Any] = {"bids": sidecar} if sidecar else {}
    for name, spellings in _FREQUENCIES.items():
        for spelling in spellings:
            if isinstance(sidecar.get(spelling), int | float):
                attrs[name] = float(sidecar[spelling])
    return attrs


def write_nifti(path: Path, scan: xr.DataArray) -> None:
    """Write a scan as NIfTI in mm and s, with a fUSI-BIDS sidecar that also holds what it cannot.

    An oblique scan (``voxel_to_world``) keeps its matrix.
    """
    full = scan
    if "k" not in full.dims:
        full = full.drop_vars("z", errors="ignore").expand_dims("k")
    if "pose" in full.dims and "time" not in full.dims:
        full = full.expand_dims("time")
    full = full.transpose("i", "j", "k", *(d for d in ("time", "pose") if d in full.dims))
    nifti: Any = nib.Nifti1Image  # nibabel is typed in part only
    image = nifti(np.asarray(full.values, dtype=np.float32), _matrix(scan))
    image.header.set_xyzt_units("mm" if scan.attrs.get("spacing_known", True) else 0, "sec")
    # What others wrote into the sidecar is kept, except for the timing, which is ours.
    sidecar: dict[str, Any] = {**read_sidecar(path), **scan.attrs.get("bids", {})}
    sidecar = {key: value for key, value in sidecar.items() if key not in _OURS}
    sidecar["Description"] = words(scan)
    if "time" in scan.dims and scan.sizes["time"] > 1:
        times = scan["time"].values
        period = np.diff(times)
        zooms = list(image.header.get_zooms())
        zooms[3] = float(np.median(period))
        image.header.set_zooms(zooms)
        if np.allclose(period, period[0], rtol=1e-6):
            sidecar["RepetitionTime"] = float(period[0])
        else:
            sidecar["VolumeTiming"] = times.tolist()
    image.header["descrip"] = words(scan).encode("ascii", "replace")[:79]
    content = {**sidecar, BLOCK: describe(scan)}
    content[BLOCK]["attrs"].pop("bids", None)

    def voxels(target: Path) -> None:
        nib.save(image, target)

    write_files({path: voxels, sidecar_of(path): json_writer(content)})


def _matrix(scan: xr.DataArray) -> npt.NDArray[np.float64]:
    """Return NIfTI's matrix (i, j, k) → (x, y, z) of a scan in mm.

    ``voxel_to_world`` gives the directions of an oblique scan and where its coordinates are 0;
    the scan may since have been cropped or resampled, as its coordinates say.
    """
    upright = np.eye(4)
    for row, (dim, axis) in enumerate(AXIS_OF.items()):
        if axis in scan.coords:
            upright[row, row] = step_of(scan, dim)
            upright[row, 3] = float(np.atleast_1d(scan[axis].values)[0])
    stored = scan.attrs.get("voxel_to_world")
    matrix = upright
    if stored is not None and np.shape(stored) == (4, 4):
        world: npt.NDArray[np.float64] = np.array(stored, dtype=float)
        sizes = np.linalg.norm(world[:3, :3], axis=0)
        world[:3, :3] /= np.where(sizes > 0, sizes, 1.0)
        matrix = world @ upright
    return matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]]
