"""A session of one section from layers of the viewer; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_fus_ulm._napari.layers.to_scan import LayerParts, scan_of_parts
from napari_fus_ulm._napari.picker.picked import likely_modality
from napari_fus_ulm._napari.review.session import Opened, open_session
from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.inference.events import Progress

if TYPE_CHECKING:
    import xarray as xr
    from napari.layers import Image

    from napari_fus_ulm.review.cases import Candidate, Kind

KINDS: tuple[tuple[str, Kind], ...] = (
    ("generated", "generated"),
    ("ULM (control)", "ulm"),
    ("power Doppler", "fus"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A layer as it was when the session was asked for, and what it is.

    Attributes
    ----------
    parts : LayerParts
    kind : {"generated", "ulm", "fus"}
    """

    parts: LayerParts
    kind: Kind


def likely_kind(layer: Image) -> Kind:
    """What a layer is, by its metadata and its name; a method's result where they do not say."""
    if getattr(layer.metadata.get("xarray"), "attrs", {}).get("generated"):
        return "generated"
    modality = likely_modality(layer)
    return "ulm" if modality == "ulm" else "fus" if modality == "fus" else "generated"


def lay_out(
    folder: Path, section: str, reader: str, chosen: Sequence[Chosen]
) -> Iterator[Progress | Opened]:
    """Make a session of one section, layer by layer; an iterator, for a thread.

    Nothing is written before all layers have been read.

    Yields
    ------
    Progress, Opened

    Raises
    ------
    ReviewError
        If layers are no pictures of one plane and one field of view, a pixel size is not known,
        a generated image is given as a real one, or the folder is not empty or not writable.
    """
    from napari_fus_ulm.cohort.table import animal_of
    from napari_fus_ulm.review.cases import Case
    from napari_fus_ulm.review.plan import ReviewSettings
    from napari_fus_ulm.review.session import create

    scans = []
    for done, one in enumerate(chosen):
        yield Progress(done, len(chosen), one.parts.name)
        scans.append(_scan(one))
    case = Case(section, _candidates(chosen, scans), animal_of(section))
    settings = ReviewSettings(control=any(one.kind == "ulm" for one in chosen))
    try:
        create(folder, (case,), settings)
    except OSError as error:
        raise ReviewError(
            f"{folder} cannot be written ({error.strerror or error}); choose another folder."
        ) from error
    yield from open_session(folder, reader)


def _candidates(chosen: Sequence[Chosen], scans: Sequence[xr.DataArray]) -> tuple[Candidate, ...]:
    """Grey levels of layers, as `napari_fus_ulm.review.cases.read_cases` has those of files."""
    from napari_fus_ulm.grey.image import measured_image
    from napari_fus_ulm.review.cases import Candidate
    from napari_fus_ulm.scan import spacing_of

    pixels = {
        one.kind: 1000.0 * max(spacing_of(scan)) for one, scan in zip(chosen, scans, strict=True)
    }
    finest_um = pixels.get("generated") or pixels.get("ulm") or pixels["fus"]
    found = []
    for one, scan in zip(chosen, scans, strict=True):
        picture = measured_image(scan, finest_um)
        grey = np.clip(picture.grey, 0.0, 1.0)
        found.append(Candidate(one.parts.name, grey, one.kind, picture.grid.spacing_mm))
    return tuple(found)


def _scan(one: Chosen) -> xr.DataArray:
    from napari_fus_ulm.scan import check_image

    name = one.parts.name
    found = scan_of_parts(one.parts, modality="fus" if one.kind == "fus" else "ulm")
    scan = found.scan.squeeze(drop=True)
    if scan.ndim != 2:
        planes = " × ".join(str(n) for n in scan.shape[:-2])
        raise ReviewError(
            f"“{name}” has {planes} planes; one picture of the section is needed. Split it first: "
            "right-click the layer, Split Stack."
        )
    if unknown := [asked.text for asked in found.questions if asked.kind == "spacing"]:
        raise ReviewError(
            f"{unknown[0]} Load its file in the Enhance dock, which asks for the pixel size."
        )
    if one.kind != "generated" and scan.attrs.get("generated"):
        raise ReviewError(f"“{name}” says that it was generated; choose “generated” beside it.")
    check_image(scan)
    return scan
