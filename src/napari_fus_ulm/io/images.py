"""Pictures (PNG, JPEG) and NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.io.atomic import array_writer, json_writer, write_files
from napari_fus_ulm.io.request import Request, image_scan
from napari_fus_ulm.io.side_information import (
    BLOCK,
    describe,
    read_sidecar,
    rebuild,
    sidecar_of,
    words,
)


def luminance(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the grey levels of a colour picture, on the scale it came with.

    Parameters
    ----------
    picture : array of shape (..., 2), (..., 3) or (..., 4)
        Grey and alpha, RGB, or RGB and alpha; alpha is laid over black.

    Returns
    -------
    array of shape (...), float32
        0–255 for 8-bit pictures. A grey picture saved in colour gives its grey levels exactly.
    """
    white = float(np.iinfo(picture.dtype).max) if picture.dtype.kind in "ui" else 1.0
    numbers = picture.astype(np.float64)
    if numbers.shape[-1] in (2, 4):
        numbers = numbers[..., :-1] * (numbers[..., -1:] / white)
    if numbers.shape[-1] == 1 or (numbers == numbers[..., :1]).all():
        return np.asarray(numbers[..., 0], dtype=np.float32)
    # Rec. 709 weights, as scikit-image's rgb2gray.
    return np.asarray(numbers @ [0.2125, 0.7154, 0.0721], dtype=np.float32)


def read_picture(request: Request) -> list[xr.DataArray]:
    """Read a PNG or JPEG: grey, or a colour screenshot by its luminance; values "display"."""
    from PIL import Image

    # These two decoders only: sniffing could hand a disguised file to whatever decoder claims it.
    with Image.open(request.path, formats=("PNG", "JPEG")) as opened:
        coloured = opened.convert(opened.palette.mode) if opened.palette else opened
        picture = np.asarray(coloured)
    if picture.ndim == 3:
        picture = luminance(picture)
    # A resolution in a picture is that of a screen or a printer, so it is ignored.
    return [image_scan(request, picture, values_kind="display", dims=("j", "i"))]


def read_npy(request: Request) -> list[xr.DataArray]:
    """Read a NumPy array with the JSON file beside it; pickled objects are refused."""
    with request.path.open("rb") as file:
        values = np.load(file, allow_pickle=False)
    block = read_sidecar(request.path).get(BLOCK)
    if isinstance(block, dict):
        return [rebuild(request, values, block)]
    leading: dict[str, Any] = {"leading_axis_known": False} if values.ndim == 3 else {}
    return [image_scan(request, values, **leading)]


def write_npy(path: Path, scan: xr.DataArray) -> None:
    """Write a scan as a NumPy array with a JSON file beside it."""
    content = {"Description": words(scan), BLOCK: describe(scan)}
    write_files({path: array_writer(scan.values), sidecar_of(path): json_writer(content)})
