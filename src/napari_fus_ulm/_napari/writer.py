"""The npe2 writer of one image layer: OME-TIFF, NIfTI or NPY."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer with its pixel size, position, units and metadata.

    Parameters
    ----------
    path : str
        The suffix chooses the format.
    data : array-like
        The layer's pixels.
    meta : dict
        The layer's attributes as napari passes them.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    ScanError
        If it cannot be written; napari shows the sentence.
    """
    from napari_fus_ulm import io
    from napari_fus_ulm._napari.layers.parts import LayerParts
    from napari_fus_ulm._napari.layers.to_scan import scan_of_parts
    from napari_fus_ulm.errors import ScanError

    image = data[0] if meta.get("multiscale") else data
    if image is None:
        raise ScanError(f"The layer “{meta.get('name', '')}” is empty; there is nothing to write.")
    rgb = bool(meta.get("rgb", False))
    ndim = image.ndim - 1 if rgb else image.ndim
    moved = _moved_by(meta, ndim)
    parts = LayerParts(
        data=image,
        scale=list(meta.get("scale", [1.0] * ndim)),
        translate=[
            float(a + b) for a, b in zip(meta.get("translate", [0.0] * ndim), moved, strict=True)
        ],
        units=list(meta.get("units") or ["pixel"] * ndim),
        axis_labels=[str(label) for label in meta.get("axis_labels") or [""] * ndim],
        rgb=rgb,
        name=str(meta.get("name", "")),
        metadata=meta.get("metadata") or {},
    )
    return [str(io.write(path, scan_of_parts(parts).scan))]


def _moved_by(meta: dict[str, Any], ndim: int) -> npt.NDArray[np.float64]:
    """Return the shift that a layer's affine adds; refuse what a pixel grid cannot store."""
    from napari_fus_ulm.errors import ScanError

    affine = np.eye(ndim + 1) if meta.get("affine") is None else np.asarray(meta["affine"], float)
    turn = meta.get("rotate")
    turned = turn is not None and not np.allclose(turn, np.eye(ndim))
    sheared = meta.get("shear") is not None and bool(np.any(meta["shear"]))
    if turned or sheared or not np.allclose(affine[:-1, :-1], np.eye(ndim)):
        raise ScanError(
            f"The layer “{meta.get('name', '')}” is rotated, sheared or scaled by its transform, "
            "which the file cannot store. Reset the layer's transform or resample the image, then "
            "save again."
        )
    shift: npt.NDArray[np.float64] = affine[:-1, -1]
    return shift
