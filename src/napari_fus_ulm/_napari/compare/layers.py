"""Which layers can be compared, and the plane that the sliders show of each, as a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from napari_fus_ulm._napari.layers.family import OURS, is_result, ours
from napari_fus_ulm._napari.layers.parts import LayerParts, LayerScan, parts_of
from napari_fus_ulm._napari.layers.placing import Placement, placement_of
from napari_fus_ulm._napari.layers.to_scan import scan_of_parts
from napari_fus_ulm._napari.picker.picked import likely_modality, numbers_at, pick
from napari_fus_ulm.inference.naming import GENERATED, caption_of
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


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A layer as it is now and where the sliders stand, to be read in a thread.

    Parameters
    ----------
    layer : napari.layers.Image
    parts : LayerParts
    modality : str or None
        What it is taken for, where it does not say.
    point : tuple of float
        Of the sliders, in pixels of the layer.
    """

    layer: Image
    parts: LayerParts
    modality: str | None
    point: tuple[float, ...]

    def plane(self) -> tuple[xr.DataArray, LayerScan]:
        """What the sliders show, named like the layer, and the whole."""
        read = scan_of_parts(self.parts, modality=self.modality)
        shown = numbers_at(read.axes, self.point)
        index = {str(dim): shown.get(str(dim), 0) for dim in read.scan.dims[:-2]}
        return read.scan.isel(index, drop=True).rename(self.parts.name), read


def comparable_layers(viewer: ViewerModel) -> list[Image]:
    """Inputs, results and ULM, the newest first; no previews, spreads or diagnostics."""
    return [layer for layer in reversed(viewer.layers) if _comparable(layer)]


def kind_of(layer: Image) -> str:
    """What a layer shows: "fus", "result" or "ulm"."""
    carried = getattr(layer.metadata.get("xarray"), "attrs", {})
    if carried.get("generated"):
        return RESULT
    return ULM if likely_modality(layer) == "ulm" else FUS


def inputs_of(viewer: ViewerModel, layers: Sequence[Image]) -> list[Image]:
    """The layers from which results among these were made, those that are not among them."""
    among = {layer.unique_id for layer in layers}
    made = [ours(layer).get("input") for layer in layers if kind_of(layer) == RESULT]
    return [one for one in viewer.layers if one.unique_id in made and one.unique_id not in among]


def titles(layers: Sequence[Image]) -> list[str]:
    """Names for people: a result's with its generator's and without its input's name, where that
    is unambiguous.
    """
    short = [_short(layer) for layer in layers]
    return [
        title if short.count(title) == 1 else layer.name
        for layer, title in zip(layers, short, strict=True)
    ]


def shortened(titles: Sequence[str]) -> list[str]:
    """Titles without the words with which those of all results begin.

    Examples
    --------
    >>> shortened(["input", "MHVAE Balanced ×5 (generated)", "MHVAE Detailed ×5 (generated)"])
    ['input', 'Balanced ×5', 'Detailed ×5']
    """
    made = [title.removesuffix(GENERATED).split(" ") for title in titles if GENERATED in title]
    same = [len(set(words)) == 1 for words in zip(*made, strict=False)] if len(made) > 1 else []
    common = [*same, False].index(False)
    return [
        " ".join(title.removesuffix(GENERATED).split(" ")[common:]) if GENERATED in title else title
        for title in titles
    ]


def _short(layer: Image) -> str:
    carried = getattr(layer.metadata.get("xarray"), "attrs", {})
    made = carried.get("provenance") if carried.get("generated") else None
    known = isinstance(made, dict) and "generator_title" in made
    return caption_of(layer.name, made or {}) if known else str(layer.name)


def looks_at(viewer: ViewerModel, layers: Sequence[Image], truth: Image | None) -> list[Look]:
    """How layers are now, in reading order.

    One of unknown modality is taken for ULM where it is the ground truth, for power Doppler
    otherwise.
    """
    last = None if truth is None else truth.unique_id

    def place(layer: Image) -> tuple[bool, int]:
        return layer.unique_id == last, _ORDER.index(kind_of(layer))

    looks = []
    for layer in sorted(layers, key=place):
        known = likely_modality(layer) != "unknown"
        point = layer.world_to_data(viewer.dims.point) if layer.ndim > 2 else ()
        modality = None if known else "ulm" if layer.unique_id == last else "fus"
        looks.append(Look(layer, parts_of(layer), modality, tuple(map(float, point))))
    return looks


def seen(looks: Sequence[Look]) -> Seen:
    """Read what the sliders show of each layer.

    Raises
    ------
    ScanError
        If a layer cannot be a scan; the sentence names it.
    """
    read = [look.plane() for look in looks]
    planes, layers = tuple(plane for plane, _ in read), tuple(look.layer for look in looks)
    return Seen(planes, layers, placement_of(layers[0], read[0][1].axes, Selection()))


def source_of(look: Look, read: LayerScan) -> Source:
    """Where the plane that the sliders show comes from: a file, a phantom, or the run that made it.

    Parameters
    ----------
    look : Look
    read : LayerScan
        The whole layer.
    """
    shown = {
        dim: number
        for dim, number in numbers_at(read.axes, look.point).items()
        if read.scan.sizes.get(dim, 1) > 1
    }
    part = Selection(slices=shown.get("k"), times=shown.get("time"))
    record = ours(look.layer).get("record")
    if record is None:
        return pick(look.layer, read, part, {}).source
    return Source(
        layer=look.layer.name,
        modality=None,
        slice=part.slices,
        time=part.times,
        made_by=Record.from_mapping(record),
    )


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
