"""What a run takes from a layer, and what a layer's metadata say without its pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm._napari.layers.axes import Axes
from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.layers.parts import LayerParts, LayerScan, parts_of
from napari_fus_ulm._napari.layers.placing import Placement, placement_of
from napari_fus_ulm._napari.layers.to_scan import scan_of_parts
from napari_fus_ulm.io.guesses import modality_of
from napari_fus_ulm.scan import AXIS_OF, LAID, spacing_of, step_of
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


def pick(layer: Image, read: LayerScan, selection: Selection, answers: Mapping[str, Any]) -> Picked:
    """Take a part of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
    read : LayerScan
        The whole layer.
    selection : Selection
        The part.
    answers : mapping
        Keyword arguments of `layer_to_scan`.
    """
    scan = read.scan
    turn = turn_of(read.axes)
    path = _path(layer, scan) if turn is not None else ""  # no options could repeat it
    record = scan.attrs.get("provenance")
    phantom = isinstance(record, dict) and bool(record.get("simulated")) and not path
    all_times = "all" if "time" in scan.dims else None
    depth, flip = turn or ("y", "")
    source = {
        "layer": layer.name,
        "path": path,
        "modality": str(scan.attrs.get("modality", "unknown")),
        "leading": "time" if "time" in scan.dims and layer.ndim == 3 else None,
        "depth": depth if depth != "y" else None,
        "simulated": record.get("seed") if phantom and isinstance(record, dict) else None,
        "slice": selection.slices if scan.sizes.get("k", 1) > 1 else None,
        "time": all_times if selection.times is None else selection.times,
    }
    # What was chosen when the file was loaded holds where nothing was chosen here.
    loaded = scan.attrs.get("loaded", {})
    loaded_flip = str(loaded.get("flip", ""))
    source |= {key: value for key, value in loaded.items() if source.get(key) in (None, "")}
    source["flip"] = (
        "".join(axis for axis in "yx" if (axis in flip) != (axis in loaded_flip)) or None
    )
    source["laid_mm"] = tuple(scan.attrs[LAID]) if scan.attrs.get(LAID) else None
    # Always: the layer may say otherwise than its file (its scale, its axis labels).
    source["spacing"] = _file_spacing(scan, str(source["depth"] or "y"))
    return Picked(
        outline(scan, selection),
        partial(_take, parts_of(layer), dict(answers), selection),
        placement_of(layer, read.axes, selection),
        Source.from_mapping(source),
        layer.unique_id,
    )


def turn_of(axes: Axes) -> tuple[str, str] | None:
    """How a file's image must be turned to be read as its layer is: `Source.depth` and its flip.

    None where that is not said by one exchange of two axes.
    """
    order = [axis.dim for axis in axes.every if axis.dim in AXIS_OF]
    plain = [dim for dim in AXIS_OF if dim in order]
    flip = "".join(AXIS_OF[d] for d in "ji" if axes.of(d).flipped)
    for depth, other in (("y", "j"), ("x", "i"), ("z", "k")):
        if other in plain:
            exchanged = {"j": other, other: "j"}
            if order == [exchanged.get(dim, dim) for dim in plain]:
                return depth, flip
    return None


def _file_spacing(scan: xr.DataArray, depth: str) -> tuple[float, ...]:
    """The pixel size of a scan in the order of its file's axes."""
    dy, dx = spacing_of(scan)
    if depth == "z" and "z" in scan.coords:
        return dy, step_of(scan, "k"), dx
    return (dx, dy) if depth == "x" else (dy, dx)


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
    return (*pixels_key(layer), layer.name, tuple(layer.axis_labels), *where, *turned)


def pixels_key(layer: Image) -> tuple[Any, ...]:
    """Key of a layer's pixels and of what its metadata say about them."""
    return (layer.unique_id, id(layer.data), id(layer.metadata.get("xarray")))


