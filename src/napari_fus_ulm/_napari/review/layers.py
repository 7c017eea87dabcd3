"""A session of one section from layers of the viewer; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.layers.parts import LayerParts
from napari_fus_ulm._napari.layers.to_scan import scan_of_parts
from napari_fus_ulm._napari.picker.picked import likely_modality
from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.tasks.review import Opened, Picture, section_run

if TYPE_CHECKING:
    import xarray as xr
    from napari.layers import Image

    from napari_fus_ulm.review.cases import Kind

KINDS: tuple[tuple[str, Kind], ...] = (
    ("generated", "generated"),
    ("ULM (control)", "ulm"),
    ("power Doppler", "fus"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A layer as it was when the session was requested, and what it shows.

    Attributes
    ----------
    parts : LayerParts
    kind : {"generated", "ulm", "fus"}
    """

    parts: LayerParts
    kind: Kind


def likely_kind(layer: Image) -> Kind:
    """What a layer shows, by its metadata and its name; a generated image where they do not say."""
    if getattr(layer.metadata.get("xarray"), "attrs", {}).get("generated"):
        return "generated"
    modality = likely_modality(layer)
    return "ulm" if modality == "ulm" else "fus" if modality == "fus" else "generated"


def lay_out(
    folder: Path, section: str, reader: str, chosen: Sequence[Chosen]
) -> Iterator[Progress | Opened]:
    """Make a session of one section from layers; see `section_run`.

    Returns
    -------
    iterator of Progress and Opened

    Raises
    ------
    ReviewError
        If a layer has several planes, the fields of view differ, a pixel size is unknown, a
        generated image is given as a real one, or the folder is not empty or not writable.
    """
    pictures = [Picture(one.parts.name, one.kind, partial(_scan, one)) for one in chosen]
    return section_run(folder, section, reader, pictures)


def _scan(one: Chosen) -> xr.DataArray:
    from napari_fus_ulm.scan import check_image

    name = one.parts.name
    layer_scan = scan_of_parts(one.parts, modality="fus" if one.kind == "fus" else "ulm")
    scan = layer_scan.scan.squeeze(drop=True)
    if scan.ndim != 2:
        planes = " × ".join(str(n) for n in scan.shape[:-2])
        raise ReviewError(
            f"“{name}” has {planes} planes; a session needs a single one. Split it first: "
            "right-click the layer and choose Split Stack."
        )
    # A crop that is too small to be enhanced can be judged all the same.
    if not scan.attrs.get("spacing_known", True):
        raise ReviewError(
            f"The pixel size of “{name}” is unknown. Load its file in the Enhance dock, which asks "
            "for it."
        )
    if one.kind != "generated" and scan.attrs.get("generated"):
        raise ReviewError(f"“{name}” is marked as generated; choose “generated” beside it.")
    check_image(scan)
    return scan
