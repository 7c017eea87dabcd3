"""Which part of an image is wanted: what is in view, or a rectangle that the user draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm._napari.layers.axes import axes_of
from napari_fus_ulm._napari.layers.parts import parts_of
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.settings import Box
from napari_fus_ulm.scan import spacing_of

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Shapes

WHOLE, VIEW, DRAWN = "whole", "view", "drawn"
NAME = "region to enhance"
COLOUR = "#00e5ff"
"""Seen on dark tissue and on bright vessels."""
EDGE_UM = 25.0
_OURS = "napari_fus_ulm_region"


def box_in(where: str, viewer: ViewerModel, layer: Image, outline: xr.DataArray) -> Box | None:
    """The wanted part of a layer; None where it is all of it.

    Parameters
    ----------
    where : {"whole", "view", "drawn"}
    viewer : napari viewer
    layer : napari.layers.Image
    outline : xarray.DataArray
        What is used of the layer, for its pixel size.

    Returns
    -------
    tuple of float or None
        Top, left, height and width in mm from the corner of the plane.

    Raises
    ------
    SettingsError
        If nothing is drawn, or nothing of the layer is in view.
    """
    if where == WHOLE or (where == VIEW and viewer.dims.ndisplay == 3):
        return None
    if where == VIEW:
        # The last pixels in view are taken whole.
        edges = np.add(layer.corner_pixels, [[-0.5], [0.5]])
        return _box(layer, outline, edges, f"Nothing of “{layer.name}” is in view")
    shapes = drawn_in(viewer)
    if shapes is None:
        raise SettingsError("No region is drawn: drag a rectangle over the image first.")
    corners = [layer.world_to_data(shapes.data_to_world(one)) for one in _rectangle(shapes)]
    return _box(layer, outline, np.array(corners), f"The region does not touch “{layer.name}”")


def draw(viewer: ViewerModel, layer: Image) -> Shapes:
    """Let the user drag a rectangle over a layer: a layer of shapes is selected and drawn in."""
    from napari.layers import Shapes

    shapes = drawn_in(viewer, empty=True)
    if shapes is None:
        shapes = Shapes(
            ndim=layer.ndim,
            name=NAME,
            scale=layer.scale,
            translate=layer.translate,
            rotate=layer.rotate,
            shear=layer.shear,
            affine=layer.affine,
            units=layer.units,
            axis_labels=layer.axis_labels,
            edge_color=COLOUR,
            face_color="transparent",
            edge_width=EDGE_UM / 1000.0 / max(abs(float(s)) for s in layer.scale[-2:]),
            metadata={_OURS: True},
        )
        viewer.add_layer(shapes)
    viewer.layers.selection.active = shapes
    shapes.mode = "add_rectangle"
    return shapes


def drawn_in(viewer: ViewerModel, *, empty: bool = False) -> Shapes | None:
    """The layer with the rectangle: the selected one, or else ours; None where nothing is drawn."""
    ours = [layer for layer in viewer.layers if layer.metadata.get(_OURS)]
    chosen = viewer.layers.selection.active
    for layer in (*([] if chosen is None else [chosen]), *reversed(ours)):
        if _holds_rectangle(layer) or (empty and layer in ours):
            return layer
    return None


def _holds_rectangle(layer: Layer) -> bool:
    return "rectangle" in getattr(layer, "shape_type", ())


def _rectangle(shapes: Shapes) -> npt.NDArray[Any]:
    """Corners of the selected rectangle, or else of the last."""
    every = [n for n, kind in enumerate(shapes.shape_type) if kind == "rectangle"]
    chosen = [n for n in every if n in shapes.selected_data] or every
    return np.asarray(shapes.data[chosen[-1]])


def _box(layer: Image, outline: xr.DataArray, points: npt.NDArray[Any], beside: str) -> Box | None:
    """The smallest box around points in pixel numbers of a layer, cut at its edges."""
    axes = axes_of(parts_of(layer)).every
    begins, sides, everything = [], [], True
    for dim, step in zip("ji", spacing_of(outline), strict=True):
        number = next(n for n, axis in enumerate(axes) if axis.dim == dim)
        size = axes[number].size
        ends = points[:, number] + 0.5  # a pixel's number is its middle
        if axes[number].flipped:
            ends = size - ends
        low, high = np.clip([ends.min(), ends.max()], 0.0, size)
        if high <= low:
            raise SettingsError(f"{beside}; move it, or choose the whole image.")
        everything = everything and low <= 0.0 and high >= size
        begins.append(float(low * step))
        sides.append(float((high - low) * step))
    return None if everything else (begins[0], begins[1], sides[0], sides[1])
