"""The two pictures of a trial in the viewer, and everything else out of sight meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm._napari.layers.to_scan import mm_in
from napari_fus_ulm._napari.viewer.parts import camera_of, grid_of, text_overlay

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_fus_ulm.review.session import Trial

GAP = 0.04
"""Between the pictures, as a share of their width."""
FILLED = 0.95
"""Share of the canvas that the pictures fill."""
LINKED = ("contrast_limits", "gamma", "colormap", "opacity", "blending", "interpolation2d")


class TrialPictures:
    """Shows trials as the layers "left" and "right", and brings back what was there before.

    Between the first `show` and `restore` all other layers are hidden, also those that come
    meanwhile (a run that ends), and so are other docks: names, thumbnails and measures there
    tell which picture is which.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._pictures: list[Image] = []
        self._before: _Before | None = None
        self._visible: dict[Any, tuple[Any, bool]] = {}
        self._docks: list[Any] = []
        self._connections: list[tuple[Any, Any]] = []

    @property
    def on(self) -> bool:
        """Whether a session has the viewer."""
        return self._before is not None

    @property
    def complete(self) -> bool:
        """Whether both pictures are (still) among the layers."""
        return len(self._pictures) == 2 and all(p in self._viewer.layers for p in self._pictures)

    def show(self, trial: Trial, docks: Sequence[Any] = ()) -> None:
        """Show a trial in place of the one before.

        Parameters
        ----------
        trial : Trial
        docks : sequence of QDockWidget
            To be hidden until `restore`; used at the first showing.
        """
        active = self._viewer.layers.selection.active
        self._remove()
        self._add(trial.left, "left", trial.pixel_mm, 0.0)
        self._add(trial.right, "right", trial.pixel_mm, (1.0 + GAP) * trial.extent_mm[1])
        if self._before is None:
            # After the pictures came: a dock that shows something of its own until then (the
            # views of Compare) has put everything back by now.
            self._begin(active, docks)
        self._hide_others()
        self._viewer.layers.link_layers(self._pictures, LINKED)
        self._viewer.layers.selection.active = None  # no key of napari's hides or deletes one
        self.fit()

    def fit(self, event: Any = None) -> None:
        """Let both pictures fill the canvas."""
        size = getattr(getattr(self._viewer, "canvas", None), "size", None)
        if not self.complete:
            return
        if size is None:  # an older napari, which fits all layers, the hidden ones too
            self._viewer.reset_view()
            return
        # Not by napari's own fit to layers, which fails where others have more dimensions.
        (rows, columns), (height, width) = self._pictures[0].data.shape, self._pictures[0].scale
        world = _world_per_mm(self._viewer)
        extent = world * height * rows, world * (2.0 + GAP) * width * columns
        camera = camera_of(self._viewer)
        camera.center = (0.0, extent[0] / 2, extent[1] / 2)
        camera.zoom = FILLED * min(size[0] / extent[0], size[1] / extent[1])

    def restore(self) -> None:
        """Remove the pictures; bring back layers, docks and camera as they were."""
        if self._before is None:
            return
        before, self._before = self._before, None
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections.clear()
        self._remove()
        for layer, visible in self._visible.values():
            layer.visible = visible
        for dock in self._docks:
            dock.setVisible(True)
        self._visible.clear()
        self._docks.clear()
        before.restore(self._viewer)

    def _begin(self, active: Any, docks: Sequence[Any]) -> None:
        viewer = self._viewer
        self._before = _Before.of(viewer, active, empty=len(viewer.layers) == len(self._pictures))
        grid_of(viewer).enabled = False
        text_overlay(viewer).visible = False
        viewer.dims.ndisplay = 2
        viewer.dims.order = tuple(range(viewer.dims.ndim))
        self._docks = list(docks)
        for dock in self._docks:
            dock.setVisible(False)
        self._connections = [(viewer.layers.events.inserted, self._hide_others)]
        if hasattr(viewer, "canvas"):  # it grows when docks go
            self._connections.append((viewer.canvas.events.size, self.fit))
        for signal, slot in self._connections:
            signal.connect(slot)

    def _add(self, picture: Any, side: str, pixel: tuple[float, float], left_mm: float) -> None:
        from napari.layers import Image

        height, width = pixel
        layer = Image(
            picture,
            name=side,
            scale=pixel,
            translate=(height / 2, left_mm + width / 2),
            units=("mm", "mm"),
            contrast_limits=(0.0, 1.0),
            colormap="gray",
            # The same on both sides; it keeps other docks from taking them for an input.
            metadata={OURS: {"review": True}},
        )
        self._pictures.append(layer)  # first: whoever hears of it must know it as ours
        self._viewer.add_layer(layer)

    def _remove(self) -> None:
        if self.complete:
            self._viewer.layers.unlink_layers(self._pictures)
        present = [picture for picture in self._pictures if picture in self._viewer.layers]
        self._pictures.clear()
        for picture in present:
            self._viewer.layers.remove(picture)

    def _hide_others(self, event: Any = None) -> None:
        # By their ids, not by identity: napari wraps the layers that it hands out.
        ours = {picture.unique_id for picture in self._pictures}
        for layer in self._viewer.layers:
            if layer.unique_id not in ours:
                self._visible.setdefault(layer.unique_id, (layer, layer.visible))
                layer.visible = False


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What a session changes of the viewer, as it was."""

    active: Any
    grid: bool
    text: bool
    dims: tuple[int, tuple[int, ...], tuple[float, ...]]
    camera: tuple[Any, ...] | None

    @classmethod
    def of(cls, viewer: Any, active: Any, *, empty: bool) -> _Before:
        camera, dims = camera_of(viewer), viewer.dims
        return cls(
            active,
            grid_of(viewer).enabled,
            text_overlay(viewer).visible,
            (dims.ndisplay, dims.order, dims.point),
            None if empty else (camera.angles, camera.center, camera.zoom),
        )

    def restore(self, viewer: Any) -> None:
        ndisplay, order, point = self.dims
        grid_of(viewer).enabled = self.grid
        text_overlay(viewer).visible = self.text
        viewer.dims.ndisplay = ndisplay
        if len(order) == viewer.dims.ndim:
            viewer.dims.order, viewer.dims.point = order, point
        camera = camera_of(viewer)
        if self.camera is not None:
            camera.angles, camera.center, camera.zoom = self.camera
        elif viewer.layers:  # of what came meanwhile, nothing has been seen yet
            viewer.reset_view()
        if self.active is not None and self.active in viewer.layers:
            viewer.layers.selection.active = self.active


def _world_per_mm(viewer: Any) -> float:
    """What a millimetre is in the unit of the canvas, which other layers may set to µm."""
    units = getattr(viewer.layers.extent, "units", None)
    return 1.0 / ((None if units is None else mm_in(units[-1])) or 1.0)
