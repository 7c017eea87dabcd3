"""What a run takes from a layer, and what a layer's metadata say without its pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.layers.parts import LayerParts, LayerScan, Question, parts_of
from napari_fus_ulm._napari.layers.placing import Placement, placement_of
from napari_fus_ulm._napari.layers.to_scan import layer_to_scan, scan_of_parts
from napari_fus_ulm.io.guesses import modality_of
from napari_fus_ulm.scan import spacing_of
from napari_fus_ulm.selection import Selection
from napari_fus_ulm.tasks.record import Source

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """What a run takes from a layer.

    Parameters
    ----------
    outline : xarray.DataArray
        The part that is used, as for its axes and its place; where it is a mean over time, one
        frame stands for it, because averaging a film takes a while.
    take : callable
        Reads the part that is used from the layer as it is then; for a thread.
    placement : Placement
        Where the layer lies.
    source : Source
        Where it came from.
    layer_id : hashable
        The layer.
    """

    outline: xr.DataArray
    take: Callable[[], xr.DataArray]
    placement: Placement
    source: Source
    layer_id: LayerId


def pick(
    layer: Image, scan: xr.DataArray, selection: Selection, answers: Mapping[str, Any]
) -> Picked:
    """Take a part of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
    scan : xarray.DataArray
        The whole layer.
    selection : Selection
        The part.
    answers : mapping
        Keyword arguments of `layer_to_scan`.
    """
    path = _path(layer, scan)
    record = scan.attrs.get("provenance")
    phantom = isinstance(record, dict) and bool(record.get("simulated")) and not path
    all_times = "all" if "time" in scan.dims else None
    source = {
        "layer": layer.name,
        "path": path,
        "modality": str(scan.attrs.get("modality", "unknown")),
        # Always: the layer may say otherwise than its file (its scale, its axis labels).
        "spacing": spacing_of(scan),
        "leading": "time" if "time" in scan.dims and layer.ndim == 3 else None,
        "simulated": record.get("seed") if phantom and isinstance(record, dict) else None,
        "slice": selection.slices if scan.sizes.get("k", 1) > 1 else None,
        "time": all_times if selection.times is None else selection.times,
    }
    # What was chosen when the file was loaded holds where nothing was chosen here.
    loaded = scan.attrs.get("loaded", {})
    source |= {key: value for key, value in loaded.items() if source.get(key) in (None, "")}
    return Picked(
        outline(scan, selection),
        partial(_take, parts_of(layer), dict(answers), selection),
        placement_of(layer, scan, selection),
        Source.from_mapping(source),
        layer.unique_id,
    )


def outline(scan: xr.DataArray, selection: Selection) -> xr.DataArray:
    """The part of a scan as for its axes and its place, without computing a mean.

    Raises
    ------
    ScanError
        If there is no such slice or time.
    """
    return (replace(selection, times=0) if selection.times == "mean" else selection).of(scan)


def layer_key(layer: Image) -> tuple[Any, ...]:
    """Key of a layer's state; another one when it has to be read again.

    Pixels that were changed in place are no reason: a run reads them when it begins.
    """
    where = (tuple(layer.scale), tuple(layer.translate), tuple(map(str, layer.units)))
    turns = (layer.rotate, layer.shear, layer.affine.affine_matrix)
    turned = tuple(np.asarray(turn).tobytes() for turn in turns)
    return (*_pixels_key(layer), tuple(layer.axis_labels), *where, *turned)


def _pixels_key(layer: Image) -> tuple[Any, ...]:
    return (layer.unique_id, layer.name, id(layer.data), id(layer.metadata.get("xarray")))


class LayerReader:
    """Converts layers, and remembers the kind of values of the last one.

    The guess reads every pixel of a film; a correction of the pixel size need not repeat it.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._values = ""
        self._questions: tuple[Question, ...] = ()

    def read(self, layer: Image, **answers: Any) -> LayerScan:
        """Do what `layer_to_scan` does.

        Raises
        ------
        ScanError
            If the layer cannot be a scan.
        """
        key = _pixels_key(layer)
        if key == self._key:
            layer_scan = layer_to_scan(layer, values=self._values, **answers)
            questions = (*layer_scan.questions, *self._questions)
            return replace(layer_scan, questions=questions)
        layer_scan = layer_to_scan(layer, **answers)
        self._key, self._values = key, layer_scan.scan.attrs["values"]
        self._questions = tuple(one for one in layer_scan.questions if one.kind == "values")
        return layer_scan


def _take(parts: LayerParts, answers: Mapping[str, Any], selection: Selection) -> xr.DataArray:
    return selection.of(scan_of_parts(parts, **answers).scan)


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
    modality = getattr(carried, "attrs", {}).get("modality", "unknown")
    return str(modality) if modality != "unknown" else modality_of(Path(layer.name or "image"))


def _path(layer: Image, scan: xr.DataArray) -> str:
    loaded = scan.attrs.get("loaded", {}).get("path")
    for candidate in (layer.source.path, loaded, scan.attrs.get("source")):
        if candidate and Path(str(candidate)).exists():
            return str(candidate)
    return ""
