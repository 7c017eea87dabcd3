"""NIfTI with a fUSI-BIDS sidecar.

The axes follow ConfUSIus: the first is lateral (i), the second depth (j), the third elevation
(k), the fourth time, the fifth the probe's pose.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable
from napari_fus_ulm.io.atomic import json_writer, write_files
from napari_fus_ulm.io.confusius import scan_from_affine
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import assumed_pixel, factor_to_mm, guess_kind, modality_of
from napari_fus_ulm.io.nifti_header import is_skewed, matrix_of, period_of
from napari_fus_ulm.io.orientation import reorder
from napari_fus_ulm.io.request import Request, complex_values, looked_at, unlikely_pixel
from napari_fus_ulm.io.side_information import (
    BLOCK,
    describe,
    frame_times,
    number_in,
    read_sidecar,
    rebuild,
    sidecar_of,
    words,
)
from napari_fus_ulm.scan import AXIS_OF, DIMS, step_of

_CLASSES = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
"""By the size of the header, which is its first number."""
_FURTHEST_VOXEL = 1 << 26
"""Bytes that a header and its extensions may take up."""
_FREQUENCIES = {
    "probe_center_frequency_hz": ("ProbeCenterFrequency", "ProbeCentralFrequency"),
    "transmit_frequency_hz": ("TransmitFrequency", "UltrasoundTransmitFrequency"),
}
"""Both spellings of fUSI-BIDS are in use."""
_OURS = ("RepetitionTime", "VolumeTiming", "DelayAfterTrigger", "Description", BLOCK)
"""What we write into a sidecar ourselves."""


def read_nifti(request: Request) -> list[xr.DataArray]:
    """Read a NIfTI file with the JSON file beside it, which may be missing."""
    sidecar = read_sidecar(request.path)
    with _opened(request.path) as image:
        values = _voxels(request.path, image)
        header = image.header
    matrix, sizes_known, placed = matrix_of(image)
    block = sidecar.get(BLOCK)
    if isinstance(block, dict):
        return [_ours(request, values, matrix if sizes_known else None, placed, sidecar)]
    doubts: dict[str, str] = {}
    values, matrix, said = reorder(values, matrix)
    if is_skewed(matrix):
        doubts["shear"] = (
            f"The axes of “{request.path.name}” are not perpendicular; the image is used as if "
            "they were."
        )
    if said:
        doubts["axes"] = f"“{request.path.name}”: {said}"
    affine = matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]]
    # (i, j, k, time, pose) → (time, pose, k, j, i)
    values = np.moveaxis(values, (0, 1, 2), (-1, -2, -3))
    dims = [*DIMS[: values.ndim - 3], "k", "j", "i"] if values.ndim > 3 else ["k", "j", "i"]
    extra: dict[str, Any] = {}
    if dims == ["k", "j", "i"] and (read_as := _leading(request.path, sidecar, len(values))):
        if read_as == "time":
            values, dims = values[:, np.newaxis], ["time", "k", "j", "i"]
        else:
            extra["leading_axis_known"] = False
    modality = request.modality or modality_of(request.path)
    values, remarks = looked_at(values, request.path, modality)
    doubts |= remarks
    chosen, known, doubt = _spacing(request, affine, sizes_known, modality)
    if doubt:
        doubts["spacing"] = doubt
    times = None
    if "time" in dims:
        times, doubt = frame_times(request.path, sidecar, len(values), period_of(header))
        if doubt:
            doubts["time"] = doubt
            extra["time_known"] = False
    scan = scan_from_affine(
        values,
        chosen,
        dims=dims,
        modality=modality,
        values_kind=guess_kind(values, modality),
        values_guessed=True,
        source=str(request.path),
        spacing_known=known,
        name=stem_of(request.path),
        time=times,
        doubts=doubts or None,
        **extra,
        **_bids(sidecar),
    )
    single = {dim: 0 for dim in ("time", "pose") if scan.sizes.get(dim) == 1}
    scan = scan.isel(single, drop=True)
    if scan.sizes["k"] == 1:
        scan = scan.isel(k=0, drop=not (placed and request.spacing is None))
    return [scan]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a NIfTI file by its content: a ``.nii`` may be compressed, a ``.nii.gz`` need not be."""
    from nibabel.imageglobals import LoggingOutputSuppressor

    with LoggingOutputSuppressor(), ExitStack() as stack:
        if path.name.lower().endswith(".hdr"):
            if not any(path.with_suffix(end).is_file() for end in (".img", ".IMG", ".img.gz")):
                raise ScanError(
                    f"“{path.name}” is a header only; the image “{path.with_suffix('.img').name}” "
                    "was expected beside it."
                )
            # Not nibabel's own choice, which may be SPM's: that one loads a .mat file beside it.
            start = path.read_bytes()[:348]
            pair: Any = nib.Nifti1Pair if start[344:347] in (b"ni1", b"n+1") else nib.AnalyzeImage
            yield (nib.Nifti2Pair if start[4:7] == b"ni2" else pair).from_filename(path)
            return
        file: Any = stack.enter_context(path.open("rb"))
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if zipped:
            file = stack.enter_context(gzip.GzipFile(fileobj=file))
        start = file.read(4)
        file.seek(0)
        sizes = {int.from_bytes(start, order) for order in ("little", "big")}
        if not sizes & set(_CLASSES):
            raise ScanError(f"“{path.name}” is damaged or no NIfTI file; one was expected.")
        kind: Any = _CLASSES[(sizes & set(_CLASSES)).pop()]
        header = kind.header_class.from_fileobj(file)
        check_affordable(path, header.get_data_shape(), _dtype(path, header))
        offset = int(header["vox_offset"])
        if not 0 <= offset <= _FURTHEST_VOXEL:
            raise ScanError(
                f"“{path.name}” says that its voxels begin at byte {offset}; its header is damaged."
            )
        file.seek(0)
        yield kind.from_stream(file)


