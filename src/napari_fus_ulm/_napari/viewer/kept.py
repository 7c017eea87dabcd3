"""A viewer's state, kept while a dock shows temporary layers, and restored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.layers.identity import LayerId, find, id_of
from napari_fus_ulm._napari.viewer.parts import camera_of, grid_of, text_overlay
from napari_fus_ulm._napari.viewer.steady import steady_text

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Camera = tuple[tuple[float, ...], float, tuple[float, ...]]


class KeptViewer:
    """Which layers are seen, which one is selected, camera, grid and caption, as they were.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._before: _Before | None = None
        self._visible: dict[LayerId, bool] = {}

    @property
    def keeping(self) -> bool:
        """Whether there is something to give back."""
        return self._before is not None

    def keep(self, *, active: Layer | None, dims: bool = False, camera: bool = True) -> None:
        """Remember how the viewer is, unless that has been remembered already.

        Parameters
        ----------
        active : napari.layers.Layer or None
            The selected layer.
        dims : bool
            Restore the sliders too.
        camera : bool
            Restore the camera too; else the viewer is reset, because nothing was seen before.
        """
        if self._before is None:
            steady_text(self._viewer)
            self._before = _Before.of(self._viewer, id_of(active), dims=dims, camera=camera)

    def hide_all_but(self, ours: Iterable[Layer]) -> None:
        """Hide all other layers, including later ones; each is remembered as it was."""
        shown = {layer.unique_id for layer in ours}
        for layer in self._viewer.layers:
            if layer.unique_id not in shown:
                self._visible.setdefault(layer.unique_id, layer.visible)
                layer.visible = False

    def give_back(self) -> None:
        """Restore everything, and those layers that still exist."""
        if self._before is None:
            return
        before, self._before = self._before, None
        for layer in self._viewer.layers:
            layer.visible = self._visible.get(layer.unique_id, layer.visible)
        self._visible.clear()
        before.restore(self._viewer)

    def give_camera_back(self) -> None:
        """Restore the camera alone."""
        if self._before is not None:
            self._before.restore_camera(self._viewer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What was seen of a viewer."""

    active: LayerId | None
    camera: Camera | None
    grid: tuple[bool, int, tuple[int, int]]
    text: tuple[str, bool, str]
    dims: tuple[int, tuple[int, ...], tuple[float, ...]] | None

    @classmethod
    def of(
        cls, viewer: ViewerModel, active: LayerId | None, *, dims: bool, camera: bool
    ) -> _Before:
        seen, grid, text = camera_of(viewer), grid_of(viewer), text_overlay(viewer)
        return cls(
            active=active,
            camera=(seen.center, seen.zoom, seen.angles) if camera else None,
            grid=(grid.enabled, grid.stride, grid.shape),
            text=(text.text, text.visible, text.position),
            dims=(viewer.dims.ndisplay, viewer.dims.order, viewer.dims.point) if dims else None,
        )

    def restore(self, viewer: ViewerModel) -> None:
        grid, text = grid_of(viewer), text_overlay(viewer)
        grid.enabled, grid.stride, grid.shape = self.grid
        text.text, text.visible, text.position = self.text
        if self.dims is not None:
            viewer.dims.ndisplay, order, point = self.dims
            if len(order) == viewer.dims.ndim:
                viewer.dims.order, viewer.dims.point = order, point
        self.restore_camera(viewer)
        if (active := find(viewer.layers, self.active)) is not None:
            viewer.layers.selection.active = active

    def restore_camera(self, viewer: ViewerModel) -> None:
        camera = camera_of(viewer)
        if self.camera is not None:
            camera.center, camera.zoom, camera.angles = self.camera
        elif viewer.layers:  # layers added meanwhile have not been seen yet
            viewer.reset_view()
