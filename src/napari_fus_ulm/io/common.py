"""What all formats share: guesses, side information, safe writing, errors as sentences."""

from __future__ import annotations

import errno
import json
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.scan import (
    AXIS_OF,
    MODALITIES,
    VALUES,
    Modality,
    ScanError,
    assumed_pixel,
    guess_values,
    make_scan,
    step_of,
)

BLOCK = "napari_fus_ulm"
"""Key under which our side information stands in a JSON file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A file to read, and what the caller knows about it."""

    path: Path
    modality: str | None = None
    spacing: Sequence[float] | float | None = None


# ---------------------------------------------------------------- reading


def image_scan(
    request: Request,
    values: npt.NDArray[Any],
    *,
    spacing: Sequence[float] | float | None = None,
    modality: str | None = None,
    values_kind: str | None = None,
    name: str | None = None,
    **kwargs: Any,
) -> xr.DataArray:
    """Make a scan of what a file told, and mark every assumption.

    The caller's word comes first, then the file's, then the guess from the name.
    """
    kind = request.modality or modality or modality_of(request.path)
    known = _in_plane(request.spacing, spacing)
    if values_kind is None:
        kwargs.setdefault("values_guessed", True)
    pixel = assumed_pixel(kind)
    return make_scan(
        values,
        # Two numbers: the distance of slices is then marked as assumed too.
        spacing=(pixel, pixel) if known is None else known,
        spacing_known=known is not None,
        modality=kind,
        values_kind=values_kind or guess_kind(values, kind),
        source=kwargs.pop("source", str(request.path)),
        name=name or stem_of(request.path),
        **kwargs,
    )


def guess_kind(values: npt.NDArray[Any], modality: str) -> str:
    """Guess the transform of a file's values; bubble counts are small integers too."""
    guess = guess_values(values)
    counts = modality == "ulm" and guess == "display" and values.dtype != np.uint8
    return "linear" if counts else guess


def _in_plane(
    given: Sequence[float] | float | None, found: Sequence[float] | float | None
) -> Sequence[float] | float | None:
    """Return the caller's pixel size, with the file's distance of slices where he gave none."""
    if given is None:
        return found
    plane = [float(given)] * 2 if isinstance(given, int | float) else [float(g) for g in given]
    if len(plane) == 2 and found is not None and not isinstance(found, int | float):
        return [*found[:-2], *plane]
    return plane


def modality_of(path: Path) -> Modality:
    """Guess the modality from a file's name (BIDS suffix ``_pwd``: power Doppler) and folder."""
    for text in (stem_of(path).lower(), path.parent.name.lower()):
        # Whole words, or glued to one side: "ratULM" but not "bulma", "counts" but not "accounts".
        if re.search(
            r"ulm(?![a-z])|(?<![a-z])(ulm|tracks?(?![a-z])|counts?(?![a-z]))"
            r"|matout|locali[sz]ation",
            text,
        ):
            return "ulm"
        if re.search(r"(?<![a-z])(pwd|fusi?|cbv|angio)(?![a-z])|doppler", text):
            return "fus"
    return "unknown"


def stem_of(path: Path) -> str:
    """Return a file's name without its (possibly double) suffix."""
    return re.sub(r"(\.ome\.tiff?|\.nii\.gz|\.[A-Za-z]+)$", "", path.name)


def length_in_mm(number: float) -> float | None:
    """Read a bare pixel size as m, mm or µm, whichever makes it one of ultrasound.

    Pixels between 2 µm and 2 mm have disjoint ranges in the three units.
    """
    for factor in (1.0, 1e3, 1e-3):
        if 2e-3 <= number * factor < 2.0:
            return number * factor
    return None


def refuse_unknown(path: Path, known: Sequence[str]) -> NoReturn:
    """Say that a path cannot be read."""
    if not path.exists():
        raise ScanError(f"“{path}” does not exist.")
    raise ScanError(
        f"“{path.name}” is of a kind that is not read; a file that ends in one of "
        f"{', '.join(known)} was expected."
    )


def unreadable(path: Path, error: Exception) -> ScanError:
    """Turn a library's exception into one sentence that names the file."""
    from napari_fus_ulm.io import suffix_of

    kind = suffix_of(path) or path.suffix
    why = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else ""
    reason = f" ({type(error).__name__}: {why})" if why else f" ({type(error).__name__})"
    return ScanError(
        f"“{path.name}” could not be read; a complete {kind} file was expected, this one is "
        f"damaged, cut short, or something else{reason}."
    )


