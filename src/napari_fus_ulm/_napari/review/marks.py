"""Breaks and inventions that a reader points at, as points over the two pictures of a trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from psygnal import Signal

from napari_fus_ulm._napari.layers.family import OURS
from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.viewer.parts import camera_of
from napari_fus_ulm.tasks.review import Mark, MarkKind

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

LOOKS: dict[MarkKind, tuple[str, str, str]] = {
    "break": ("breaks", "disc", "#56b4e9"),
    "invention": ("inventions", "diamond", "#ff8c1a"),
}
"""Name, symbol and colour of the layer; the report has the same symbols and colours."""
SIZE_MM, LINE = 0.4, 0.2
"""Size in the pictures, and the share of it that the line takes."""
SEEN_PIXELS = (12, 40)
"""Least and largest size on the screen."""
NEAR_PIXELS = 11
"""A click this near to a mark takes it away."""


class Marks:
    """The marks of one trial, set and taken away by clicks while a tool is chosen.

    Parameters
    ----------
    viewer : napari viewer

    Signals
    -------
    changed()
        Another mark, or one less.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._pictures: list[Image] = []
        self._marks: list[Mark] = []
        self._layers: dict[MarkKind, Points] = {}
        self.tool: MarkKind | None = None

    @property
    def value(self) -> tuple[Mark, ...]:
        """All marks of the trial."""
        return tuple(self._marks)

    @property
    def layers(self) -> list[Points]:
        """The points layers."""
        return [layer for layer in self._layers.values() if present(self._viewer, layer)]

    def begin(self, pictures: list[Image], marks: tuple[Mark, ...] = ()) -> None:
        """Follow clicks on the pictures of a trial, left and right; the points lie above them."""
        if not self._pictures:
            self._viewer.mouse_drag_callbacks.append(self._on_press)
        self._pictures, self._marks = list(pictures), list(marks)
        layers = self._viewer.layers
        for kind in get_args(MarkKind):
            # Both before the first click: napari takes a second to draw its first points.
            if not present(self._viewer, self._layers.get(kind)):
                self._add(kind)
            layers.move(layers.index(self._layers[kind]), -1)
        self._draw()
        self.changed.emit()

    def end(self) -> None:
        """Remove the points and stop following the mouse."""
        if self._pictures:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
        for layer in self.layers:
            self._viewer.layers.remove(layer)
        self._layers.clear()
        self._marks.clear()
        self._pictures = []

    def click(self, position: tuple[float, ...]) -> None:
        """Set a mark at a place of the world, or take away the one that is there.

        Beside the pictures, or without a tool, nothing happens.
        """
        place = self._place(position)
        if place is None or self.tool is None:
            return
        near = [mark for mark in self._marks if self._are_near(mark, place)]
        if near:
            self._marks.remove(near[-1])
        else:
            self._marks.append(place)
        self._draw()
        self.changed.emit()

    def _on_press(self, _: object, event: Any) -> Iterator[None]:
        if self.tool is None:
            return
        yield
        moved = False
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved:
            self.click(event.position)

    def _place(self, position: tuple[float, ...]) -> Mark | None:
        for side, picture in zip(("left", "right"), self._pictures, strict=True):
            at = np.asarray(picture.world_to_data(position))[-2:] + 0.5
            if self.tool is not None and (at >= 0).all() and (at < picture.data.shape).all():
                depth, across = at * picture.scale
                return Mark(side, self.tool, float(depth), float(across))  # type: ignore[arg-type]
        return None

    def _are_near(self, mark: Mark, place: Mark) -> bool:
        if (mark.side, mark.kind) != (place.side, place.kind):
            return False
        apart = np.hypot(mark.depth_mm - place.depth_mm, mark.across_mm - place.across_mm)
        return bool(apart * self._screen_per_mm() <= NEAR_PIXELS)

    def _screen_per_mm(self) -> float:
        """Pixels of the screen in a millimetre of the pictures."""
        picture = self._pictures[0]
        ends = np.array([picture.data_to_world((0, 0)), picture.data_to_world((1, 0))])
        return float(np.ptp(ends[:, -2]) / picture.scale[0] * camera_of(self._viewer).zoom)

    def _draw(self) -> None:
        for kind, layer in self._layers.items():
            places = [self._in_mm(mark) for mark in self._marks if mark.kind == kind]
            layer.data = np.reshape(places, (-1, 2))

    def _in_mm(self, mark: Mark) -> tuple[float, float]:
        picture = self._pictures[("left", "right").index(mark.side)]
        corner = picture.translate - picture.scale / 2
        return float(corner[0] + mark.depth_mm), float(corner[1] + mark.across_mm)

    def _add(self, kind: MarkKind) -> None:
        from napari.layers import Points

        name, symbol, colour = LOOKS[kind]
        layer = Points(
            np.empty((0, 2)),
            name=name,
            ndim=2,
            symbol=symbol,
            face_color="transparent",  # what is marked stays visible
            border_color=colour,
            border_width=LINE,
            size=SIZE_MM,
            units=("mm", "mm"),
            canvas_size_limits=SEEN_PIXELS,
            metadata={OURS: {"review": True}},
        )
        self._layers[kind] = layer
        self._viewer.add_layer(layer)
