"""All that a scan holds besides its pixels, written into files and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import OverwriteError, ScanError
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.request import Request, in_plane
from napari_fus_ulm.scan import AXIS_OF, DIMS, MODALITIES, VALUES, make_scan, step_of

BLOCK = "napari_fus_ulm"
"""Key under which our side information is stored in a JSON file."""


def describe(scan: xr.DataArray) -> dict[str, Any]:
    """Return everything of a scan but its pixels, as JSON-able values."""
    axes = [dim for dim in AXIS_OF if dim in scan.dims]
    block: dict[str, Any] = {
        "version": 1,
        "name": scan.name,
        "dims": [str(dim) for dim in scan.dims],
        "shape": list(scan.shape),
        # Also that of a slice cut out of a volume, which has a place and a thickness.
        "spacing": {d: step_of(scan, d) for d, axis in AXIS_OF.items() if axis in scan.coords},
        "origin": {dim: float(scan[AXIS_OF[dim]][0]) for dim in axes},
        "attrs": plain(scan.attrs),
    }
    if "time" in scan.dims:
        block["time"] = scan["time"].values.tolist()
    fixed = {a: float(scan[a]) for a in AXIS_OF.values() if a in scan.coords and not scan[a].ndim}
    if fixed:
        block["at"] = fixed
    return block


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; what it cannot becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def rebuild(
    request: Request,
    values: npt.NDArray[Any],
    block: Mapping[str, Any],
    *,
    spacing: Mapping[str, float | None] | None = None,
    origin: Mapping[str, float] | None = None,
) -> xr.DataArray:
    """Make a scan of pixels and the side information that was written with them.

    Parameters
    ----------
    request : Request
        Its modality and spacing come before what was written.
    values : array
        The pixels; axes of size 1 may be more or fewer than were written.
    block : mapping
        What `describe` returned.
    spacing, origin : mapping, optional
        Pixel size and centre of the first pixel (mm) from the file's own header by dim. They win
        where they differ, because another program may have corrected them.
    """
    if wrong := _wrong_in(block):
        raise ScanError(
            f"What was written about the image “{request.path.name}” is damaged: {wrong} cannot be "
            "used. Write the image anew, or remove that text to have it read as one of unknown "
            "origin."
        )
    dims = [str(dim) for dim in block["dims"]]
    shape = [int(size) for size in block["shape"]]
    if [n for n in values.shape if n != 1] != [n for n in shape if n != 1]:
        raise ScanError(
            f"“{request.path.name}” has the shape {values.shape}, but {tuple(shape)} is written in "
            "its side information; a file and the JSON that was written with it were expected."
        )
    values = values.reshape(shape)
    step = {dim: float(block["spacing"][dim]) for dim in AXIS_OF if dim in dims}
    attrs = dict(block.get("attrs", {}))
    for dim, size in (spacing or {}).items():
        if dim in step and size and not np.isclose(size, step[dim], rtol=1e-4):
            step[dim] = size
            attrs["slice_spacing_known" if dim == "k" else "spacing_known"] = True
    start = {dim: float(block["origin"][dim]) for dim in step}
    for dim, place in (origin or {}).items():
        if dim in start and abs(place - start[dim]) > 1e-3 * step[dim]:
            start[dim] = place
    # make_scan takes two or three numbers; a k that is not there gets any.
    full = {"k": 1.0, **step}
    modality = request.modality or str(attrs.pop("modality", "unknown"))
    kind = str(attrs.pop("values", "unknown"))
    attrs.pop("modality", None)
    known = bool(attrs.pop("spacing_known", True)) or request.spacing is not None
    scan = make_scan(
        values,
        dims=dims,
        spacing=in_plane(request.spacing, [full[d] for d in AXIS_OF]) or 0.0,
        origin=[start.get(d, 0.0) for d in AXIS_OF],
        modality=modality if modality in MODALITIES else "unknown",
        values_kind=kind if kind in VALUES else "unknown",
        source=str(attrs.pop("source", request.path)),
        spacing_known=known,
        time=block.get("time"),
        name=block.get("name") or stem_of(request.path),
    )
    # Not as keywords: an attribute may be called "name" or "origin".
    scan = scan.assign_attrs({key: value for key, value in attrs.items() if value is not None})
    dim_of = {axis: dim for dim, axis in AXIS_OF.items()}
    for axis, place in block.get("at", {}).items():
        thick = block["spacing"].get(dim_of.get(axis, ""))
        coord_attrs = {"units": "mm", "spacing": float(thick)} if thick else {"units": "mm"}
        scan = scan.assign_coords({axis: xr.Variable((), float(place), coord_attrs)})
    return scan


_LARGEST_SIDECAR = 1 << 26
"""Bytes; the times of a million frames are a third of it."""


def _wrong_in(block: Mapping[str, Any]) -> str:
    """Return what of the side information is not as `describe` wrote it, or ""."""
    dims, shape = block.get("dims"), block.get("shape")
    if not isinstance(dims, list) or dims != [dim for dim in DIMS if dim in dims]:
        return "“dims”"
    if not isinstance(shape, list) or len(shape) != len(dims):
        return "“shape”"
    if not all(type(size) is int and size > 0 for size in shape):
        return "“shape”"
    for key in ("spacing", "origin", "at"):
        numbers = block.get(key, {} if key == "at" else None)
        if not isinstance(numbers, Mapping) or any(number_in(numbers, n) is None for n in numbers):
            return f"“{key}”"
        if key != "at" and not set(numbers) >= set(dims) & set(AXIS_OF):
            return f"“{key}”"
    if any(size <= 0 for size in block["spacing"].values()) or set(block.get("at", {})) - set(
        "zyx"
    ):
        return "“spacing”"
    if block.get("time") is not None and _numbers_in(block["time"]) is None:
        return "“time”"
    attrs = block.get("attrs", {})
    if not isinstance(attrs, Mapping):
        return "“attrs”"
    world = attrs.get("voxel_to_world")
    if world is not None and (
        not isinstance(world, list)
        or len(world) != 4
        or any(not isinstance(row, list) or len(row) != 4 for row in world)
        or any(_numbers_in(row) is None for row in world)
    ):
        return "“voxel_to_world”"
    return "" if isinstance(block.get("name"), str | None) else "“name”"


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return the JSON object beside a file, or {} when there is none.

    Raises
    ------
    ScanError
        If there is one that is not a JSON object.
    """
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return {}
    beside = f"“{sidecar.name}” beside “{path.name}”"
    try:
        if sidecar.stat().st_size > _LARGEST_SIDECAR:
            raise ScanError(f"{beside} is too large to describe an image; remove or correct it.")
        # NaN is no JSON, but Python and MATLAB write it; it says as little as null.
        content = json.loads(sidecar.read_text(encoding="utf-8-sig"), parse_constant=_nothing)
        json.dumps(content)  # what cannot be written again is not kept as somebody's metadata
    except (RecursionError, ValueError, OSError) as error:
        if isinstance(error, ScanError):
            raise
        why = "nested too deep" if isinstance(error, RecursionError) else error
        raise ScanError(
            f"{beside} could not be read; a JSON object was expected ({why})."
        ) from error
    if not isinstance(content, dict):
        raise ScanError(f"{beside} is not a JSON object.")
    return content


