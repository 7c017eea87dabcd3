"""The two pictures of a trial in the viewer, with everything else hidden meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_fus_ulm._napari.layers.family import OURS
from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.layers.units import mm_in
from napari_fus_ulm._napari.review.marks import Marks
from napari_fus_ulm._napari.viewer.connections import Connections
from napari_fus_ulm._napari.viewer.kept import KeptViewer
from napari_fus_ulm._napari.viewer.parts import camera_of, grid_of, text_overlay

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event

    from napari_fus_ulm.review.answers import Mark
    from napari_fus_ulm.review.session import Trial

Picture = npt.NDArray[np.floating[Any]]
GAP = 0.04
"""Between the pictures, as a share of their width."""
FILLED = 0.95
"""Share of the canvas that the pictures fill."""
LINKED = ("contrast_limits", "gamma", "colormap", "opacity", "blending", "interpolation2d")


class TrialPictures:
    """Shows trials as the layers "left" and "right", and brings back what was there before.

    Between the first `show` and `restore` all other layers are hidden, also those that are
    added meanwhile (a run that ends), and so are other docks: names, thumbnails and measures there
    reveal which picture is which.

    Parameters
    ----------
    viewer : napari viewer

    Signals
    -------
    alone(bool)
        A session takes the viewer (other docks have to be hidden), or gives it back.
    """

    alone = Signal(bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._pictures: list[Image] = []
        self._kept = KeptViewer(viewer)
        self._connections = Connections()
        self.marks = Marks(viewer)

    @property
    def on(self) -> bool:
        """Whether a session has the viewer."""
        return self._kept.keeping

    @property
    def complete(self) -> bool:
        """Whether both pictures are (still) among the layers."""
        there = [picture for picture in self._pictures if present(self._viewer, picture)]
        return len(there) == 2

    def show(self, trial: Trial, marks: tuple[Mark, ...] = ()) -> None:
        """Show a trial in place of the one before, with what is marked in it already."""
        active = self._viewer.layers.selection.active
        self._remove()
        self._add(trial.left, "left", trial.pixel_mm, 0.0)
        self._add(trial.right, "right", trial.pixel_mm, (1.0 + GAP) * trial.extent_mm[1])
        if not self.on:
            # After the pictures came: a dock that shows something of its own until then (the
            # views of Compare) has put everything back by now.
            self._begin(active)
        self.marks.begin(self._pictures, marks)
        self._hide_others()
        self._viewer.layers.link_layers(self._pictures, LINKED)
        self._viewer.layers.selection.active = None  # no key of napari's hides or deletes one
        self.fit()

    def fit(self, _: Event | None = None) -> None:
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
        if not self.on:
            return
        self._connections.close()
        self.marks.end()
        self._remove()
        self.alone.emit(False)
        self._kept.give_back()

    def _begin(self, active: Layer | None) -> None:
        viewer = self._viewer
        seen = len(viewer.layers) > len(self._pictures)
        self._kept.keep(active=active, dims=True, camera=seen)
        grid_of(viewer).enabled = False
        text_overlay(viewer).visible = False
        viewer.dims.ndisplay = 2
        viewer.dims.order = tuple(range(viewer.dims.ndim))
        self.alone.emit(True)
        self._connections.connect(viewer.layers.events.inserted, self._hide_others)
        if hasattr(viewer, "canvas"):  # it grows when docks go
            self._connections.connect(viewer.canvas.events.size, self.fit)

    def _add(
        self,
        picture: npt.NDArray[np.floating],
        side: str,
        pixel: tuple[float, float],
        left_mm: float,
    ) -> None:
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
        self._pictures.append(layer)  # first: whoever hears of it must recognise it as ours
        self._viewer.add_layer(layer)

    def _remove(self) -> None:
        if self.complete:
            self._viewer.layers.unlink_layers(self._pictures)
        there = [picture for picture in self._pictures if present(self._viewer, picture)]
        self._pictures.clear()
        for picture in there:
            self._viewer.layers.remove(picture)

    def _hide_others(self, _: Event | None = None) -> None:
        self._kept.hide_all_but([*self._pictures, *self.marks.layers])


def _world_per_mm(viewer: ViewerModel) -> float:
    """What a millimetre is in the unit of the canvas, which other layers may set to µm."""
    units = getattr(viewer.layers.extent, "units", None)
    return 1.0 / ((None if units is None else mm_in(units[-1])) or 1.0)
