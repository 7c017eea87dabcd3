"""The layers that a run makes: a preview that sharpens in place, then the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fus_ulm._napari.layers.from_scan import display_of
from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.layers.placing import Placement
from napari_fus_ulm.scan import PART
from napari_fus_ulm.tasks.enhance import record_of
from napari_fus_ulm.tasks.record import Source

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_fus_ulm.diagnostics.coherence import Coherence
    from napari_fus_ulm.inference.enhancement import Enhancement
    from napari_fus_ulm.inference.events import Preview

OURS = "napari_fus_ulm"
"""Key of the record of a run in a layer's metadata."""
COLOURS = {"red and green": ("red", "green"), "magenta and green": ("magenta", "green")}
LEGENDS = {
    "red and green": "Yellow: neighbouring patches agree.",
    "magenta and green": "White: neighbouring patches agree.",
}


class RunLayers:
    """Layers of one run, on top of the layer it enhances.

    Nothing here touches the input, the camera or the sliders. A layer that the user deletes
    meanwhile stays deleted until the result.

    Parameters
    ----------
    viewer : napari viewer
    placement : Placement
        Where the input lies.
    name : str
        The input's name.
    record : mapping
        Where the input came from; kept with the result.
    """

    def __init__(
        self, viewer: ViewerModel, placement: Placement, name: str, record: Mapping[str, Any]
    ) -> None:
        self._viewer, self._placement, self._record = viewer, placement, dict(record)
        self._name = f"{name} · preview"
        self._preview: Image | None = None
        self._shown = False
        self._limits: tuple[float, float] | None = None

    def show(self, event: Preview) -> None:
        """Put an estimate into the preview."""
        plane = event.image.values
        if self._preview is None:
            if self._shown:
                return  # the user has deleted it
            volume = np.zeros(self._placement.shape(plane.shape), np.float32)
            metadata = {OURS: {"preview": True}}
            look = display_of(event.image)
            self._preview = self._add(volume, self._name, look, metadata, event.image)
            self._limits, self._shown = tuple(self._preview.contrast_limits), True
        if not self._present():
            return
        self._placement.put(self._preview.data, event.plane, plane)
        self._follow_limits(display_of(event.image)["contrast_limits"])
        self._preview.refresh()

    def finish(self, enhancement: Enhancement) -> Image:
        """Turn the preview into the result; add the spread, hidden, where there is one."""
        image = self._placement.full_dims(enhancement.image)
        volume = self._placement.volume(image)
        record = {
            "settings": dataclasses.asdict(enhancement.settings),
            "provenance": enhancement.provenance,
            "record": record_of(enhancement, Source.from_mapping(self._record)).as_dict(),
        }
        metadata = {"xarray": image, OURS: record}
        if self._preview is not None and self._present():
            layer = self._preview
            layer.data = volume
            # Before the name, whose change every dock hears: the metadata must be there by then.
            layer.metadata = metadata
            layer.name = enhancement.title
            self._follow_limits(display_of(image)["contrast_limits"])
        else:
            look = display_of(image)
            layer = self._add(volume, enhancement.title, look, metadata, image)
        self._preview = None
        if enhancement.spread is not None:
            self._add_spread(enhancement.spread, enhancement.title, record, below=layer)
        return layer

    def stop(self, why: str) -> None:
        """Keep the preview under a name that says that it is not a result."""
        if self._preview is not None and self._present():
            self._preview.name = f"{self._name} ({why})"

    def discard(self) -> None:
        """Remove the preview of a run without a result; a rerun makes a new one."""
        if self._preview is not None and self._present():
            self._viewer.layers.remove(self._preview)
        self._preview = None

    def _add_spread(
        self, spread: xr.DataArray, title: str, record: dict[str, Any], below: Image
    ) -> None:
        image = self._placement.full_dims(spread)
        high = max(float(np.percentile(image.values, 99.9)), 1e-6)
        look = {"contrast_limits": (0.0, high), "colormap": "magma", "visible": False}
        metadata = {"xarray": image, OURS: record}
        volume, name = self._placement.volume(image), f"{title} · spread"
        layer = self._add(volume, name, look, metadata, image)
        layers = self._viewer.layers
        layers.move(layers.index(layer), layers.index(below))
        layers.selection.active = below

    def _add(
        self,
        data: Any,
        name: str,
        look: Mapping[str, Any],
        metadata: Mapping[str, Any],
        like: xr.DataArray,
    ) -> Image:
        from napari.layers import Image

        plane = (like.sizes["j"], like.sizes["i"])
        where = self._placement.layer_kwargs(plane, part=like.attrs.get(PART))
        # The metadata come first: whoever hears of the new layer must recognise it as ours.
        layer = Image(data, name=name, metadata=dict(metadata), **where, **look)
        self._viewer.add_layer(layer)
        return layer

    def _present(self) -> bool:
        return present(self._viewer, self._preview)

    def _follow_limits(self, limits: tuple[float, float]) -> None:
        """Follow the image's own range, unless the user has set another."""
        layer = self._preview
        if layer is not None and tuple(layer.contrast_limits) == self._limits:
            layer.contrast_limits = limits
            self._limits = tuple(layer.contrast_limits)


def coherence_layers(
    coherence: Coherence,
    placement: Placement,
    name: str,
    colours: str,
    direction: str = "left | right",
) -> list[tuple[Any, dict[str, Any], str]]:
    """Left and right (upper and lower) patches as additive layers, and the grid of patches.

    Parameters
    ----------
    coherence : Coherence
    placement : Placement
        Where the input lies.
    name : str
        The input's name.
    colours : str
        A key of `COLOURS`.
    direction : {"left | right", "upper / lower"}

    Returns
    -------
    list of layer data tuples
    """
    record = {
        "settings": dataclasses.asdict(coherence.settings),
        "coherence": True,
        "noise": coherence.noise,
    }
    layers: list[tuple[Any, dict[str, Any], str]] = []
    names = direction.replace("|", "/").split(" / ")
    sides = tuple(zip(names, coherence.sides(direction), strict=True))
    high = max(float(np.percentile(image.values, 99.9)) for _, image in sides) or 1.0
    for (side, image), colour in zip(sides, COLOURS[colours], strict=True):
        full = placement.full_dims(image)
        look = {
            "name": f"{name} · {side} patches",
            "colormap": colour,
            # The lower one hides what lies below: added to the input, nothing would be yellow.
            "blending": "translucent_no_depth" if side == names[0] else "additive",
            "contrast_limits": (0.0, high),
            "metadata": {"xarray": full, OURS: record},
        }
        where = placement.layer_kwargs((image.shape[0], image.shape[1]))
        layers.append((placement.volume(full), where | look, "image"))
    grid = placement.world(coherence.corners, coherence.left)
    layers.append(
        (
            grid.pop("data"),
            {
                **grid,
                "name": f"{name} · patch grid",
                "shape_type": "polygon",
                "edge_color": "#ffffff60",
                "face_color": "transparent",
                "edge_width": 1.0,
                "metadata": {OURS: record},
            },
            "shapes",
        )
    )
    return layers