def read_folder(folder: Path, read_one: Callable[[Path], xr.DataArray]) -> xr.DataArray:
    """Read a folder's images, in natural order of their names, as one stack along k."""
    from napari_fus_ulm.io import images_in

    files = [path for path in images_in(folder) if path.suffix.lower() not in (".csv", ".npz")]
    if not files:
        raise ScanError(f"The folder “{folder.name}” holds no image that can be read.")
    scans = [read_one(file) for file in files]
    return scans[0] if len(scans) == 1 else stack(scans, source=str(folder), name=folder.name)


def stack(scans: Sequence[xr.DataArray], *, source: str, name: str) -> xr.DataArray:
    """Put 2-D scans of one shape and pixel size on top of each other along k.

    Scans that know their ``z``, evenly spaced, are put at their places, in that order.

    Raises
    ------
    ScanError
        If they are not 2-D or differ in shape or pixel size; the sentence names the first odd one.
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
    own = ["values", "modality", "source", "leading_axis_known", "slice_spacing_known"]
    if any(s.attrs.get("voxel_to_world") != first.attrs.get("voxel_to_world") for s in scans):
        own.append("voxel_to_world")  # that of one slice is not that of the others
    attrs = {key: value for key, value in first.attrs.items() if key not in own}
    if place := _even_places(scans):
        scans = sorted(scans, key=lambda scan: float(scan["z"]))
        origin, spacing = [place[0], *origin], [place[1], *spacing]
    else:
        attrs["leading_axis_known"] = False
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
    """Return first place and distance (mm) of slices that all know theirs, None if uneven."""
    if not all("z" in scan.coords for scan in scans):
        return None
    places = np.sort([float(scan["z"]) for scan in scans])
    steps = np.diff(places)
    mean = float(steps.mean()) if steps.size else 0.0
    if not mean > 0 or np.abs(steps - mean).max() > 1e-2 * mean:
        return None
    return float(places[0]), mean


# ---------------------------------------------------------------- side information


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
        spacing=_in_plane(request.spacing, [full[d] for d in AXIS_OF]) or 0.0,
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
        told = {"units": "mm", "spacing": float(thick)} if thick else {"units": "mm"}
        scan = scan.assign_coords({axis: xr.Variable((), float(place), told)})
    return scan


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
    try:
        found = json.loads(sidecar.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ScanError(
            f"“{sidecar.name}” beside “{path.name}” could not be read; a JSON object was expected "
            f"({error})."
        ) from error
    if not isinstance(found, dict):
        raise ScanError(f"“{sidecar.name}” beside “{path.name}” is not a JSON object.")
    return found


def sidecar_of(path: Path) -> Path:
    """Return where the JSON file beside ``path`` is or would be.

    BIDS fixes the name for NIfTI; others keep their suffix, so that two files never share one.
    """
    bids = path.name.lower().endswith((".nii", ".nii.gz"))
    return path.with_name((stem_of(path) if bids else path.name) + ".json")


def words(scan: xr.DataArray) -> str:
    """Describe a scan in a sentence; a generated image says that it is one."""
    if not scan.attrs.get("generated"):
        kind = {"fus": "functional ultrasound", "ulm": "ULM"}.get(scan.attrs["modality"], "image")
        return f"{kind}, written by napari-fus-ulm"
    told = json.dumps(plain(scan.attrs.get("provenance", {})))
    by = "phantom-trained model" if '"phantom_trained": true' in told else "model"
    return f"generated image (not a measurement), made by a {by} with napari-fus-ulm"


# ---------------------------------------------------------------- writing


def write_files(files: Mapping[Path, Callable[[Path], None]]) -> None:
    """Write files that belong together, each under a temporary name, then rename them all.

    Parameters
    ----------
    files : mapping of Path to function
        The function writes its file to the path that it is given.

    Raises
    ------
    ScanError
        If the system refuses (full disk, no permission); old files are as before.
    """
    made: dict[Path, Path] = {}
    current = next(iter(files))
    try:
        for current, writer in files.items():
            # The temporary name keeps the suffix: writers choose the format by it.
            made[current] = current.with_name(f".{uuid.uuid4().hex[:8]}-{current.name}")
            writer(made[current])
        for current, temporary in made.items():
            os.replace(temporary, current)
    except OSError as error:
        raise _refused(current, error) from error
    finally:
        for temporary in made.values():
            temporary.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> ScanError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full:
        why, todo = "the disk is full", "Free some space or choose another folder."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why, todo = "this folder must not be written to", "Choose another folder."
    elif not path.parent.is_dir():
        why, todo = f"the folder “{path.parent}” does not exist", "Make it, or choose another."
    else:
        why, todo = str(error), "Choose another folder."
    kept = "; the file that was there is unchanged" if path.exists() else ""
    return ScanError(f"“{path.name}” could not be written: {why}{kept}. {todo}")


def write_json(content: Mapping[str, Any]) -> Callable[[Path], None]:
    """Return a function that writes ``content`` as an indented JSON file."""

    def writer(path: Path) -> None:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    return writer
