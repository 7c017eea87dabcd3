"""Fourier ring correlation: down to which detail two pictures of one section agree.

Of two ULM maps, each of half the data, it is the usual resolution of ULM. Of a result and a ULM it
is the finest detail that the result has where it is; how sharply it draws plays no part.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, print_json
from napari_fus_ulm.errors import MeasureError, ScanError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import xarray as xr

NAME = "frc"


def command(
    one: Annotated[Path, typer.Argument(metavar="ONE", help="A result, or a ULM map.")],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="A ULM map.")],
    threshold: Annotated[str, typer.Option(help="1/7, half-bit, 2-sigma or 3-sigma.")] = "1/7",
    spacing: Annotated[
        float | None, typer.Option(help="mm a pixel, of both, where a file tells none.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The curve too, for machines.")] = False,
) -> None:
    """Find down to which detail two pictures agree (Fourier ring correlation)."""
    from napari_fus_ulm.metrics.frc import Threshold, ring_correlation
    from napari_fus_ulm.scan import spacing_of

    with failing_politely(json):
        with checking_usage():
            if threshold not in get_args(Threshold):
                raise SettingsError(f"choose one of {', '.join(get_args(Threshold))}.")
        first, second = (_plane(path, spacing) for path in (one, other))
        pictures = _pictures(first, second, one.name, other.name)
        found = ring_correlation(*pictures, spacing_of(first), threshold)  # type: ignore[arg-type]
        if json:
            curve = {"cycles_per_mm": found.frequency.tolist(), "frc": found.smoothed.tolist()}
            told = {"resolution_um": found.resolution_um, "reached": found.reached}
            print_json({**told, "threshold": threshold, **curve})
        else:
            print(found.sentence)


def _plane(path: Path, spacing: float | None) -> xr.DataArray:
    from napari_fus_ulm.io import read_one

    scan = read_one(path, modality="ulm", spacing=spacing).squeeze(drop=True)
    if scan.ndim != 2:
        raise ScanError(f"{path.name} has several planes; give one.")
    if not scan.attrs.get("spacing_known", True):
        raise ScanError(f"{path.name} tells no pixel size; give --spacing, in mm.")
    return scan


def _pictures(
    first: xr.DataArray, second: xr.DataArray, one: str, other: str
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Counts of two maps of one grid; grey levels where the first is a result."""
    from napari_fus_ulm.grey.reference import reference_on_grid
    from napari_fus_ulm.grid import Grid, check_same_extent

    check_same_extent(Grid.of(first), Grid.of(second), f"image {one}", f"image {other}")
    if first.attrs.get("values") == "grey":
        return first.values, reference_on_grid(second, Grid.of(first))
    if first.shape != second.shape:
        raise MeasureError(
            f"{one} has {first.shape[0]} × {first.shape[1]} pixels and {other} "
            f"{second.shape[0]} × {second.shape[1]}; maps of half the data share one grid."
        )
    return first.values, second.values
