"""TIFF and OME-TIFF, with pixel size and position."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import tifffile
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable
from napari_fus_ulm.io.atomic import write_files
from napari_fus_ulm.io.axes import letters_for
from napari_fus_ulm.io.folder import SET
from napari_fus_ulm.io.guesses import factor_to_mm
from napari_fus_ulm.io.ome import images_in, physical_sizes, resolved
from napari_fus_ulm.io.request import Request, scans_of, unlikely_pixel
from napari_fus_ulm.io.side_information import BLOCK, describe, rebuild, words
from napari_fus_ulm.io.stored import Stored
from napari_fus_ulm.io.units import mm_per, seconds_per
from napari_fus_ulm.scan import AXIS_OF, step_of

_PRINTERS = (72, 96, 100, 120, 144, 150, 200, 240, 300, 350, 400, 600, 1200, 2400)
"""Dots per inch, which programs write when they know no pixel size."""
_MOST_PAGES = 1_000_000
_NO_UNIT = ("", "none", "pixel", "pixels")
_TAG_UNITS = {2: "inch", 3: "cm"}
_OME_AXIS = {"time": "T", "pose": "C", "k": "Z", "j": "Y", "i": "X"}
_COLOURED = ("RGB", "YCBCR")
_UNASSOCIATED = 2
_ALPHA = (1, _UNASSOCIATED)
_GREY = ("MINISBLACK", "MINISWHITE", "PALETTE", "MASK")


def read_tiff(request: Request) -> list[xr.DataArray]:
    """Read every image series of a TIFF file.

    Pixel size: from OME-XML, from ImageJ's description, or from resolution tags in dots per
    centimetre; dots per inch are those of a printer and are ignored.
    """
    with tifffile.TiffFile(request.path) as tif:
        _check_chain(request.path, tif)
        stored = tif.ome_metadata
    found = None if stored is None else resolved(stored, request.path, _uuid_of)
    beside = list(found.beside) if found is not None else []
    # tifffile opens the files that OME-XML names wherever they are, and blanks what it misses.
    changed = None if found is None or found.xml == stored else found.xml
    with tifffile.TiffFile(request.path, omexml=changed) as tif:
        tags = _stored_in_tags(tif)
        if found is not None:
            images = [_with_size(image, tags) for image in images_in(found.xml)]
        else:
            images = [_with_size(physical_sizes(_shaped(tif)), tags)] * len(tif.series)
        images += [Stored()] * (len(tif.series) - len(images))
        scans = []
        labels = _labels(tif.series, images)
        for series, image, label in zip(tif.series, images, labels, strict=False):
            missing = found.missing if found is not None else ()
            scans += _scans_of_series(request, series, image, label, missing)
    return [scan.assign_attrs({SET: beside}) for scan in scans] if beside else scans


def _with_size(image: Stored, tags: Stored) -> Stored:
    """Return what a description states, with the tags' words where it says nothing of the size."""
    if image.step or image.doubts:
        return image
    own = {name: getattr(image, name) for name in ("origin", "times", "name", "channels", "block")}
    interval = tags.interval if image.interval is None else image.interval
    return replace(tags, **own, interval=interval)


