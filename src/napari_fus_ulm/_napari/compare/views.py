"""The views of a comparison: temporary layers of grey levels above all others.

All of them lie on one grid and share contrast, gamma and colours. What was shown before is hidden
meanwhile and comes back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm._napari.widgets.viewer_parts import camera_of, grid_of, text_overlay

if TYPE_CHECKING:
    from napari.layers import Image

Grey = npt.NDArray[np.float32]

COLORMAPS = {"grey": "gray", "hot": "hot"}
DIFFERENCE_LIMIT = 0.5
"""Grey levels at which a difference has its full colour."""
LINE = (0.25, 0.88, 1.0, 1.0)
"""Colour of the curtain's line, which no map of vessels has."""
NAME_POINTS = 8
GRAB_PIXELS = 8
"""How near the pointer must be to the curtain's line to take it, in pixels of the screen."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Grey levels in [0, 1] of one shape, with their names, and where they lie."""

    names: tuple[str, ...]
    greys: tuple[Grey, ...]
    where: dict[str, Any]
    colours: str = "grey"


class Stage:
    """Puts layers on stage in the others' stead, and remembers how everything was.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._before: _Before | None = None
        self.layers: list[Image] = []
        self.busy = False
        """Whether the changes of the layer list are the stage's own."""

    @property
    def complete(self) -> bool:
        """Whether all that was put on stage is still there."""
        return all(layer in self._viewer.layers for layer in self.layers)

    def show(
        self,
        layers: Sequence[Image],
        *,
        grid: bool = False,
        linked: bool = True,
        caption: str = "",
    ) -> None:
        """Show these layers alone; the first is the topmost, and the first of a grid."""
        with self._own_changes():
            if self._before is None:
                self._before = _Before.of(self._viewer)
            self._clear()
            for layer in self._viewer.layers:
                layer.visible = False
            for layer in reversed(layers):
                self._viewer.add_layer(layer)
            self.layers = list(layers)
            if linked and len(layers) > 1:
                shared = ("contrast_limits", "gamma", "colormap")
                self._viewer.layers.link_layers(self.layers, shared)
        self._set_grid(len(layers) if grid else 0)
        self.caption(caption)

    def leave(self) -> None:
        """Take the layers away; whatever is still there of what was before comes back."""
        if self._before is None:
            return
        before, self._before = self._before, None
        with self._own_changes():
            self._clear()
            before.restore(self._viewer)

    def caption(self, text: str) -> None:
        """Write a line at the top of the canvas."""
        overlay = text_overlay(self._viewer)
        overlay.text, overlay.visible, overlay.position = text, bool(text), "top_center"

    def _clear(self) -> None:
        for layer in self.layers:
            if layer in self._viewer.layers:
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
        elif was and self._before is not None:
            self._before.restore_camera(self._viewer)  # that of the cells shows too small a part

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
    def _own_changes(self) -> Iterator[None]:
        self.busy = True
        # Every layer that goes makes napari clean the graphics memory, unless they go as one.
        batched = getattr(self._viewer.layers, "batched_update", nullcontext)
        try:
            with batched() if len(self.layers) > 1 else nullcontext():
                yield
        finally:
            self.busy = False


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What a view changes, as it was."""

    visible: tuple[tuple[Any, bool], ...]
    active: Any
    camera: tuple[Any, ...]
    grid: tuple[Any, ...]
    text: tuple[Any, ...]

    @classmethod
    def of(cls, viewer: Any) -> _Before:
        camera, grid, text = camera_of(viewer), grid_of(viewer), text_overlay(viewer)
        return cls(
            tuple((layer, layer.visible) for layer in viewer.layers),
            viewer.layers.selection.active,
            (camera.center, camera.zoom, camera.angles),
            (grid.enabled, grid.stride, grid.shape),
            (text.text, text.visible, text.position),
        )

    def restore(self, viewer: Any) -> None:
        for layer, visible in self.visible:
            if layer in viewer.layers:
                layer.visible = visible
        if self.active is not None and self.active in viewer.layers:
            viewer.layers.selection.active = self.active
        grid, text = grid_of(viewer), text_overlay(viewer)
        grid.enabled, grid.stride, grid.shape = self.grid
        text.text, text.visible, text.position = self.text
        self.restore_camera(viewer)

    def restore_camera(self, viewer: Any) -> None:
        camera = camera_of(viewer)
        camera.center, camera.zoom, camera.angles = self.camera


# ---------------------------------------------------------------- the views


class GridView:
    """Every image in a cell of its own, under one camera."""

    def __init__(self, stage: Stage, pictures: Pictures) -> None:
        self._layers = _layers(pictures)
        for layer in self._layers:
            if hasattr(layer, "name_overlay"):  # newer napari; the dock lists the names anyway
                layer.name_overlay.visible = True
                layer.name_overlay.font_size = NAME_POINTS
        stage.show(self._layers, grid=True)

    def update(self, pictures: Pictures) -> None:
        """Show other planes of the same images."""
        for layer, grey in zip(self._layers, pictures.greys, strict=True):
            layer.data = grey

    def close(self) -> None:
        """There is nothing to let go of."""


class BlinkView:
    """One image at a time, in the same place."""

    def __init__(self, stage: Stage, pictures: Pictures, on_flip: Callable[[int], None]) -> None:
        self._stage, self._on_flip, self._names = stage, on_flip, pictures.names
        self._layers = _layers(pictures)
        self.number = 0
        stage.show(self._layers)
        self._show(0)

    def flip(self) -> None:
        """Show the next one."""
        self._show((self.number + 1) % len(self._layers))

    def _show(self, number: int) -> None:
        self.number = number
        # First the next one, so that no frame is black.
        self._layers[number].visible = True
        for other, layer in enumerate(self._layers):
            if other != number:
                layer.visible = False
        self._stage.caption(self._names[number])
        self._on_flip(number)

    def update(self, pictures: Pictures) -> None:
        """Show other planes of the same images."""
        for layer, grey in zip(self._layers, pictures.greys, strict=True):
            layer.data = grey

    def close(self) -> None:
        """There is nothing to let go of."""


class DifferenceView:
    """The first image minus the second."""

    def __init__(self, stage: Stage, pictures: Pictures) -> None:
        first, second = pictures.names
        self._layer = _layer(f"{first} − {second}", _difference(pictures), pictures)
        self._layer.colormap = "PiYG"
        self._layer.contrast_limits = (-DIFFERENCE_LIMIT, DIFFERENCE_LIMIT)
        stage.show([self._layer], caption=f"{first} − {second}")

    def update(self, pictures: Pictures) -> None:
        """Show other planes of the same images."""
        self._layer.data = _difference(pictures)

    def close(self) -> None:
        """There is nothing to let go of."""


class CurtainView:
    """One image left of a line, another right of it; the line can be dragged.

    Parameters
    ----------
    stage : Stage
    viewer : napari viewer
    pictures : Pictures
        Left and right.
    share : float
        Where the line is: 0 at the left edge, 1 at the right one.
    on_drag : callable
        Told the share to which the user drags the line.
    """

    def __init__(
        self,
        stage: Stage,
        viewer: Any,
        pictures: Pictures,
        share: float,
        on_drag: Callable[[float], None],
    ) -> None:
        self._viewer, self._on_drag = viewer, on_drag
        self._left, self._right = pictures.greys
        left, right = pictures.names
        self.layer = _layer(f"{left} | {right}", self._right.copy(), pictures)
        self._line = _line(self._right.shape, pictures.where)
        self._column = 0
        stage.show([self._line, self.layer], linked=False, caption=f"◂ {left}   |   {right} ▸")
        viewer.layers.selection.active = self.layer
        self.set_share(share)
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_drag_callbacks.append(self._on_press)

    @property
    def columns(self) -> int:
        """Columns of the image."""
        return int(self._left.shape[1])

    def set_share(self, share: float) -> None:
        """Move the line, to the edge of a pixel."""
        column = round(min(max(share, 0.0), 1.0) * self.columns)
        first, last = sorted((column, self._column))
        part, shown = slice(first, last), self._left if column > self._column else self._right
        self.layer.data[:, part] = shown[:, part]
        self._column = column
        self._line.data[:] = 0.0
        if 0 < column < self.columns:
            self._line.data[:, column] = 1.0
        for layer in (self.layer, self._line):
            layer.refresh(extent=False, thumbnail=False)

    def update(self, pictures: Pictures) -> None:
        """Show other planes of the same images."""
        self._left, self._right = pictures.greys
        share, self._column = self._column / self.columns, 0
        self.layer.data[:] = self._right
        self.set_share(share)

    def close(self) -> None:
        """Give the mouse back."""
        camera_of(self._viewer).mouse_pan = True
        self._viewer.mouse_move_callbacks.remove(self._on_move)
        self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _share_at(self, event: Any) -> float:
        return float(self.layer.world_to_data(event.position)[-1] + 0.5) / self.columns

    def _near(self, event: Any) -> bool:
        pixel = abs(float(self.layer.scale[-1])) * float(camera_of(self._viewer).zoom)
        far = abs(self._share_at(event) * self.columns - self._column) * pixel
        return far <= GRAB_PIXELS

    def _on_move(self, _: Any, event: Any) -> None:
        # Before the button is pressed: the camera must not follow the same drag.
        camera_of(self._viewer).mouse_pan = not self._near(event)

    def _on_press(self, _: Any, event: Any) -> Iterator[None]:
        if not self._near(event):
            return
        yield
        while event.type == "mouse_move":
            self._on_drag(min(max(self._share_at(event), 0.0), 1.0))
            yield


View = GridView | BlinkView | DifferenceView | CurtainView


def _layers(pictures: Pictures) -> list[Image]:
    """A layer each, numbered in reading order."""
    named = zip(pictures.names, pictures.greys, strict=True)
    return [_layer(f"{n}  {name}", grey, pictures) for n, (name, grey) in enumerate(named, 1)]


def _difference(pictures: Pictures) -> Grey:
    first, second = pictures.greys
    return first - second


def _layer(name: str, grey: Grey, pictures: Pictures) -> Image:
    from napari.layers import Image

    return Image(
        grey,
        name=name,
        contrast_limits=(0.0, 1.0),
        colormap=COLORMAPS[pictures.colours],
        metadata={OURS: {"compare": True}},
        **pictures.where,
    )


def _line(shape: tuple[int, ...], where: dict[str, Any]) -> Image:
    """A clear image over the other one, in which a column can be coloured.

    A layer of one narrow pixel would have to be moved, which costs napari ten times as much.
    """
    from napari.layers import Image
    from napari.utils.colormaps import Colormap

    return Image(
        np.zeros(shape, np.float32),
        name="line",
        contrast_limits=(0.0, 1.0),
        colormap=Colormap([(*LINE[:3], 0.0), LINE], name="line"),
        blending="translucent_no_depth",
        metadata={OURS: {"compare": True}},
        **where,
    )
