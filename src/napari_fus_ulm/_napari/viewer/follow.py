"""The sliders, taken along with a run through a stack or a film, and given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel

Point = tuple[float, ...]


class SlidersFollow:
    """Moves the sliders to where something happens, until the user moves them.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._first: Point | None = None
        self._last: Point | None = None

    def go(self, place: Mapping[int, float]) -> None:
        """Move the sliders of some axes to places in the world, unless the user has moved them."""
        dims = self._viewer.dims
        if self._first is None:
            self._first = dims.point
        elif dims.point != self._last:
            return
        hidden = {axis: at for axis, at in place.items() if axis in dims.not_displayed}
        if hidden:
            dims.set_point(tuple(hidden), tuple(hidden.values()))
        self._last = dims.point

    def give_back(self) -> None:
        """Move the sliders to where they were, unless the user has moved them since."""
        dims, first, last = self._viewer.dims, self._first, self._last
        self._first = self._last = None
        if first is not None and dims.point == last and len(first) == dims.ndim:
            dims.set_point(tuple(range(dims.ndim)), first)
