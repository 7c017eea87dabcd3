"""Ask what speaks for each vessel that a result draws, without a ground truth.

Every drawn vessel is coloured by how often one drawn on such evidence was there, on simulated
sections: green supported, yellow uncertain, red unlikely. That is evidence, not truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fus_ulm.cli.console import checking_usage, failing_politely, print_json, progress, say
from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.selection import Selection

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.diagnostics.evidence import Evidence, EvidenceSettings
    from napari_fus_ulm.diagnostics.support import Support

NAME = "support"


def command(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="What *enhance* wrote.")],
    fus: Annotated[Path, typer.Option(help="The fUS file that it was made from.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder: support.png, probability.ome.tif.")
    ],
    samples: Annotated[int, typer.Option(help="Drawn anew as witnesses.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    slice: Annotated[int, typer.Option(help="Slice, counted from 1.", min=1)] = 1,
    json: Annotated[bool, typer.Option("--json", help="Results for machines.")] = False,
) -> None:
    """Ask what speaks for each vessel that a result draws."""
    from napari_fus_ulm.diagnostics.evidence import EvidenceSettings

    with failing_politely(json):
        with checking_usage():
            settings = EvidenceSettings(samples=samples, seed=seed)
        drawn, power = _plane(result, "ulm", slice - 1), _plane(fus, "fus", slice - 1)
        _check_extents(result, drawn, fus, power)
        from napari_fus_ulm.diagnostics.consistency import beside_true_ulm, consistency
        from napari_fus_ulm.diagnostics.support import CLASSES, support

        evidence = _evidence(drawn, power, settings, result.name)
        found = support(evidence)
        agreement = consistency(drawn.values, power)
        picture, probability = _write(found, evidence, drawn, out)
        if json:
            lengths = dict(zip(CLASSES, found.length_mm, strict=True))
            told = {"picture": str(picture), "probability": str(probability), "mm": lengths}
            print_json({**told, "agreement": agreement, "strange_share": found.strange_share})
        else:
            print(f"{picture}\n{probability}")
        say(f"{found.sentence} {beside_true_ulm(agreement)} Evidence is not truth.")


def _plane(path: Path, modality: str, slice_: int) -> xr.DataArray:
    from napari_fus_ulm.io import read_one

    scan = read_one(path, modality=modality)
    number = slice_ if scan.sizes.get("k", 1) > 1 else 0
    return Selection(slices=number, times="mean").of(scan).squeeze(drop=True)


def _check_extents(one: Path, drawn: xr.DataArray, other: Path, power: xr.DataArray) -> None:
    from napari_fus_ulm.grid import Grid

    field, drawn_on = Grid.of(power), Grid.of(drawn)
    if not field.same_extent(drawn_on):
        first, second = drawn_on.extent_mm, field.extent_mm
        raise MeasureError(
            f"{one.name} is {first[0]:.1f} × {first[1]:.1f} mm and {other.name} "
            f"{second[0]:.1f} × {second[1]:.1f} mm; a result lies exactly on its input."
        )


def _evidence(
    drawn: xr.DataArray, power: xr.DataArray, settings: EvidenceSettings, name: str
) -> Evidence:
    from napari_fus_ulm.diagnostics.evidence import evidence_events
    from napari_fus_ulm.inference.events import Notice, Progress

    with progress() as bar:
        task = bar.add_task(name)
        for event in evidence_events(drawn, power, settings):
            if isinstance(event, Progress):
                bar.update(task, completed=event.done, total=event.total)
            elif isinstance(event, Notice):
                say(f"{name}: {event.message}")
            else:
                return event.evidence
    raise RuntimeError(f"{name}: the evidence ended without a result.")


def _write(found: Support, evidence: Evidence, drawn: xr.DataArray, out: Path) -> tuple[Path, Path]:
    """Picture of input, result and classes; the probability with its pixel size."""
    import numpy as np
    from PIL import ImageColor

    from napari_fus_ulm.diagnostics.support import COLOURS
    from napari_fus_ulm.io import write
    from napari_fus_ulm.output.panels import Panel, save_picture, side_by_side
    from napari_fus_ulm.scan import extent_of

    coloured = np.repeat(0.35 * np.clip(drawn.values, 0.0, 1.0)[..., None], 3, axis=-1)
    for label, colour in enumerate(COLOURS, start=1):
        coloured[found.classes == label] = np.array(ImageColor.getrgb(colour)) / 255.0
    panels = [
        Panel(evidence.maps["input"], "power Doppler"),
        Panel(drawn.values, "result (generated)", hot=True),
        Panel(coloured, "green supported, yellow uncertain, red unlikely"),
    ]
    out.mkdir(parents=True, exist_ok=True)
    picture, probability = out / "support.png", out / "probability.ome.tif"
    save_picture(picture, side_by_side(panels, extent_of(drawn), width=560))
    write(probability, drawn.copy(data=np.nan_to_num(found.probability)))
    return picture, probability
