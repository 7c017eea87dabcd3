"""What stands on the canvas while a generated image is shown: that it is, and a scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from psygnal import Signal

from napari_fus_ulm._napari.layers.family import OURS, hangs, is_result, ours
from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.layers.seen import is_seen
from napari_fus_ulm._napari.layers.units import mm_in
from napari_fus_ulm._napari.viewer.connections import Connections
from napari_fus_ulm._napari.viewer.parts import scale_bar_of
from napari_fus_ulm._napari.viewer.steady import NOTHING, steady_text
from napari_fus_ulm.inference.naming import GENERATED, caption_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event

HIDING = ("opaque", "translucent", "translucent_no_depth")
"""Blendings with which an image hides what lies below."""


class CanvasMarks:
    """Writes *Generated* on the canvas and shows napari's scale bar while a result is seen.

    Both go when no result is seen any more, a scale bar that the user had shown excepted.

    Parameters
    ----------
    viewer : napari viewer

    Signals
    -------
    touched()
        It may be time to `update`, when the list of layers has settled.
    """

    touched = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._connections = Connections()
        self._followed: dict[LayerId, Connections] = {}
        self._bar_is_ours = False
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            self._connections.connect(event, self._on_layers)
        for event in (viewer.dims.events.current_step, viewer.dims.events.ndisplay):
            self._connections.connect(event, self._on_change)
        self._on_layers()
        self.update()

    def close(self) -> None:
        """Stop following the viewer, and give the canvas back."""
        self._connections.close()
        for connections in self._followed.values():
            connections.close()
        self._followed.clear()
        self.touched.disconnect()
        self._mark(None)

    def update(self) -> None:
        """Mark what is seen now; a view of *Compare* writes names and shows the bar itself."""
        if any(ours(layer).get("compare") for layer in self._viewer.layers):
            steady_text(self._viewer).text = NOTHING
        else:
            self._mark(self._topmost())

    def _topmost(self) -> Image | None:
        """The generated image that is seen, if another image does not hide it."""
        from napari.layers import Image

        for layer in reversed(self._viewer.layers):
            if not isinstance(layer, Image) or hangs(layer) or not is_seen(self._viewer, layer):
                continue
            if is_generated(layer):
                return layer
            if layer.opacity == 1.0 and str(layer.blending) in HIDING:
                return None
        return None

    def _on_layers(self, event: Event | None = None) -> None:
        layers = {layer.unique_id: layer for layer in self._viewer.layers}
        for gone in self._followed.keys() - layers.keys():
            self._followed.pop(gone).close()
        for new in layers.keys() - self._followed.keys():
            self._followed[new] = Connections()
            for name in ("visible", "name", "opacity", "blending"):
                signal = getattr(layers[new].events, name)
                self._followed[new].connect(signal, self._on_change)
        self._on_change()

    def _on_change(self, event: Event | None = None) -> None:
        self.touched.emit()

    def _mark(self, layer: Layer | None) -> None:
        steady_text(self._viewer).text = NOTHING if layer is None else words_for(layer)
        bar = scale_bar_of(self._viewer)
        if layer is not None and size_is_known(self._viewer, layer):
            self._bar_is_ours = self._bar_is_ours or not bar.visible
            bar.visible = True
        elif self._bar_is_ours:
            bar.visible = self._bar_is_ours = False


def is_generated(layer: Layer) -> TypeGuard[Image]:
    """Whether a layer shows vessels that a generator has drawn: a result, or its preview."""
    return is_result(layer) or bool(ours(layer).get("preview"))


def words_for(layer: Layer) -> str:
    """What is written on the canvas while a layer is seen."""
    if not is_result(layer):
        return "Generated · preview"
    made = layer.metadata["xarray"].attrs["provenance"]
    known = OURS in layer.metadata and "generator_title" in made
    name = caption_of(layer.name, made) if known else layer.name
    # Where a region lies is seen; the words would run into the scale bar.
    parts = [
        "region" if part.startswith("region ") else part
        for part in name.removesuffix(GENERATED).split(" · ")
    ]
    return " · ".join(["Generated", *parts])


def size_is_known(viewer: ViewerModel, layer: Layer) -> bool:
    """Whether napari's scale bar is right: the layer lies in lengths, which are not assumed."""
    image: Any = layer.metadata.get("xarray")
    if image is None or not image.attrs.get("spacing_known", True):
        return False
    if getattr(viewer.layers, "units", ()) is None:  # layers of several kinds of units
        return False
    beside = viewer.dims.ndim - layer.ndim
    displayed = [axis - beside for axis in viewer.dims.displayed]
    return all(axis >= 0 and mm_in(layer.units[axis]) is not None for axis in displayed)
