"""Which layers can be compared, and the plane that the sliders show of each, as a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from napari_fus_ulm._napari.layers.family import OURS, is_result, ours
from napari_fus_ulm._napari.layers.parts import LayerScan
from napari_fus_ulm._napari.layers.placing import Placement, placement_of
from napari_fus_ulm._napari.layers.to_scan import layer_to_scan
from napari_fus_ulm._napari.picker.picked import likely_modality, pick, shown_numbers
from napari_fus_ulm.inference.naming import caption_of
from napari_fus_ulm.selection import Selection
from napari_fus_ulm.tasks.record import Record, Source

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

FUS, RESULT, ULM = "fus", "result", "ulm"
_ORDER = (FUS, RESULT, ULM)
_PER_AXIS = ("scale", "translate", "units", "axis_labels")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is compared, in reading order: fUS, results, ULM, the ground truth last.

    Parameters
    ----------
    images : tuple of xarray.DataArray
        2-D scans, named like their layers.
    layers : tuple of napari.layers.Image
        The same order.
    frame : Placement
        Where the first one lies.
    """

    images: tuple[xr.DataArray, ...]
    layers: tuple[Image, ...]
    frame: Placement

    def where(self, shape: tuple[int, int]) -> dict[str, Any]:
        """Where a 2-D layer of this shape lies: in the plane, on the first image."""
        return _in_plane(self.frame.layer_kwargs(shape), self.frame.plane_axes)


def comparable_layers(viewer: ViewerModel) -> list[Image]:
    """Inputs, results and ULM, the newest first; no previews, spreads or diagnostics."""
    return [layer for layer in reversed(viewer.layers) if _comparable(layer)]


def kind_of(layer: Image) -> str:
    """What a layer shows: "fus", "result" or "ulm"."""
    carried = getattr(layer.metadata.get("xarray"), "attrs", {})
    if carried.get("generated"):
        return RESULT
    return ULM if likely_modality(layer) == "ulm" else FUS


def titles(layers: Sequence[Image]) -> list[str]:
    """Names for people: a result's with its generator's and without its input's name, where that
    is unambiguous.
    """
    short = [_short(layer) for layer in layers]
    return [
        title if short.count(title) == 1 else layer.name
        for layer, title in zip(layers, short, strict=True)
    ]


def _short(layer: Image) -> str:
    carried = getattr(layer.metadata.get("xarray"), "attrs", {})
    made = carried.get("provenance") if carried.get("generated") else None
    known = isinstance(made, dict) and "generator_title" in made
    return caption_of(layer.name, made or {}) if known else str(layer.name)


def seen(viewer: ViewerModel, layers: Sequence[Image], truth: Image | None) -> Seen:
    """Read what the sliders show of each layer.

    Raises
    ------
    ScanError
        If a layer cannot be a scan; the sentence names it.
    """
    last = None if truth is None else truth.unique_id

    def place(layer: Image) -> tuple[bool, int]:
        return layer.unique_id == last, _ORDER.index(kind_of(layer))

    ordered = tuple(sorted(layers, key=place))
    scans = [_scan_of(layer, truth=layer.unique_id == last) for layer in ordered]
    planes = tuple(_shown(viewer, *one) for one in zip(ordered, scans, strict=True))
    return Seen(planes, ordered, placement_of(ordered[0], scans[0].axes, Selection()))


def plane_of(viewer: ViewerModel, layer: Image, *, truth: bool = False) -> xr.DataArray:
    """The plane that the sliders show of a layer, with the layer's name.

    A layer of unknown modality is taken for ULM where it is the ground truth, for power Doppler
    otherwise.
    """
    return _shown(viewer, layer, _scan_of(layer, truth=truth))


def sources_of(
    viewer: ViewerModel, layers: Sequence[Image], truth: Image | None
) -> dict[str, Source]:
    """Where the planes of layers come from, by their names; the ground truth last."""
    last = None if truth is None else truth.unique_id
    others = [layer for layer in layers if layer.unique_id != last]
    sources = {layer.name: source_of(viewer, layer) for layer in others}
    if truth is not None:
        sources[truth.name] = source_of(viewer, truth, truth=True)
    return sources


def source_of(viewer: ViewerModel, layer: Image, *, truth: bool = False) -> Source:
    """Where the plane that the sliders show comes from: a file, a phantom, or the run that made it.

    Parameters
    ----------
    viewer : napari viewer
    layer : napari.layers.Image
    truth : bool
        Whether it is the ground truth; see `plane_of`.
    """
    read = _scan_of(layer, truth=truth)
    shown = {
        dim: number
        for dim, number in shown_numbers(viewer, layer, read.axes).items()
        if read.scan.sizes.get(dim, 1) > 1
    }
    part = Selection(slices=shown.get("k"), times=shown.get("time"))
    record = ours(layer).get("record")
    if record is None:
        return pick(layer, read, part, {}).source
    return Source(
        layer=layer.name,
        modality=None,
        slice=part.slices,
        time=part.times,
        made_by=Record.from_mapping(record),
    )


def _scan_of(layer: Image, *, truth: bool) -> LayerScan:
    known = likely_modality(layer) != "unknown"
    return layer_to_scan(layer, modality=None if known else "ulm" if truth else "fus")


def _shown(viewer: ViewerModel, layer: Image, read: LayerScan) -> xr.DataArray:
    shown = shown_numbers(viewer, layer, read.axes)
    index = {str(dim): shown.get(str(dim), 0) for dim in read.scan.dims[:-2]}
    return read.scan.isel(index, drop=True).rename(layer.name)


def _comparable(layer: Any) -> bool:
    from napari.layers import Image

    if not isinstance(layer, Image):
        return False
    return OURS not in layer.metadata or is_result(layer)


def _in_plane(where: Mapping[str, Any], axes: tuple[int, int]) -> dict[str, Any]:
    """A layer's place along two of its axes."""
    both = list(axes)
    matrix = np.ix_([*both, -1], [*both, -1])
    shear = np.asarray(where["shear"])
    return {
        "rotate": np.asarray(where["rotate"])[np.ix_(both, both)],
        "shear": shear[np.ix_(both, both)] if shear.ndim == 2 else shear[-1:],
        "affine": np.asarray(where["affine"])[matrix],
        **{name: tuple(where[name][n] for n in axes) for name in _PER_AXIS},
    }