def _nothing(_: str) -> None:
    """Read NaN and Infinity as null."""


def number_in(sidecar: Mapping[str, Any], key: str) -> float | None:
    """Return a finite number of a sidecar; None for anything else, such as "n/a"."""
    value = sidecar.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if np.isfinite(number) else None


def frame_times(
    path: Path, sidecar: Mapping[str, Any], frames: int, period: float | None
) -> tuple[npt.NDArray[np.float64] | None, str | None]:
    """Return the frame times in s, and a sentence where the sidecar contradicts the file.

    ``VolumeTiming`` comes first, then ``RepetitionTime``, then the file's own ``period`` (s).
    """
    named = f"“{sidecar_of(path).name}”"
    doubts: list[str] = []
    stated = sidecar.get("VolumeTiming")
    if stated not in (None, [], "n/a"):
        timing = _numbers_in(stated)
        if timing is not None and timing.size == frames and (np.diff(timing) > 0).all():
            return timing, None
        if timing is None:
            doubts.append(f"VolumeTiming of {named} is no list of times")
        elif timing.size != frames:
            doubts.append(f"{named} gives {timing.size} times for {frames} frames")
        else:
            doubts.append(f"The times in {named} do not increase")
    given = sidecar.get("RepetitionTime")
    repetition = number_in(sidecar, "RepetitionTime")
    if given not in (None, "n/a") and not (repetition is not None and repetition > 0):
        doubts.append(f"RepetitionTime of {named} is no time")
        repetition = None
    if repetition and period and not np.isclose(repetition, period, rtol=0.01):
        doubts.append(
            f"RepetitionTime of {named} is {repetition:g} s, the header of “{path.name}” says "
            f"{period:g} s"
        )
    chosen = repetition or period
    if not doubts:
        sentence = None
    elif chosen:
        sentence = f"{'; '.join(doubts)}; frames {chosen:g} s apart were assumed."
    else:
        sentence = f"{'; '.join(doubts)}; their times are not known."
    if not chosen:
        return None, sentence
    delay = number_in(sidecar, "DelayAfterTrigger") or 0.0
    return delay + chosen * np.arange(frames, dtype=np.float64), sentence


def _numbers_in(stated: Any) -> npt.NDArray[np.float64] | None:
    """Return a list of finite numbers, or None where it is something else."""
    if not isinstance(stated, list):
        return None
    numbers = [number_in({"": item}, "") for item in stated]
    if any(number is None for number in numbers):
        return None
    return np.array(numbers, dtype=float)


def sidecar_of(path: Path) -> Path:
    """Return where the JSON file beside ``path`` is or would be.

    BIDS fixes the name for NIfTI; others keep their suffix, so that two files never share one.
    """
    bids = path.name.lower().endswith((".nii", ".nii.gz"))
    return path.with_name((stem_of(path) if bids else path.name) + ".json")


def sidecar_to_write(path: Path) -> Path:
    """Return where the JSON file beside a new image goes.

    Raises
    ------
    OverwriteError
        If it would replace one that describes somebody else's image of that name.
    """
    sidecar = sidecar_of(path)
    if not os.path.lexists(sidecar) or path.exists():
        return sidecar
    try:
        ours = BLOCK in read_sidecar(path)
    except ScanError:
        ours = False
    if not ours:
        raise OverwriteError(
            f"“{sidecar.name}” exists in {path.parent} and does not describe “{path.name}”, whose "
            "side information would replace it; choose another name."
        )
    return sidecar


def words(scan: xr.DataArray) -> str:
    """Describe a scan in a sentence; a generated image says that it is one."""
    if not scan.attrs.get("generated"):
        kind = {"fus": "functional ultrasound", "ulm": "ULM"}.get(scan.attrs["modality"], "image")
        return f"{kind}, written by napari-fus-ulm"
    provenance = json.dumps(plain(scan.attrs.get("provenance", {})))
    by = "phantom-trained model" if '"phantom_trained": true' in provenance else "model"
    return f"generated image (not a measurement), made by a {by} with napari-fus-ulm"
