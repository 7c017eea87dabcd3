"""The layers that a run makes: a preview that sharpens in place, then the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fus_ulm._napari.layers.family import OURS, hang_on, hanging_on, is_result, ours, remove
from napari_fus_ulm._napari.layers.from_scan import display_of
from napari_fus_ulm._napari.layers.identity import LayerId, present
from napari_fus_ulm._napari.layers.placing import Placement
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import PART
from napari_fus_ulm.tasks.enhance import record_of
from napari_fus_ulm.tasks.record import Record, Source, read_record, record_beside

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_fus_ulm.inference.enhancement import Enhancement
    from napari_fus_ulm.inference.events import Preview

INPUT, PART_USED, ENHANCEMENT, RUN = "input", "part", "enhancement", "run"
"""Of what we know about a result: the id of the layer it was made from, the part of that, what its
run gave, and what was said about it."""


class RunLayers:
    """Layers of one run, on top of the layer it enhances.

    Nothing here touches the input, the camera or the sliders. A layer that the user deletes
    meanwhile stays deleted until the result. A result of the same part of the same input with the
    same settings is replaced: its layer gets the new pixels, and what hung on it goes.

    Parameters
    ----------
    viewer : napari viewer
    placement : Placement
        Where the input lies.
    source : Source
        Where it came from; kept with the result.
    input_id : hashable
        Its layer.
    """

    def __init__(
        self, viewer: ViewerModel, placement: Placement, source: Source, input_id: LayerId
    ) -> None:
        self._viewer, self._placement = viewer, placement
        self._source, self._input = source, input_id
        self._name = f"preview · {source.layer}"
        self._preview: Image | None = None
        self._shown = False
        self._limits: tuple[float, float] | None = None

    def show(self, event: Preview) -> None:
        """Put an estimate into the preview; where there is none yet, the input stays visible."""
        plane = event.image.values
        if self._preview is None:
            if self._shown:
                return  # the user has deleted it
            volume = np.full(self._placement.shape(plane.shape), np.nan, np.float32)
            metadata = {OURS: {"preview": True}}
            look = display_of(event.image)
            self._preview = self._add(volume, self._name, look, metadata, event.image)
            self._limits, self._shown = tuple(self._preview.contrast_limits), True
        if not self._present():
            return
        self._placement.put(self._preview.data, event.plane, plane)
        self._follow_limits(self._preview, display_of(event.image)["contrast_limits"])
        self._preview.refresh()

    def place_of(self, event: Preview) -> dict[int, float]:
        """Where the plane of an estimate lies in the viewer's world, by axis; empty without one."""
        layer = self._preview
        if layer is None or not self._present():
            return {}
        pixel = self._placement.pixel_of(event.plane, event.image.shape)
        beside = self._viewer.dims.ndim - layer.ndim
        return dict(enumerate(layer.data_to_world(pixel), start=beside))

    def finish(self, enhancement: Enhancement) -> Image:
        """Turn the preview into the result; add the spread, hidden, where there is one."""
        title = enhancement.titled(self._placement.part)
        image = self._placement.full_dims(enhancement.image).rename(title)
        volume, look = self._placement.volume(image), display_of(image)
        record = record_of(enhancement, self._source).as_dict()
        # Also what another writer saves says how it was made.
        image = image.assign_attrs(provenance={**enhancement.provenance, "record": record})
        known = {
            INPUT: self._input,
            "title": title,
            PART_USED: self._placement.part,
            "limits": look["contrast_limits"],
            ENHANCEMENT: enhancement,
            "settings": dataclasses.asdict(enhancement.settings),
            "provenance": enhancement.provenance,
            "record": record,
        }
        metadata = {"xarray": image, OURS: known}
        layer = self._earlier(title, volume.ndim)
        if layer is not None:
            self._replace(layer, volume, metadata)
        elif self._preview is not None and self._present():
            layer = self._preview
            layer.data = volume
            # Before the name, whose change every dock hears: the metadata must be there by then.
            layer.metadata = metadata
            layer.name = title
            self._follow_limits(layer, look["contrast_limits"])
        else:
            layer = self._add(volume, title, look, metadata, image)
        self._preview = None
        if enhancement.spread is not None:
            self._add_spread(enhancement.spread, layer)
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

    def _earlier(self, title: str, ndim: int) -> Image | None:
        """The result that is replaced, if there is one."""
        for layer in self._viewer.layers:
            known = ours(layer)
            same = known.get("title") == title and known.get(INPUT) == self._input
            if is_result(layer) and same and layer.ndim == ndim:
                return layer
        return None

    def _replace(self, layer: Image, volume: Any, metadata: dict[str, Any]) -> None:
        """Give a result new pixels, on top of the others; its look is the user's."""
        layers = self._viewer.layers
        remove(self._viewer, hanging_on(self._viewer, layer))
        self._limits = tuple(ours(layer)["limits"])
        layer.metadata = metadata
        layer.data = volume
        for name, value in self._where(metadata["xarray"]).items():
            setattr(layer, name, value)
        self._follow_limits(layer, metadata[OURS]["limits"])
        self.discard()
        layers.move(layers.index(layer), len(layers))
        layer.visible = True
        layers.selection.active = layer

    def _add_spread(self, spread: xr.DataArray, layer: Image) -> None:
        image = self._placement.full_dims(spread)
        high = max(float(np.percentile(image.values, 99.9)), 1e-6)
        look = {
            "name": "spread",
            "contrast_limits": (0.0, high),
            "colormap": "magma",
            "visible": False,
            "metadata": {"xarray": image},
        }
        data = self._placement.volume(image), {**self._where(image), **look}, "image"
        hang_on(self._viewer, layer, "spread", [data])

    def _add(
        self,
        data: Any,
        name: str,
        look: Mapping[str, Any],
        metadata: Mapping[str, Any],
        like: xr.DataArray,
    ) -> Image:
        from napari.layers import Image

        # The metadata come first: whoever hears of the new layer must recognise it as ours.
        layer = Image(data, name=name, metadata=dict(metadata), **self._where(like), **look)
        self._viewer.add_layer(layer)
        return layer

    def _where(self, image: xr.DataArray) -> dict[str, Any]:
        """Where an image of the run lies, as arguments of a layer."""
        plane = (image.sizes["j"], image.sizes["i"])
        return self._placement.layer_kwargs(plane, part=image.attrs.get(PART))

    def _present(self) -> bool:
        return present(self._viewer, self._preview)

    def _follow_limits(self, layer: Image, limits: tuple[float, float]) -> None:
        """Follow the image's own range, unless the user has set another."""
        if tuple(layer.contrast_limits) == self._limits:
            layer.contrast_limits = limits
            self._limits = tuple(layer.contrast_limits)


def settings_of_result(layer: Image) -> EnhanceSettings:
    """The settings of the run that made a result.

    Raises
    ------
    SettingsError
        If another version made it, with settings that this one does not have.
    """
    made = layer.metadata["xarray"].attrs["provenance"]["settings"]
    return EnhanceSettings.from_mapping(made)


def record_of_result(layer: Image) -> Record | None:
    """What made a result: as its run kept it, as its file has it beside it, or as it says itself.

    None where nothing of it says so.

    Parameters
    ----------
    layer : napari.layers.Image
        For which `is_result` holds.

    Raises
    ------
    RecordError
        If there is a record that cannot be read.
    """
    known = ours(layer).get("record")
    if known is not None:
        return Record.from_mapping(known)
    path = layer.source.path
    if path and (beside := record_beside(Path(path))).exists():
        return read_record(beside)
    made = layer.metadata["xarray"].attrs["provenance"].get("record")
    if made is None:
        return None
    return Record.from_mapping(made)
