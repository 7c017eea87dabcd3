"""Which layers the viewer shows where its sliders are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


def is_seen(viewer: ViewerModel, layer: Image) -> bool:
    """Whether a layer is visible and has pixels where the sliders are."""
    if not layer.visible:
        return False
    beside = viewer.dims.ndim - layer.ndim
    place = np.asarray(layer.world_to_data(viewer.dims.point[beside:]))
    pixel = [size // 2 for size in layer.data.shape]
    for axis in (axis - beside for axis in viewer.dims.not_displayed if axis >= beside):
        pixel[axis] = round(float(place[axis]))
        if not 0 <= pixel[axis] < layer.data.shape[axis]:
            return False
    return bool(np.isfinite(layer.data[tuple(pixel)]))
