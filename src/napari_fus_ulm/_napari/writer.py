"""The npe2 writer of one image layer: OME-TIFF, NIfTI or NPY."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np


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
    from napari_fus_ulm._napari.layers.parts import LayerParts, world_matrix
    from napari_fus_ulm._napari.layers.to_scan import scan_of_parts
    from napari_fus_ulm.errors import ScanError

    image = data[0] if meta.get("multiscale") else data
    if image is None:
        raise ScanError(f"The layer “{meta.get('name', '')}” is empty; there is nothing to write.")
    rgb = bool(meta.get("rgb", False))
    ndim = image.ndim - 1 if rgb else image.ndim
    transform: dict[str, Any] = {
        "scale": [1.0] * ndim,
        "translate": [0.0] * ndim,
        "rotate": None,
        "shear": None,
        "affine": np.eye(ndim + 1),
    }
    transform |= {name: meta[name] for name in transform if meta.get(name) is not None}
    parts = LayerParts(
        data=image,
        scale=list(transform["scale"]),
        translate=list(transform["translate"]),
        matrix=world_matrix(SimpleNamespace(**transform)),
        units=list(meta.get("units") or ["pixel"] * ndim),
        axis_labels=[str(label) for label in meta.get("axis_labels") or [""] * ndim],
        rgb=rgb,
        name=str(meta.get("name", "")),
        metadata=meta.get("metadata") or {},
    )
    taken = scan_of_parts(parts)
    if not taken.axes.straight:
        raise ScanError(
            f"The layer “{parts.name}” is rotated obliquely or sheared by its transform, which the "
            "file cannot store. Reset the layer's transform or resample the image, then save again."
        )
    return [str(io.write(path, taken.scan))]
