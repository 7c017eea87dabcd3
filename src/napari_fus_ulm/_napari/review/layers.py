"""A session from layers of the viewer; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fus_ulm._napari.compare.layers import titles
from napari_fus_ulm._napari.layers.parts import LayerParts
from napari_fus_ulm._napari.layers.to_scan import scan_of_parts
from napari_fus_ulm._napari.picker.picked import likely_modality
from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.tasks.review import Opened, Picture, sections_run

if TYPE_CHECKING:
    import xarray as xr
    from napari.layers import Image

    from napari_fus_ulm.review.cases import Kind

KINDS: tuple[tuple[str, Kind], ...] = (
    ("generated", "generated"),
    ("ULM", "ulm"),
    ("fUS", "fus"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A layer as it was when the session was requested, and what it shows.

    Attributes
    ----------
    parts : LayerParts
    kind : {"generated", "ulm", "fus"}
    section : str
    method : str
        What it is called in the report.
    """

    parts: LayerParts
    kind: Kind
    section: str
    method: str


def likely_kind(layer: Image) -> Kind:
    """What a layer shows, by its metadata and its name; a generated image where they do not say."""
    if getattr(layer.metadata.get("xarray"), "attrs", {}).get("generated"):
        return "generated"
    modality = likely_modality(layer)
    return "ulm" if modality == "ulm" else "fus" if modality == "fus" else "generated"


def likely_sections(layers: Sequence[Image]) -> list[str]:
    """Which section each layer shows; empty where there is no result.

    A result shows that of its input, any other layer that of the input with the most similar name.
    """
    inputs = [_provenance(layer).get("input_name") for layer in layers]
    known = list(dict.fromkeys(str(name) for name in inputs if name))
    if not known:
        return [""] * len(layers)

    def alike(layer: Image) -> str:
        return max(known, key=lambda name: SequenceMatcher(None, name, layer.name).ratio())

    return [str(name or alike(layer)) for name, layer in zip(inputs, layers, strict=True)]


def methods(layers: Sequence[Image], kinds: Sequence[Kind], sections: Sequence[str]) -> list[str]:
    """What each layer is called in the report; the same method in every section alike.

    Of one section it is the name of the layer, without that of its input.
    """
    names = titles(layers)
    if len(set(sections)) < 2:
        return names
    plain = {"ulm": "ULM", "fus": "power Doppler"}
    short = [plain.get(kind) or _made_by(layer) for layer, kind in zip(layers, kinds, strict=True)]
    places = list(zip(short, sections, strict=True))
    return [
        one if one and places.count((one, section)) == 1 else name
        for (one, section), name in zip(places, names, strict=True)
    ]


def _made_by(layer: Image) -> str:
    provenance = _provenance(layer)
    mode = provenance.get("settings", {}).get("mode", "") if provenance.get("has_modes") else ""
    return f"{provenance.get('generator_title', '')} {mode.capitalize()}".strip()


def _provenance(layer: Image) -> dict[str, Any]:
    provenance = getattr(layer.metadata.get("xarray"), "attrs", {}).get("provenance")
    return provenance if isinstance(provenance, dict) else {}


def lay_out(folder: Path, reader: str, chosen: Sequence[Chosen]) -> Iterator[Progress | Opened]:
    """Make a session from layers; see `sections_run`.

    Returns
    -------
    iterator of Progress and Opened

    Raises
    ------
    ReviewError
        If a layer is a film, the fields of view differ, a pixel size is unknown, a generated image
        is given as a real one, or the folder is not empty or not writable.
    """
    pictures = [Picture(one.method, one.kind, partial(_scan, one), one.section) for one in chosen]
    return sections_run(folder, reader, pictures)


def _scan(one: Chosen) -> xr.DataArray:
    from napari_fus_ulm.scan import check_image

    name = one.parts.name
    layer_scan = scan_of_parts(one.parts, modality="fus" if one.kind == "fus" else "ulm")
    scan = layer_scan.scan.squeeze(drop=True)
    if scan.ndim > 3 or "time" in scan.dims:
        raise ReviewError(
            f"“{name}” is a film; a session needs single images or slices. Take its mean over time "
            "first: right-click the layer and choose Projections."
        )
    # A crop that is too small to be enhanced can be judged all the same.
    if not scan.attrs.get("spacing_known", True):
        raise ReviewError(
            f"The pixel size of “{name}” is unknown. Load its file in the Enhance dock, which asks "
            "for it."
        )
    if one.kind != "generated" and scan.attrs.get("generated"):
        raise ReviewError(f"“{name}” is marked as generated; choose “generated” beside it.")
    check_image(scan if scan.ndim == 2 else scan[0])
    return scan
