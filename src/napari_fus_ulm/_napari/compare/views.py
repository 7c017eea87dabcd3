"""The views of a comparison: temporary layers of grey levels above all others.

All lie on one grid and share contrast, gamma and colour map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_fus_ulm._napari.compare.layers import shortened
from napari_fus_ulm._napari.compare.stage import Stage
from napari_fus_ulm._napari.layers.family import OURS
from napari_fus_ulm._napari.viewer.parts import camera_of
from napari_fus_ulm.inference.naming import GENERATED

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

Grey = npt.NDArray[np.float32]

COLORMAPS = {"grey": "gray", "hot": "hot"}
DIFFERENCE_LIMIT = 0.5
"""Grey levels at which a difference has its full colour."""
LINE = (0.25, 0.88, 1.0, 1.0)
"""Colour of the curtain's line, which no map of vessels has."""
NAME_POINTS = 8
GRAB_PIXELS = 8
"""How near the pointer must be to the curtain's line to drag it, in screen pixels."""


class MouseEvent(Protocol):
    """A mouse event of napari."""

    type: str
    position: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Grey levels in [0, 1] of one shape, with their names, and where they lie."""

    names: tuple[str, ...]
    greys: tuple[Grey, ...]
    where: dict[str, Any]
    colours: str = "grey"


class GridView:
    """Every image in its own cell, under one camera."""

    def __init__(self, stage: Stage, pictures: Pictures) -> None:
        self._layers = _layers(pictures, stage)
        for layer in self._layers:
            layer.visible = True
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

    def __init__(self, stage: Stage, pictures: Pictures, on_flip: Callable[[str], None]) -> None:
        self._stage, self._on_flip, self._names = stage, on_flip, pictures.names
        self._layers = _layers(pictures, stage)
        self.number = 0
        for layer in self._layers:
            if hasattr(layer, "name_overlay"):
                layer.name_overlay.visible = False  # the caption says it
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
        self._on_flip(self._names[number])

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
        Called with the share to which the user drags the line.
    """

    def __init__(
        self,
        stage: Stage,
        viewer: ViewerModel,
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
        """Release the mouse."""
        camera_of(self._viewer).mouse_pan = True
        self._viewer.mouse_move_callbacks.remove(self._on_move)
        self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _share_at(self, event: MouseEvent) -> float:
        return float(self.layer.world_to_data(event.position)[-1] + 0.5) / self.columns

    def _near(self, event: MouseEvent) -> bool:
        pixel = abs(float(self.layer.scale[-1])) * float(camera_of(self._viewer).zoom)
        far = abs(self._share_at(event) * self.columns - self._column) * pixel
        return far <= GRAB_PIXELS

    def _on_move(self, _: object, event: MouseEvent) -> None:
        # Before the button is pressed: the camera must not follow the same drag.
        camera_of(self._viewer).mouse_pan = not self._near(event)

    def _on_press(self, _: object, event: MouseEvent) -> Iterator[None]:
        if not self._near(event):
            return
        yield
        while event.type == "mouse_move":
            self._on_drag(min(max(self._share_at(event), 0.0), 1.0))
            yield


View = GridView | BlinkView | DifferenceView | CurtainView


def _layers(pictures: Pictures, stage: Stage) -> list[Image]:
    """A layer each, numbered in reading order; those of the view before if they are alike."""
    titles = zip(pictures.names, shortened(pictures.names), strict=True)
    names = [f"{n}  {_first_generated(*both)}" for n, both in enumerate(titles, 1)]
    colormap = COLORMAPS[pictures.colours]
    there = [(one.name, one.data.shape, one.colormap.name) for one in stage.layers]
    if there == [
        (name, one.shape, colormap) for name, one in zip(names, pictures.greys, strict=True)
    ]:
        for layer, grey in zip(stage.layers, pictures.greys, strict=True):
            layer.data = grey
        return stage.layers
    return [_layer(name, grey, pictures) for name, grey in zip(names, pictures.greys, strict=True)]


def _first_generated(name: str, short: str) -> str:
    """A name whose end may be cut off in a small cell, but not the word."""
    return f"generated · {short}" if name.endswith(GENERATED) else short


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
