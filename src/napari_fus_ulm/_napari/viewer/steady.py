"""A text on the canvas that is drawn last in every frame, and keeps OpenGL from crashing.

vispy leaves the vertex attributes of what it drew last enabled. When those were of a text or a
scale bar that is hidden or removed, napari deletes their buffers with the next layer that goes, and
the next image that is drawn crashes the viewer. A text that stays, drawn after all others, has
always set the attributes anew before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_fus_ulm._napari.viewer.parts import overlays_of

if TYPE_CHECKING:
    from napari.components import ViewerModel

KEY = "fus_ulm_words"
NOTHING = " "
"""Text that is drawn and not seen; an empty one would not be drawn."""
LAST = 10**6 + 1
"""napari draws its own in the order 10**6."""


def steady_text(viewer: ViewerModel) -> Any:
    """The text of ours, without words at first; it must never be hidden or removed."""
    overlays = overlays_of(viewer)
    if KEY not in overlays:
        from napari.components.overlays import TextOverlay

        overlays[KEY] = TextOverlay(text=NOTHING, position="bottom_left", visible=True, order=LAST)
    return overlays[KEY]
