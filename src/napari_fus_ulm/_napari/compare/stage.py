"""Layers shown in place of the others; the viewer's state is restored afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
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
        self._turn = 0
        self.later: Callable[[Callable[[], None]], None] = at_once
        """Does something once the viewer has drawn."""
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
        self._turn += 1
        if self.layers != list(layers):
            with self._changing():
                if not self._kept.keeping:
                    self._kept.keep(active=self._viewer.layers.selection.active)
                    self._bar_was_seen = scale_bar_of(self._viewer).visible
                self._clear()
                self._kept.hide_all_but(())
        self.caption(caption)
        waiting = [layer for layer in reversed(layers) if layer not in self.layers]
        self._add(self._turn, waiting, grid=grid, linked=linked)

    def _add(self, turn: int, waiting: Sequence[Image], *, grid: bool, linked: bool) -> None:
        """Add layers, each above the others; many one by one, so that the viewer goes on."""
        if turn != self._turn:
            return
        many = len(waiting) + len(self.layers) > 2
        now, after = (waiting[:1], waiting[1:]) if many else (waiting, [])
        with self._changing():
            for layer in now:
                self._viewer.add_layer(layer)
                self.layers.insert(0, layer)
        if now and many:
            self.later(partial(self._add, turn, after, grid=grid, linked=linked))
            return
        if linked and len(self.layers) > 1:
            self._viewer.layers.link_layers(self.layers, SHARED)
        self._set_grid(self.layers if grid else ())
        self._set_bar(_lengths_known(self.layers[0]), gridded=True)
        if grid:  # napari takes over the view of new cells once they are drawn
            self.later(partial(self._fit, turn))

    def _fit(self, turn: int) -> None:
        if turn == self._turn:
            self._viewer.reset_view()

    def leave(self) -> None:
        """Remove the layers and restore what is left of the state before."""
        self._turn += 1
        if self._kept.keeping:
            with self._changing():
                self._clear()
                self._kept.give_back()
            self._set_bar(self._bar_was_seen, gridded=False)

    def _set_bar(self, seen: bool, *, gridded: bool) -> None:
        """Show the scale bar, in every cell of a grid where napari can."""
        bar = scale_bar_of(self._viewer)
        bar.visible = seen
        if hasattr(bar, "gridded"):
            bar.gridded = gridded

    def caption(self, text: str) -> None:
        """Write a line at the top of the canvas."""
        overlay = text_overlay(self._viewer)
        overlay.text, overlay.visible, overlay.position = text, bool(text), "top_center"

    def _clear(self) -> None:
        for layer in self.layers:
            if present(self._viewer, layer):
                self._viewer.layers.remove(layer)
        self.layers = []

    def _set_grid(self, layers: Sequence[Image]) -> None:
        """Turn the grid on for layers; off for none."""
        grid, was = grid_of(self._viewer), grid_of(self._viewer).enabled
        if layers:
            # The topmost layer first, also where napari keeps cells for hidden layers.
            grid.stride, grid.shape = -1, self._cells(layers)
        grid.enabled = bool(layers)
        if layers:
            self._viewer.reset_view()
        elif was:
            self._kept.give_camera_back()  # that of the cells shows too small a part

    def _cells(self, layers: Sequence[Image]) -> tuple[int, int]:
        """Rows and columns in which images of one shape are largest."""
        canvas = getattr(getattr(self._viewer, "canvas", None), "size", None) or (3, 4)
        low, high = np.asarray(layers[0].extent.world)
        tall, wide = np.maximum(high - low, 1e-9)[-2:]

        def scale(columns: int) -> float:
            rows = -(-len(layers) // columns)
            return float(min(canvas[0] / (rows * tall), canvas[1] / columns / wide))

        columns = max(range(1, len(layers) + 1), key=scale)
        return -(-len(layers) // columns), columns

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


def _lengths_known(layer: Image) -> bool:
    """Whether a layer lies in lengths, so that a scale bar is right."""
    return all(mm_in(unit) is not None for unit in layer.units[-2:])


def at_once(work: Callable[[], None]) -> None:
    """Do something without waiting for the viewer."""
    work()
