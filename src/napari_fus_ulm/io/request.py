"""A request for a file, and the scan made of what the file holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.formats import stem_of
from napari_fus_ulm.io.guesses import assumed_pixel, guess_kind, modality_of
from napari_fus_ulm.scan import make_scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A file to read, and what the caller knows about it."""

    path: Path
    modality: str | None = None
    spacing: Sequence[float] | float | None = None


def image_scan(
    request: Request,
    values: npt.NDArray[Any],
    *,
    spacing: Sequence[float] | float | None = None,
    modality: str | None = None,
    values_kind: str | None = None,
    name: str | None = None,
    **kwargs: Any,
) -> xr.DataArray:
    """Make a scan of what a file stores, and mark every assumption.

    The caller's values come first, then the file's, then the guess from the name.
    """
    kind = request.modality or modality or modality_of(request.path)
    known = in_plane(request.spacing, spacing)
    if values_kind is None:
        kwargs.setdefault("values_guessed", True)
    pixel = assumed_pixel(kind)
    return make_scan(
        values,
        # Two numbers: the distance of slices is then marked as assumed too.
        spacing=(pixel, pixel) if known is None else known,
        spacing_known=known is not None,
        modality=kind,
        values_kind=values_kind or guess_kind(values, kind),
        source=kwargs.pop("source", str(request.path)),
        name=name or stem_of(request.path),
        **kwargs,
    )


def in_plane(
    given: Sequence[float] | float | None, stored: Sequence[float] | float | None
) -> Sequence[float] | float | None:
    """Return the caller's pixel size, with the file's slice distance where none is given."""
    if given is None:
        return stored
    plane = [float(given)] * 2 if isinstance(given, int | float) else [float(g) for g in given]
    if len(plane) == 2 and stored is not None and not isinstance(stored, int | float):
        return [*stored[:-2], *plane]
    return plane


def complex_values(path: Path, what: str) -> ScanError:
    """Return the error for complex numbers: beamformed IQ data instead of power Doppler."""
    return ScanError(
        f"“{path.name}”: {what} are complex (IQ data), not power Doppler. Filter out the tissue "
        "and save the mean of the squared magnitude, for instance mean(abs(IQ).^2, 3)."
    )
