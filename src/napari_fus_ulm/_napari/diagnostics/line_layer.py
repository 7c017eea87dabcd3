"""A line that the user draws over a result, wherever that lies in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from napari_fus_ulm._napari.layers.axes import plane_axes_of
from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.widgets.controls import Signal
from napari_fus_ulm.scan import spacing_of

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from napari.utils.events import EventEmitter

NAME = "line across a vessel"
COLOUR = "#00e5ff"
"""Seen on dark tissue and on bright vessels."""
THICK_UM = 25.0
Ends = tuple[tuple[float, float], tuple[float, float]]


class LineLayer(QObject):
    """The shapes layer, made when it is needed and again when the user has removed it.

    Signals
    -------
    moved()
        Another line, or the same elsewhere, or none.
    """

    moved = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer: Any = None
        self._layer: Shapes | None = None
        self._last: Any = None
        self._followed: list[EventEmitter] = []

    def close_connections(self) -> None:
        """Stop following the line; the dock is about to go, or another layer comes."""
        for event in self._followed:
            event.disconnect(self._look)
        self._followed.clear()

    @property
    def layer(self) -> Shapes | None:
        """The layer, while it is in the viewer."""
        return self._layer if present(self._viewer, self._layer) else None

    def draw(self, viewer: Any, result: Image) -> None:
        """Let the user draw a line: the layer is selected, and dragging adds one."""
        layer = self.layer
        if layer is None:
            from napari.layers import Shapes

            layer = Shapes(
                ndim=result.ndim,
                name=NAME,
                scale=result.scale,
                translate=result.translate,
                rotate=result.rotate,
                shear=result.shear,
                affine=result.affine,
                units=result.units,
                axis_labels=result.axis_labels,
                edge_color=COLOUR,
                edge_width=THICK_UM / 1000.0 / max(abs(float(s)) for s in result.scale[-2:]),
            )
            self._viewer, self._layer = viewer, layer
            viewer.add_layer(layer)
            # A drag moves the highlight too; the data change only when it ends.
            self.close_connections()
            events = layer.events
            self._followed = [events.data, events.set_data, events.highlight]
            self._followed.append(viewer.layers.events.removed)
            for event in self._followed:
                event.connect(self._look)
        viewer.layers.selection.active = layer
        layer.mode = "add_line"

    def ends(self, result: Image) -> Ends | None:
        """Ends of the selected line, or else of the last: mm from the result's outer corner."""
        vertices = self._vertices()
        if vertices is None or self._layer is None:
            return None
        steps = spacing_of(result.metadata["xarray"])
        plane = plane_axes_of(result)
        first, last = (
            np.asarray(result.world_to_data(self._layer.data_to_world(vertex)))[plane] + 0.5
            for vertex in vertices
        )
        start, end = (tuple(float(n) for n in place * steps) for place in (first, last))
        return None if start == end else ((start[0], start[1]), (end[0], end[1]))

    def _vertices(self) -> Any:
        """First and last vertex of the line that counts."""
        layer = self.layer
        if layer is None:
            return None
        kinds = layer.shape_type
        lines = [n for n in range(layer.nshapes) if kinds[n] in ("line", "path")]
        chosen = [n for n in lines if n in layer.selected_data] or lines
        return layer.data[chosen[-1]][[0, -1]].copy() if chosen else None

    def _look(self, event: Any = None) -> None:
        """Signal every change once; napari's events come for other reasons too."""
        vertices = self._vertices()
        if np.array_equal(vertices, self._last) if vertices is not None else self._last is None:
            return
        self._last = vertices
        self.moved.emit()