def _shaped(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return the metadata that tifffile.imwrite was given for a file that is no OME-TIFF."""
    described = tif.shaped_metadata
    return dict(described[0]) if described else {}


def _labels(series: Sequence[Any], images: Sequence[Stored]) -> list[str]:
    """Name the images of a file that holds several, by the file's own names where they differ."""
    if len(series) == 1:
        return [""]
    names = [
        image.name or str(one.keyframe.tags.valueof("PageName") or "")
        for one, image in zip(series, images, strict=False)
    ]
    unclear = not all(names) or len(set(names)) < len(names)
    return [f"image {n}" for n in range(1, len(names) + 1)] if unclear else names


def _scans_of_series(
    request: Request, series: Any, stored: Stored, label: str, missing: tuple[str, ...]
) -> list[xr.DataArray]:
    _check_sizes(request.path, series)
    doubts = dict(stored.doubts)
    if missing and series.kind != "ome":
        doubts["missing"] = _missing_words(request.path, missing, "only this file's images")
    values, letters = np.asarray(series.asarray()), str(series.axes)
    values, times, lost = _without_gaps(request.path, series, values, stored, missing)
    if lost:
        doubts["missing"] = lost
    values = _shown(request.path, values, letters, series.keyframe, stored)
    if stored.block and not lost:
        corner = dict(zip("ji", stored.origin or (), strict=False))
        sizes = [stored.step[dim] for dim in "ji" if dim in stored.step]
        believed = bool(sizes) and unlikely_pixel(request.path, sizes) is None
        step = {dim: stored.step.get(dim) for dim in AXIS_OF} if believed else {}
        return [rebuild(request, values, stored.block, spacing=step, origin=corner)]
    if "S" in letters:
        values, letters = _samples(request.path, values, letters, series.keyframe)
    elif series.keyframe.photometric.name == "PALETTE" and not series.parent.is_imagej:
        table = np.moveaxis(np.asarray(series.keyframe.colormap), 0, -1)
        values, letters = table[values], letters + "S"
    if series.kind == "shaped" and set(letters) <= set("QYX") and values.ndim > 2:
        # tifffile.imwrite of an array without a word about its axes.
        letters, guessed = letters_for(values)
        doubts |= {"axes": guessed} if guessed else {}
    return scans_of(
        request,
        values,
        letters,
        step=stored.step,
        assumed=stored.likely,
        origin=stored.origin if {"j", "i"} <= stored.step.keys() else None,
        times=times,
        names=stored.channels,
        label=label,
        doubts=doubts,
    )


def _check_chain(path: Path, tif: tifffile.TiffFile) -> None:
    """Refuse pages that lead back to themselves, or are more than an image can have."""
    form, file = tif.tiff, tif.filehandle
    seen: set[int] = set()
    file.seek(8 if tif.is_bigtiff else 4)
    while len(start := file.read(form.offsetsize)) == form.offsetsize:
        (offset,) = struct.unpack(form.offsetformat, start)
        if offset in seen or len(seen) > _MOST_PAGES:
            raise ScanError(f"“{path.name}” is damaged: its list of images has no end.")
        seen.add(offset)
        file.seek(min(offset, file.size))
        count = file.read(form.tagnosize)
        if not offset or len(count) < form.tagnosize:
            return
        (tags,) = struct.unpack(form.tagnoformat, count)
        file.seek(min(offset + form.tagnosize + tags * form.tagsize, file.size))


def _check_sizes(path: Path, series: Any) -> None:
    """Refuse an image, a strip or a tile that memory or the file cannot hold."""
    check_affordable(path, series.shape, series.dtype)
    if series.dataoffset is not None:  # one piece, whose size is the image's
        return
    check_affordable(path, series.keyframe.chunks, series.dtype)
    for page in series:
        if page is not None and any(n > page.parent.filehandle.size for n in page.databytecounts):
            raise ScanError(f"“{path.name}” is truncated: it declares more bytes than it has.")


def _shown(
    path: Path, values: npt.NDArray[Any], letters: str, page: Any, stored: Stored
) -> npt.NDArray[Any]:
    """Return the numbers that other viewers show for those that are stored."""
    if page.photometric.name == "MINISWHITE" and values.dtype.kind in "bu":
        values = (2**page.bitspersample - 1 - values.astype(np.int64)).astype(values.dtype)
    if stored.calibration is not None:
        offset, slope = stored.calibration
        values = offset + slope * values.astype(np.float64)
    return values


def _samples(
    path: Path, values: npt.NDArray[Any], letters: str, page: Any
) -> tuple[npt.NDArray[Any], str]:
    """Keep colours and the alpha that is to be applied; other samples of a pixel are channels."""
    kind, axis = page.photometric.name, letters.index("S")
    if kind not in (*_COLOURED, *_GREY):
        raise ScanError(
            f"“{path.name}” is a picture in {kind} colours; grey levels or RGB were expected. Save "
            "it in grey."
        )
    extra = [int(one) for one in page.extrasamples]
    if kind in _GREY and not set(extra[:1]) & set(_ALPHA):
        return values, letters.replace("S", "C")
    # Associated alpha is in the colours already.
    kept = values.shape[axis] - len(extra) + int(extra[:1] == [_UNASSOCIATED])
    return values.take(range(kept), axis), letters


def _without_gaps(
    path: Path, series: Any, values: npt.NDArray[Any], stored: Stored, missing: tuple[str, ...]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None, str]:
    """Cut planes that no file holds, which would be black; say so.

    Returns
    -------
    values : array
    times : array or None
        Of the frames that are left (s).
    words : str
        Which were cut; empty where none was.

    Raises
    ------
    ScanError
        If what is left is no stack.
    """
    letters = str(series.axes)
    frames = values.shape[letters.index("T")] if "T" in letters else 0
    times = stored.times_of(frames)
    if series.kind != "ome":
        return values, times, ""
    held = np.array([_is_held(series[n]) for n in range(len(series))])
    if held.all():
        return values, times, ""
    leading = values.shape[: values.ndim - series.keyframe.ndim]
    if held.size != int(np.prod(leading)):
        raise ScanError(f"“{path.name}” is truncated: planes that it declares are missing.")
    held = held.reshape(leading)
    for axis, letter in enumerate(letters[: len(leading)]):
        others = tuple(n for n in range(held.ndim) if n != axis)
        kept = np.flatnonzero(held.any(axis=others))
        if kept.size and kept[-1] - kept[0] + 1 != kept.size and letter != "T":
            break
        held, values = held.take(kept, axis), values.take(kept, axis)
        if letter == "T" and times is not None:
            times = times[kept]
    else:
        if held.size and held.all():
            rest = f"{held.size} of {int(np.prod(leading))} planes"
            return values, times, _missing_words(path, missing, rest)
    raise ScanError(
        f"“{path.name}” declares {' × '.join(map(str, leading))} planes, of which some between "
        f"others are missing{_listed(missing)}; put all files of the set into one folder."
    )


def _is_held(page: Any) -> bool:
    return page is not None and any(page.databytecounts)


def _missing_words(path: Path, missing: tuple[str, ...], rest: str) -> str:
    if not missing:
        return f"“{path.name}” is incomplete: {rest} were read, the others are missing."
    return (
        f"“{path.name}” is part of a set; files of it are missing{_listed(missing)}, so {rest} "
        "were read. Put all of them into one folder."
    )


def _listed(names: tuple[str, ...]) -> str:
    more = ", …" if len(names) > 3 else ""
    return f" ({', '.join(names[:3])}{more})" if names else ""


def _uuid_of(path: Path) -> str | None:
    """Return the identifier that an OME-TIFF stores of itself; "" for a damaged file."""
    try:
        with tifffile.TiffFile(path) as tif:
            _check_chain(path, tif)
            description = tif.pages.first.description
    except Exception:  # another file of the folder, whatever it is, is no reason to fail
        return ""
    try:
        return ElementTree.fromstring(description).get("UUID")
    except ElementTree.ParseError:
        return None


def _stored_in_tags(tif: tifffile.TiffFile) -> Stored:
    """Return the pixel size (mm) and frame interval (s) that tags and ImageJ store."""
    page, ij = tif.pages.first, tif.imagej_metadata or {}
    step: dict[str, float] = {}
    bare: list[float] = []
    doubts: dict[str, str] = {}
    tag = page.tags.get("ResolutionUnit")
    by_tag = _TAG_UNITS.get(int(tag.value), "") if tag is not None else ""
    unit = str(ij.get("unit") or by_tag)
    for dim, axis in (("j", "y"), ("i", "x")):
        named = str(ij.get(f"{axis}unit") or unit)
        factor = mm_per(named)
        per_unit = _ratio(page.tags.get(f"{axis.upper()}Resolution"))
        if per_unit is None or (per_unit == 1.0 and not ij):
            continue  # a default
        if factor is not None and not _of_a_printer(per_unit, factor, named, is_imagej=bool(ij)):
            step[dim] = factor / per_unit
        elif factor is None and named.lower() not in _NO_UNIT:
            doubts["spacing"] = f"The pixel size is stated in “{named}”, which is no known length."
        elif factor is None and per_unit not in (1.0, *_PRINTERS):
            bare.append(1.0 / per_unit)
    factor = factor_to_mm(bare)
    likely = None
    if len(bare) == 2 and factor is not None:
        down, right = likely = (bare[0] * factor, bare[1] * factor)
        doubts["spacing"] = (
            f"The file states pixels of {bare[1]:.4g} × {bare[0]:.4g} without a unit; "
            f"{right:.4g} × {down:.4g} mm was assumed."
        )
    far, factor = _number(ij.get("spacing")), mm_per(ij.get("zunit") or unit)
    if far and factor is not None and {"j", "i"} <= step.keys():
        step["k"] = abs(far) * factor
    every, seconds = _number(ij.get("finterval")), seconds_per(ij.get("tunit") or "s")
    return Stored(
        step=step,
        likely=likely,
        interval=every * seconds if every and every > 0 and seconds else None,
        calibration=_calibration(ij),
        doubts=doubts,
    )


def _of_a_printer(per_unit: float, factor: float, unit: str, *, is_imagej: bool) -> bool:
    """Whether a resolution is that of a screen or a printer."""
    per_inch = per_unit * 25.4 / factor
    inches = mm_per(unit) == 25.4
    common = any(abs(per_inch - dpi) < 0.6 for dpi in _PRINTERS)
    return (inches and not is_imagej) or (common and (inches or not is_imagej))


def _calibration(ij: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return ImageJ's straight line from stored to shown values; it stores signed numbers so."""
    offset, slope = _number(ij.get("c0")), _number(ij.get("c1"))
    if ij.get("cf") != 0 or offset is None or not slope:
        return None
    return offset, slope


def _ratio(tag: Any) -> float | None:
    if tag is None or not tag.value[0] or not tag.value[1]:
        return None
    return float(tag.value[0] / tag.value[1])


def _number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a layer's name may hold and XML may not."""


def write_tiff(path: Path, scan: xr.DataArray) -> None:
    """Write a scan as OME-TIFF: zlib-compressed float32, pixel size and position in mm."""
    block = json.dumps(describe(scan), ensure_ascii=True)
    dims = [str(dim) for dim in scan.dims]
    dy, dx = step_of(scan, "j"), step_of(scan, "i")
    planes = int(np.prod(scan.shape[:-2]))
    at = {"Y": float(scan["y"][0]), "X": float(scan["x"][0])}
    metadata: dict[str, Any] = {
        "axes": "".join(_OME_AXIS[dim] for dim in dims),
        "Name": _NOT_IN_XML.sub("", str(scan.name or path.name)),
        "Description": f"{words(scan)}\n{BLOCK}: {block}",
        "Plane": {
            **{f"Position{axis}": [number] * planes for axis, number in at.items()},
            **{f"Position{axis}Unit": ["mm"] * planes for axis in at},
        },
    }
    # Whoever reads only the tags must not take an assumed pixel for a measured one.
    tags: dict[str, Any] = {"resolutionunit": "NONE"}
    if scan.attrs.get("spacing_known", True):
        metadata |= {"PhysicalSizeY": dy, "PhysicalSizeYUnit": "mm"}
        metadata |= {"PhysicalSizeX": dx, "PhysicalSizeXUnit": "mm"}
        if "k" in dims and scan.attrs.get("slice_spacing_known", True):
            metadata |= {"PhysicalSizeZ": step_of(scan, "k"), "PhysicalSizeZUnit": "mm"}
        tags = {"resolution": (10.0 / dx, 10.0 / dy), "resolutionunit": "CENTIMETER"}
    if "time" in dims and scan.sizes["time"] > 1:
        interval = float(np.median(np.diff(scan["time"].values)))
        metadata |= {"TimeIncrement": interval, "TimeIncrementUnit": "s"}
    values: npt.NDArray[np.float32] = np.ascontiguousarray(scan.values)

    def pixels(target: Path) -> None:
        tifffile.imwrite(
            target,
            values,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata=metadata,
            **tags,
        )

    write_files({path: pixels})