def _dtype(path: Path, header: Any) -> np.dtype[Any]:
    """Return the type that voxels are read as; refuse those that are no real numbers."""
    dtype = np.dtype(header.get_data_dtype())
    if dtype.kind == "c":
        raise complex_values(path, "its voxels")
    if dtype.names:
        raise ScanError(
            f"“{path.name}” holds colours ({', '.join(dtype.names)}); power Doppler in numbers "
            "was expected: export it without a colour map."
        )
    if dtype.kind not in "iuf" or not dtype.itemsize:
        raise ScanError(
            f"“{path.name}” stores its voxels as NIfTI's type {int(header['datatype'])}, which "
            "cannot be read; whole numbers, float32 or float64 were expected."
        )
    # Scaled integers are read as float64.
    return np.result_type(dtype, np.float64) if dtype.kind in "iu" else dtype


def _voxels(path: Path, image: Any) -> npt.NDArray[Any]:
    """Return the scaled voxels with three to five axes."""
    check_affordable(path, image.shape, _dtype(path, image.header))
    values = np.asarray(image.dataobj)
    while values.ndim > 5 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim < 2 or values.ndim > 5:
        raise ScanError(
            f"“{path.name}” has {values.ndim} axes; 2 (lateral, depth) to 5 (elevation, "
            "time, pose) were expected."
        )
    return values.reshape(values.shape + (1,) * (3 - values.ndim))


def _ours(
    request: Request,
    values: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64] | None,
    placed: bool,
    sidecar: dict[str, Any],
) -> xr.DataArray:
    """Make the scan that we wrote; what its header says of places wins over our own block."""
    values = np.moveaxis(values, (0, 1, 2), (-1, -2, -3))
    step: dict[str, float] = {}
    if matrix is not None:
        sizes = np.linalg.norm(matrix[:3, [2, 1, 0]], axis=0)
        if factor_to_mm(sizes[1:]) is None:
            matrix = None  # damaged: what we wrote beside it holds
    if matrix is not None:
        step = dict(zip(AXIS_OF, sizes.tolist(), strict=True))
    scan = rebuild(request, values, sidecar[BLOCK], spacing=step)
    if bids := {key: value for key, value in sidecar.items() if key not in _OURS}:
        scan = scan.assign_attrs(bids=bids)
    if matrix is None or not placed or request.spacing is not None:
        return scan
    return _placed_by(matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]], scan)


def _leading(path: Path, sidecar: dict[str, Any], planes: int) -> str | None:
    """Return "time" where a third axis is one of frames, "open" where it may be."""
    timing = sidecar.get("VolumeTiming")
    if planes > 1 and isinstance(timing, list) and len(timing) == planes:
        return "time"
    may_be = "RepetitionTime" in sidecar or "VolumeTiming" in sidecar or "task-" in path.name
    return "open" if planes > 1 and may_be else None


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


def _spacing(
    request: Request,
    affine: npt.NDArray[np.float64],
    known: bool,
    modality: str,
) -> tuple[npt.NDArray[np.float64], bool, str | None]:
    """Return the matrix (k, j, i) → (z, y, x) to use, whether it is known, and what to say."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if request.spacing is not None:
        given = request.spacing
        given = [given] * 3 if isinstance(given, int | float) else [float(step) for step in given]
        sizes[-len(given) :] = given
        return np.diag([*sizes, 1.0]), True, None
    pixel = assumed_pixel(modality)
    assumed = np.diag([sizes[0], pixel, pixel, 1.0])
    if not known:
        return assumed, False, None
    unlikely = unlikely_pixel(request.path, sizes.tolist())
    if unlikely is None:
        return affine, True, None
    likely, said = unlikely
    if likely is not None:
        assumed = affine.copy()
        assumed[:3] *= likely[0] / sizes[1]
    return assumed, False, said


def _bids(sidecar: dict[str, Any]) -> dict[str, Any]:
    """Return the sidecar, and its frequencies under one spelling."""
    attrs: dict[str, Any] = {"bids": sidecar} if sidecar else {}
    for name, spellings in _FREQUENCIES.items():
        for spelling in spellings:
            if (number := number_in(sidecar, spelling)) is not None:
                attrs[name] = number
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
