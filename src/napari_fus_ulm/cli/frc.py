"""Fourier ring correlation: the finest detail at which two images of one section agree.

For two ULM maps, each from half of the data, this is the usual resolution of ULM. For a result and
a ULM it is the finest detail that the result puts in the right place, however sharply it draws.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, follow, print_json, say
from napari_fus_ulm.cli.inputs import Image, Leading, Time, source_of
from napari_fus_ulm.errors import ScanError

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.tasks.record import Source
    from napari_fus_ulm.tasks.resolution import FrcReady

NAME = "frc"


def command(
    one: Annotated[Path, typer.Argument(metavar="ONE", help="A result, or a ULM map.")],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="A ULM map.")],
    threshold: Annotated[str, typer.Option(help="1/7, half-bit, 2-sigma or 3-sigma.")] = "1/7",
    align: Annotated[
        str, typer.Option(help="How OTHER is aligned to a result: none, shift or affine.")
    ] = "none",
    fus: Annotated[
        Path | None, typer.Option(help="The result's fUS file, compared with OTHER as well.")
    ] = None,
    values: Annotated[
        str | None, typer.Option(help="Values of --fus: linear, sqrt, cbrt, db or display.")
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(help="Pixel size in mm of --fus, or of files that store none."),
    ] = None,
    image: Image = 1,
    leading: Leading = "slice",
    slice: Annotated[
        int | None, typer.Option(help="Slice of --fus, counted from 1.", min=1)
    ] = None,
    time: Time = "mean",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder: frc.csv, resolution.ome.tif.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print result and curve as JSON.")] = False,
) -> None:
    """Find the finest detail at which two images agree (Fourier ring correlation)."""
    with failing_politely(json):
        from napari_fus_ulm.tasks.events import noting
        from napari_fus_ulm.tasks.record import Record
        from napari_fus_ulm.tasks.replay import checked, save
        from napari_fus_ulm.tasks.resolution import FRC, ResolutionSettings

        with checking_usage():
            settings = ResolutionSettings(
                threshold=threshold,  # type: ignore[arg-type]  # checked by the settings
                aligned=align,  # type: ignore[arg-type]
                local=out is not None,
            )
            for_all = None if fus is not None else spacing
            inputs = {
                "result": source_of(one, "ulm", spacing=for_all),
                "ulm": source_of(other, "ulm", spacing=for_all),
            }
            if fus is not None:
                how = {"image": image, "leading": leading, "slice": slice, "time": time}
                power = source_of(fus, spacing=spacing, **how)  # type: ignore[arg-type]
                inputs["fus"] = replace(power, values=values)
        takes = {name: partial(_plane, source) for name, source in inputs.items()}
        record = Record.of("frc", inputs, settings)
        events = noting(FRC.run, takes, settings)
        ready = follow(events if out is None else checked(record, out, events), one.name)
        if out is not None:
            for saved in save(record, ready, out):
                say(str(saved.path))
        _print(ready, json)


def _plane(source: Source) -> xr.DataArray:
    from napari_fus_ulm.tasks.replay import take

    scan, name = take(source).squeeze(drop=True), Path(source.path).name
    if scan.ndim != 2:
        raise ScanError(f"{name} has several planes; give a file with one plane.")
    if not scan.attrs.get("spacing_known", True):
        raise ScanError(f"{name} stores no pixel size; give --spacing, in mm.")
    return scan.rename(name)


def _print(ready: FrcReady, json: bool) -> None:
    correlation = ready.result
    if json:
        curve = {
            "cycles_per_mm": correlation.frequency.tolist(),
            "frc": correlation.smoothed.tolist(),
        }
        summary = {"resolution_um": correlation.resolution_um, "reached": correlation.reached}
        print_json({**summary, "threshold": correlation.threshold_name, **curve})
    else:
        print(correlation.sentence)
        if ready.fus is not None:
            print(f"Power Doppler: {ready.fus.words}.")
