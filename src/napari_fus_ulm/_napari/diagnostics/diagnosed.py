"""What the diagnostics below a result work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm.inference.settings import EnhanceSettings, Values
from napari_fus_ulm.tasks.record import Record, Source

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_fus_ulm._napari.picker.picked import Picked
    from napari_fus_ulm.inference.enhancement import Enhancement


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

    def result_source(self, layer: Image | None = None) -> Source:
        """Where a result comes from: the run that made it, or else its file."""
        layer = self.result if layer is None else layer
        assert layer is not None
        record = layer.metadata.get(OURS, {}).get("record")
        if record is not None:
            run = Record.from_mapping(record)
            return Source(layer=layer.name, modality=None, made_by=run)
        return Source(layer=layer.name, modality=None, path=str(layer.source.path or ""))
