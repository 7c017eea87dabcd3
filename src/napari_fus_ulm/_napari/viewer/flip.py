"""Before and after: an input alone, and the viewer as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fus_ulm._napari.layers.identity import LayerId

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class Flip:
    """Shows one image in place of all others, and the others again.

    Points, shapes and other marks of the user stay visible.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._visible: dict[LayerId, bool] = {}

    @property
    def before(self) -> bool:
        """Whether the input is shown alone."""
        return bool(self._visible)

    def show_before(self, image: Layer) -> None:
        """Show an image without what lies on it."""
        from napari.layers import Image, Labels

        self.show_after()
        for layer in self._viewer.layers:
            wanted = layer.unique_id == image.unique_id
            if isinstance(layer, Image | Labels) and layer.visible != wanted:
                self._visible[layer.unique_id] = layer.visible
                layer.visible = wanted
        self._visible.setdefault(image.unique_id, image.visible)

    def show_after(self) -> None:
        """Show again what was shown, except what the user has changed meanwhile."""
        for layer in self._viewer.layers:
            was = self._visible.get(layer.unique_id, layer.visible)
            if layer.visible != was:
                layer.visible = was
        self._visible.clear()
