"""What a run takes from a layer, and what a layer tells of itself without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm._napari.placing import Placement, placement_of
from napari_fus_ulm._napari.replay import Source
from napari_fus_ulm._napari.selection import Corrections
from napari_fus_ulm.io.common import modality_of
from napari_fus_ulm.selection import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


@dataclass(frozen=True, slots=True)
class Picked:
    """What a run takes from a layer.

    Parameters
    ----------
    scan : xarray.DataArray
        The part that is used.
    placement : Placement
        Where the layer lies.
    source : Source
        Where it came from.
    """

    scan: xr.DataArray
    placement: Placement
    source: Source


def pick(
    layer: Image, scan: xr.DataArray, corrections: Corrections, selection: Selection
) -> Picked:
    """Take a part of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
    scan : xarray.DataArray
        The whole layer.
    corrections : Corrections
        What the user has said about it.
    selection : Selection
        The part.
    """
    path = _path(layer, scan)
    record = scan.attrs.get("provenance")
    phantom = isinstance(record, dict) and bool(record.get("simulated")) and not path
    all_times = "all" if "time" in scan.dims else None
    source = {
        "layer": layer.name,
        "path": path,
        "spacing": corrections.spacing,
        "leading": "time" if corrections.leading == "time" else None,
        "simulated": record.get("seed") if phantom and isinstance(record, dict) else None,
        "slice": selection.slices if scan.sizes.get("k", 1) > 1 else None,
        "time": all_times if selection.times is None else selection.times,
    }
    # What was chosen when the file was loaded holds where nothing was chosen here.
    loaded = scan.attrs.get("loaded", {})
    source |= {key: value for key, value in loaded.items() if source.get(key) in (None, "")}
    placement = placement_of(layer, scan, selection)
    return Picked(selection.of(scan), placement, Source.from_mapping(source))


def shown_numbers(viewer: ViewerModel, layer: Image, scan: xr.DataArray) -> dict[str, int]:
    """Number that the sliders show along each leading dim of a layer's scan."""
    if layer.ndim < 3:
        return {}
    dims = placement_of(layer, scan, Selection()).dims
    point = layer.world_to_data(viewer.dims.point)
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    shown: dict[str, int] = {}
    for axis, (dim, size, at) in enumerate(zip(dims[:-2], shape, point, strict=False)):
        number = min(max(round(float(at)), 0), size - 1)
        backward = dim == "k" and layer.scale[axis] < 0  # the scan is turned round
        shown[dim] = size - 1 - number if backward else number
    return shown


def likely_modality(layer: Image) -> str:
    """What a layer shows, by its metadata and its name alone."""
    carried = layer.metadata.get("xarray")
    told = getattr(carried, "attrs", {}).get("modality", "unknown")
    return str(told) if told != "unknown" else modality_of(Path(layer.name or "image"))


def _path(layer: Image, scan: xr.DataArray) -> str:
    loaded = scan.attrs.get("loaded", {}).get("path")
    for candidate in (layer.source.path, loaded, scan.attrs.get("source")):
        if candidate and Path(str(candidate)).exists():
            return str(candidate)
    return ""
