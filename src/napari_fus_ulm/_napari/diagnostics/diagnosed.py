"""What the diagnostics below a result work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from napari_fus_ulm._napari.layers.family import OURS, hanging_on, said_on
from napari_fus_ulm._napari.layers.identity import find
from napari_fus_ulm.inference.settings import EnhanceSettings, Values
from napari_fus_ulm.tasks.both import why_they_differ
from napari_fus_ulm.tasks.record import Record, Source

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_fus_ulm._napari.picker.picked import Picked
    from napari_fus_ulm.inference.enhancement import Enhancement


SUPPORT, MISSED = "Support", "Missed vessels"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a diagnostic has found; kept with its layers, so that its words go when they go.

    Parameters
    ----------
    event : object
        What its work gave.
    record : Record or None
        How to find it again.
    key : object
        What it is about; stale where that is another one.
    """

    event: Any
    record: Record | None = None
    key: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosed:
    """The input of a diagnostic, with its result and ground truth.

    Parameters
    ----------
    viewer : napari viewer
    picked : Picked
        The power Doppler.
    settings : EnhanceSettings
        As the dock has them.
    truth : Picked or None
        The ground truth, if one is chosen and fits.
    result : napari.layers.Image or None
        The result that is selected, or else the newest.
    enhancement : Enhancement or None
        What the newest run gave, if its layer is that result.
    """

    viewer: Any
    picked: Picked
    settings: EnhanceSettings
    truth: Picked | None = None
    result: Image | None = None
    enhancement: Enhancement | None = None

    @property
    def taken(self) -> EnhanceSettings:
        """The settings with the values as the layer has them, for the record."""
        values = self.picked.outline.attrs.get("values")
        if self.settings.values != "auto" or values not in get_args(Values):
            return self.settings
        return replace(self.settings, values=str(values))  # type: ignore[arg-type]

    @property
    def image(self) -> Image | None:
        """The layer of the power Doppler, while it is there."""
        return find(self.viewer.layers, self.picked.layer_id)

    def about(self, kind: str) -> Layer | None:
        """The layer on which layers of a diagnostic hang: the result, or else the input."""
        both = (self.result, self.image)
        return next((one for one in both if one and hanging_on(self.viewer, one, kind)), None)

    def found(self, kind: str) -> Found | None:
        """What a diagnostic has found, while its layers are there."""
        found: Found | None = said_on(self.viewer, self.about(kind), kind)
        return found

    @property
    def beside_each_other(self) -> str:
        """Why *Support* and *Missed vessels* differ, where both are shown."""
        support, missed = self.found(SUPPORT), self.found(MISSED)
        if support is None or missed is None:
            return ""
        return why_they_differ(support.event, missed.event)

    def result_source(self, layer: Image | None = None) -> Source:
        """Where a result comes from: the run that made it, or else its file."""
        layer = self.result if layer is None else layer
        assert layer is not None
        record = layer.metadata.get(OURS, {}).get("record")
        if record is not None:
            run = Record.from_mapping(record)
            return Source(layer=layer.name, modality=None, made_by=run)
        return Source(layer=layer.name, modality=None, path=str(layer.source.path or ""))
