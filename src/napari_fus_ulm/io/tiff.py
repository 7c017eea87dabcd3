"""TIFF and OME-TIFF, with pixel size and position."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import tifffile
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.atomic import write_files
from napari_fus_ulm.io.images import luminance
from napari_fus_ulm.io.request import Request, image_scan
from napari_fus_ulm.io.side_information import BLOCK, describe, rebuild, words
from napari_fus_ulm.scan import MM_PER, step_of

_PRINTERS = (72, 96, 100, 150, 200, 300, 600, 1200)
"""Default dots per inch, which programs write when they know no pixel size."""
_OME_AXIS = {"time": "T", "pose": "C", "k": "Z", "j": "Y", "i": "X"}


def read_tiff(request: Request) -> list[xr.DataArray]:
    """Read every image series of a TIFF file.

    Pixel size: from OME-XML, from ImageJ's description, or from resolution tags in dots per
    centimetre; dots per inch are those of a printer and are ignored.
    """
    with tifffile.TiffFile(request.path) as tif:
        if tif.ome_metadata:
            images = _ome_images(tif.ome_metadata)
        else:
            images = [_tag_image(tif)] * len(tif.series)
        scans = []
        for number, series in enumerate(tif.series):
            stored = images[number] if number < len(images) else {}
            scans += _series(request, series, stored, len(tif.series))
    return scans


def _series(
    request: Request, series: Any, stored: dict[str, Any], count: int
) -> list[xr.DataArray]:
    values = np.asarray(series.asarray())
    axes = series.axes
    step = stored.get("spacing", {})
    if block := stored.get("block"):
        corner = dict(zip("ji", stored.get("origin", ()), strict=False))
        return [rebuild(request, values, block, spacing=step, origin=corner)]
    kind = None
    if "S" in axes:
        values = luminance(np.moveaxis(values, axes.index("S"), -1))
        axes, kind = axes.replace("S", ""), "display"
    keep = [n for n, size in enumerate(values.shape) if size > 1 or axes[n] in "YX"]
    values = values.reshape([values.shape[n] for n in keep])
    axes = "".join(axes[n] for n in keep)
    if not axes.endswith("YX"):
        raise ScanError(
            f"“{request.path.name}” has the axes {axes}; an image that ends in Y, X was expected."
        )
    extra: dict[str, Any] = {"values_kind": kind}
    if len(axes) == 3 and axes[0] not in "TZC":
        extra["leading_axis_known"] = False
    names = {"T": "time", "Y": "j", "X": "i"}
    dims = [names.get(axis, "k") for axis in axes if axis != "C"]
    if len(set(dims)) != len(dims):
        raise ScanError(
            f"“{request.path.name}” has the axes {axes}; at most time, channel and slice before "
            "Y, X were expected."
        )
    if "T" in axes and stored.get("interval"):
        extra["time"] = np.arange(values.shape[axes.index("T")]) * stored["interval"]
    spacing: list[float] | None = None
    if step.get("j") and step.get("i"):
        z = [step["k"]] if step.get("k") and "k" in dims else []
        spacing = [*z, step["j"], step["i"]]
        if "origin" in stored:
            extra["origin"] = stored["origin"]
    channels = [values]
    if "C" in axes:
        channels = list(np.moveaxis(values, axes.index("C"), 0))
    order = sorted(range(len(dims)), key=lambda n: ("time", "pose", "k", "j", "i").index(dims[n]))
    scans = []
    for number, channel in enumerate(channels):
        name = None
        if count * len(channels) > 1:
            part = f"channel {number}" if len(channels) > 1 else f"image {series.index}"
            name = f"{request.path.stem} · {part}"
        scans.append(
            image_scan(
                request,
                np.transpose(channel, order),
                dims=[dims[n] for n in order],
                spacing=spacing,
                name=name,
                **extra,
            )
        )
    return scans


def _ome_images(xml: str) -> list[dict[str, Any]]:
    """Return what OME-XML stores about each image: spacing, origin, frame interval, our block."""
    root = ElementTree.fromstring(xml)
    images = []
    for image in root.findall("{*}Image"):
        pixels = image.find("{*}Pixels")
        if pixels is None:
            continue
        stored: dict[str, Any] = {"spacing": {}}
        for dim, axis in (("k", "Z"), ("j", "Y"), ("i", "X")):
            size = pixels.get(f"PhysicalSize{axis}")
            factor = MM_PER.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
            if size is not None and factor is not None and float(size) > 0:
                stored["spacing"][dim] = float(size) * factor
        seconds = {"s": 1.0, "ms": 1e-3, "min": 60.0}.get(pixels.get("TimeIncrementUnit", "s"))
        if pixels.get("TimeIncrement") and seconds:
            stored["interval"] = float(pixels.get("TimeIncrement", 0)) * seconds
        plane = pixels.find("{*}Plane")
        if plane is not None:
            at = [(plane.get(f"Position{a}"), plane.get(f"Position{a}Unit", "")) for a in "YX"]
            if all(number is not None and unit in MM_PER for number, unit in at):
                stored["origin"] = [float(number or 0) * MM_PER[unit] for number, unit in at]
        stored["block"] = _block_in(image.findtext("{*}Description") or "")
        images.append(stored)
    return images


def _block_in(description: str) -> dict[str, Any] | None:
    """Find our side information, one line of JSON in a description."""
    for line in description.splitlines():
        if line.startswith(f"{BLOCK}: "):
            block = json.loads(line.removeprefix(f"{BLOCK}: "))
            return block if isinstance(block, dict) else None
    return None


def _tag_image(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return the pixel size (mm) and frame interval (s) that tags and ImageJ store."""
    stored: dict[str, Any] = {"spacing": {}}
    page = tif.pages.first
    ij = tif.imagej_metadata or {}
    unit = _unit_name(str(ij.get("unit", "")))
    tag = page.tags.get("ResolutionUnit")
    if not unit and tag is not None:
        unit = {2: "inch", 3: "cm"}.get(int(tag.value), "")
    if unit not in MM_PER:
        return stored
    for dim, name in (("j", "YResolution"), ("i", "XResolution")):
        tag = page.tags.get(name)
        if tag is None or not tag.value[0] or not tag.value[1]:
            return stored
        per_unit = tag.value[0] / tag.value[1]
        per_inch = per_unit * 25.4 / MM_PER[unit]
        if unit in ("inch", "in") or (
            not ij and any(abs(per_inch - dpi) < 0.6 for dpi in _PRINTERS)
        ):
            return stored
        stored["spacing"][dim] = MM_PER[unit] / per_unit
    if ij.get("spacing"):
        stored["spacing"]["k"] = float(ij["spacing"]) * MM_PER[unit]
    if ij.get("finterval"):
        stored["interval"] = float(ij["finterval"])
    return stored


def _unit_name(text: str) -> str:
    """Undo ImageJ's escape of µ."""
    return text.replace("\\u00B5", "µ").replace("\\u00b5", "µ").strip()


def write_tiff(path: Path, scan: xr.DataArray) -> None:
    """Write a scan as OME-TIFF: zlib-compressed float32, pixel size and position in mm."""
    block = json.dumps(describe(scan), ensure_ascii=True)
    dims = [str(dim) for dim in scan.dims]
    dy, dx = step_of(scan, "j"), step_of(scan, "i")
    planes = int(np.prod(scan.shape[:-2]))
    at = {"Y": float(scan["y"][0]), "X": float(scan["x"][0])}
    metadata: dict[str, Any] = {
        "axes": "".join(_OME_AXIS[dim] for dim in dims),
        "Name": str(scan.name or path.name),
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
