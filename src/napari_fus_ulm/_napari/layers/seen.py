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
    data = layer.data[0] if layer.multiscale else layer.data
    shape = data.shape[: layer.ndim]  # colours come last
    pixel = [size // 2 for size in shape]
    for axis in (axis - beside for axis in viewer.dims.not_displayed if axis >= beside):
        pixel[axis] = round(float(place[axis]))
        if not 0 <= pixel[axis] < shape[axis]:
            return False
    # Planes of a preview that are not drawn yet have no numbers.
    return not isinstance(data, np.ndarray) or bool(np.isfinite(data[tuple(pixel)]).all())
