"""Layers shown in place of the others; the viewer's state is restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.layers.units import mm_in
from napari_fus_ulm._napari.viewer.kept import KeptViewer
from napari_fus_ulm._napari.viewer.parts import grid_of, scale_bar_of, text_overlay

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

SHARED = ("contrast_limits", "gamma", "colormap")


class Stage:
    """Shows layers in place of the others, and remembers the viewer's state.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._kept = KeptViewer(viewer)
        self.layers: list[Image] = []
        self._bar_was_seen = False
        self.busy = False
        """Whether the changes of the layer list are the stage's own."""

    @property
    def complete(self) -> bool:
        """Whether all layers on stage are still there."""
        return all(present(self._viewer, layer) for layer in self.layers)

    def show(
        self,
        layers: Sequence[Image],
        *,
        grid: bool = False,
        linked: bool = True,
        caption: str = "",
    ) -> None:
        """Show these layers alone; the first is the topmost, and the first of a grid.

        Those that are on stage already stay there: napari takes long to add one.
        """
        stay = self.layers == list(layers)
        if not stay:
            with self._changing():
                if not self._kept.keeping:
                    self._kept.keep(active=self._viewer.layers.selection.active)
                    self._bar_was_seen = scale_bar_of(self._viewer).visible
                self._clear()
                self._kept.hide_all_but(())
                for layer in reversed(layers):
                    self._viewer.add_layer(layer)
                self.layers = list(layers)
                if linked and len(layers) > 1:
                    self._viewer.layers.link_layers(self.layers, SHARED)
        self._set_grid(len(layers) if grid else 0)
        self._set_bar(self._lengths_known)
        self.caption(caption)

    def leave(self) -> None:
        """Remove the layers and restore what is left of the state before."""
        if self._kept.keeping:
            self._set_bar(False)  # whoever shows it with a result can do so again
            with self._changing():
                self._clear()
                self._kept.give_back()
            bar = scale_bar_of(self._viewer)
            bar.visible = bar.visible or self._bar_was_seen

    @property
    def _lengths_known(self) -> bool:
        """Whether the layers lie in lengths, so that a scale bar is right."""
        return all(mm_in(unit) is not None for unit in self.layers[0].units[-2:])

    def _set_bar(self, seen: bool) -> None:
        """Show the scale bar, in every cell of a grid where napari can."""
        bar = scale_bar_of(self._viewer)
        bar.visible = seen
        if hasattr(bar, "gridded"):
            bar.gridded = seen

    def caption(self, text: str) -> None:
        """Write a line at the top of the canvas."""
        overlay = text_overlay(self._viewer)
        overlay.text, overlay.visible, overlay.position = text, bool(text), "top_center"

    def _clear(self) -> None:
        for layer in self.layers:
            if present(self._viewer, layer):
                self._viewer.layers.remove(layer)
        self.layers = []

    def _set_grid(self, count: int) -> None:
        """Turn the grid on for so many images; 0 is no grid."""
        grid, was = grid_of(self._viewer), grid_of(self._viewer).enabled
        if count:
            # The topmost layer first, also where napari keeps cells for hidden layers.
            grid.stride, grid.shape = -1, self._cells(count)
        grid.enabled = bool(count)
        if count:
            self._viewer.reset_view()
        elif was:
            self._kept.give_camera_back()  # that of the cells shows too small a part

    def _cells(self, count: int) -> tuple[int, int]:
        """Rows and columns in which images of one shape are largest."""
        canvas = getattr(getattr(self._viewer, "canvas", None), "size", None) or (3, 4)
        low, high = np.asarray(self.layers[0].extent.world)
        tall, wide = np.maximum(high - low, 1e-9)[-2:]

        def scale(columns: int) -> float:
            return float(min(canvas[0] / (-(-count // columns) * tall), canvas[1] / columns / wide))

        columns = max(range(1, count + 1), key=scale)
        return -(-count // columns), columns

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self.busy = True
        # Every layer that goes makes napari clean the graphics memory, unless they go as one.
        batched = getattr(self._viewer.layers, "batched_update", nullcontext)
        try:
            with batched() if len(self.layers) > 1 else nullcontext():
                yield
        finally:
            self.busy = False
