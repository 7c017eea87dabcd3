"""Pictures (PNG, JPEG) and NumPy files."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.affordable import check_affordable, in_words
from napari_fus_ulm.io.atomic import array_writer, json_writer, write_files
from napari_fus_ulm.io.axes import letters_for
from napari_fus_ulm.io.colours import grey_levels
from napari_fus_ulm.io.request import Request, image_scan, scans_of
from napari_fus_ulm.io.side_information import (
    BLOCK,
    describe,
    read_sidecar,
    rebuild,
    sidecar_to_write,
    words,
)


def read_picture(request: Request) -> list[xr.DataArray]:
    """Read a PNG or JPEG: grey, or in the colours of a known map; values "display"."""
    from PIL import Image, ImageOps

    name = request.path.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # checked below
        try:
            # These two decoders only: sniffing could hand a disguised file to any decoder.
            opened = Image.open(request.path, formats=("PNG", "JPEG"))
        except Image.DecompressionBombError as error:
            raise ScanError(
                f"“{name}” declares more pixels than a picture has; save the image as TIFF if it "
                "is that large, else the file is damaged."
            ) from error
    with opened:
        check_affordable(request.path, (opened.height, opened.width, len(opened.getbands())), "f8")
        frames = getattr(opened, "n_frames", 1)
        picture = np.asarray(ImageOps.exif_transpose(_decoded(opened)))
    doubts = {}
    if frames > 1:
        doubts["frames"] = f"“{name}” is an animation of {frames} frames; the first one was read."
    if picture.ndim == 3:
        picture, note = grey_levels(picture, name)
        doubts |= {"colours": note} if note else {}
    # A resolution in a picture is that of a screen or a printer, so it is ignored.
    return [image_scan(request, picture, values_kind="display", dims=("j", "i"), doubts=doubts)]


def _decoded(opened: Any) -> Any:
    """Return a picture as grey or RGB, with alpha where some of it is transparent."""
    if "transparency" in opened.info and opened.mode in ("1", "L", "P", "RGB"):
        return opened.convert("LA" if opened.mode in ("1", "L") else "RGBA")
    if opened.palette:
        return opened.convert(opened.palette.mode)
    return opened.convert("RGB") if opened.mode in ("CMYK", "YCbCr", "LAB", "HSV") else opened


def read_npy(request: Request) -> list[xr.DataArray]:
    """Read a NumPy array with the JSON file beside it; pickled objects are refused."""
    values = _array_in(request.path)
    block = read_sidecar(request.path).get(BLOCK)
    if isinstance(block, dict):
        return [rebuild(request, values, block)]
    while values.ndim > 2 and 1 in values.shape:
        values = values.squeeze(values.shape.index(1))
    letters, words = letters_for(values)
    return scans_of(request, values, letters, doubts={"axes": words} if words else {})


def _array_in(path: Path) -> npt.NDArray[Any]:
    """Return the array of a ``.npy`` file, whose header is believed only as far as it can be."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0}
        shape, _, dtype = header.get(version, np.lib.format.read_array_header_2_0)(file)
        start = file.tell()
        size = path.stat().st_size
    if dtype.names:
        raise ScanError(
            f"“{path.name}” holds a table with the columns {', '.join(dtype.names[:8])}; an array "
            "of numbers was expected. Save the one that is the image."
        )
    if dtype.hasobject:
        raise ScanError(
            f"“{path.name}” holds Python objects, which are never loaded because they can contain "
            "programs; an array of numbers was expected."
        )
    check_affordable(path, shape, dtype)
    declared = math.prod(shape) * dtype.itemsize
    if size - start < declared:
        raise ScanError(
            f"“{path.name}” is truncated: {in_words(declared)} of numbers were expected, it holds "
            f"{in_words(size - start)}."
        )
    with path.open("rb") as file:
        return np.asarray(np.load(file, allow_pickle=False))


def write_npy(path: Path, scan: xr.DataArray) -> None:
    """Write a scan as a NumPy array with a JSON file beside it."""
    content = {"Description": words(scan), BLOCK: describe(scan)}
    write_files({path: array_writer(scan.values), sidecar_to_write(path): json_writer(content)})