class LayerReader:
    """Converts layers, and remembers the pixels of the last one and the kind of their values.

    A lazy layer is read once, and a guess reads every pixel of a film; a correction of the pixel
    size need not repeat it.
    """

    def __init__(self) -> None:
        # Replaced as one, since a film is read in a thread.
        self._known: tuple[tuple[Any, ...], npt.NDArray[Any], LayerScan | None] = (
            (),
            np.empty(0),
            None,
        )

    def knows(self, key: tuple[Any, ...]) -> bool:
        """Whether the pixels are those of the last layer; see `pixels_key`."""
        return self._known[0] == key

    def read(self, key: tuple[Any, ...], parts: LayerParts, **answers: Any) -> LayerScan:
        """Do what `layer_to_scan` does.

        Raises
        ------
        ScanError
            If the layer cannot be a scan.
        """
        known_key, pixels, known = self._known
        if key == known_key and known is not None:
            parts = replace(parts, data=pixels)
            layer_scan = scan_of_parts(parts, values=known.scan.attrs["values"], **answers)
            guessed = (one for one in known.questions if one.kind == "values")
            return replace(layer_scan, questions=(*layer_scan.questions, *guessed))
        parts = replace(parts, data=np.asarray(parts.data))
        layer_scan = scan_of_parts(parts, **answers)
        self._known = key, parts.data, layer_scan
        return layer_scan


SOON_BYTES = 4_000_000
"""Pixels that are read between two movements of the mouse."""


def takes_long(parts: LayerParts) -> bool:
    """Whether a layer is read too slowly for the viewer to wait: it is lazy, or large."""
    data = parts.data
    return not isinstance(data, np.ndarray) or data.nbytes > SOON_BYTES


def _take(parts: LayerParts, answers: Mapping[str, Any], selection: Selection) -> xr.DataArray:
    return selection.of(scan_of_parts(parts, **answers).scan)


def shown_numbers(viewer: ViewerModel, layer: Image, axes: Axes) -> dict[str, int]:
    """Number that the sliders show along each leading dim of a layer's scan."""
    if layer.ndim < 3:
        return {}
    return numbers_at(axes, layer.world_to_data(viewer.dims.point))


def numbers_at(axes: Axes, point: Sequence[float]) -> dict[str, int]:
    """Number along each leading dim of a scan at a point in pixels of its layer."""
    shown: dict[str, int] = {}
    for axis, at in zip(axes.every, point, strict=False):
        if axis.dim in ("", "j", "i"):
            continue
        number = min(max(round(float(at)), 0), axis.size - 1)
        shown[axis.dim] = axis.size - 1 - number if axis.flipped else number
    return shown


def shows_slice(viewer: ViewerModel, layer: Image, axes: Axes) -> bool:
    """Whether the viewer shows one slice; not where it shows a volume, or another cut."""
    beside = viewer.dims.ndim - layer.ndim
    displayed = {number - beside for number in viewer.dims.displayed}
    return "k" not in axes.dims or axes.of("k").world not in displayed


def likely_modality(layer: Image) -> str:
    """What a layer shows, by its metadata and its name alone."""
    carried = layer.metadata.get("xarray")
    modality = getattr(carried, "attrs", {}).get("modality", "unknown")
    return str(modality) if modality != "unknown" else modality_of(Path(layer.name or "image"))


def are_pair(fus: Image, ulm: Image) -> bool:
    """Whether a ULM layer was simulated together with a fUS layer."""
    both = (getattr(one.metadata.get("xarray"), "attrs", {}) for one in (fus, ulm))
    mine, other = (attrs.get("provenance") for attrs in both)
    simulated = isinstance(mine, dict) and bool(mine.get("simulated"))
    return simulated and mine == other and likely_modality(ulm) == "ulm"


def _path(layer: Image, scan: xr.DataArray) -> str:
    loaded = scan.attrs.get("loaded", {}).get("path")
    for candidate in (layer.source.path, loaded, scan.attrs.get("source")):
        if candidate and exists(str(candidate)):
            return str(candidate)
    return ""


@lru_cache(maxsize=256)
def exists(path: str) -> bool:
    """Whether there is a file or folder; known until a layer is read again.

    While a run goes on, each question to the file system waits for Python's lock.
    """
    return Path(path).exists()
