"""Compare neighbouring patches, each sampled on its own: a picture, and a number for every seam.

Left patches are red and their right neighbours green (upper and lower ones likewise): where they
agree, yellow. Agreement is self-consistency, not truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fus_ulm.cli.console import (
    checking_usage,
    failing_politely,
    print_json,
    progress,
    say,
)
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.selection import Selection

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.diagnostics.coherence import Coherence

NAME = "coherence"
Box = tuple[float, float, float, float]
DEFAULT = EnhanceSettings()
COLOURS = {"red-green": ((1, 0, 0), (0, 1, 0)), "magenta-green": ((1, 0, 1), (0, 1, 0))}


def command(
    image: Annotated[Path, typer.Argument(metavar="IN", help="A fUS file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder: coherence.png, seams.csv.")],
    generator: Annotated[str, typer.Option(help="Generator.")] = DEFAULT.generator,
    weights: Annotated[Path | None, typer.Option(help="Weights (.safetensors).")] = None,
    mode: Annotated[str, typer.Option(help="detailed or accurate.")] = DEFAULT.mode,
    noise: Annotated[
        str, typer.Option(help="independent, or shared (shows what borders do).")
    ] = "independent",
    steps: Annotated[int, typer.Option(help="Evaluations of a sample.")] = DEFAULT.steps,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = DEFAULT.seed,
    slice: Annotated[int, typer.Option(help="Slice, counted from 1.", min=1)] = 1,
    region: Annotated[
        str, typer.Option(help="Only a part, mm: TOP,LEFT,HEIGHT,WIDTH from the corner.")
    ] = "",
    colours: Annotated[str, typer.Option(help="red-green or magenta-green.")] = "red-green",
    json: Annotated[bool, typer.Option("--json", help="Results for machines.")] = False,
) -> None:
    """Compare neighbouring patches, each sampled on its own."""
    with failing_politely(json):
        with checking_usage():
            settings = EnhanceSettings(
                generator=generator,
                weights=str(weights) if weights else None,
                mode=mode,  # type: ignore[arg-type]  # it says itself what it can be
                steps=steps,
                seed=seed,
            )
            if colours not in COLOURS:
                raise SettingsError(f"--colours is {colours!r}; choose {' or '.join(COLOURS)}.")
            if noise not in ("independent", "shared"):
                raise SettingsError(f"--noise is {noise!r}; choose independent or shared.")
            part = _region(region)
        found = _run(image, settings, noise, slice - 1, part)
        out.mkdir(parents=True, exist_ok=True)
        picture, table = out / "coherence.png", out / "seams.csv"
        _draw(found, colours, picture)
        rows = [one.as_dict() for one in found.seams]
        _write(rows, table)
        from napari_fus_ulm.diagnostics.coherence import summary

        if json:
            print_json({"picture": str(picture), "table": str(table), "seams": rows})
        else:
            print(f"{picture}\n{table}")
        say(f"{summary(found)} Agreement is self-consistency, not truth.")


def _region(text: str) -> Box | None:
    """Top, left, height and width, mm."""
    if not text:
        return None
    try:
        top, left, height, width = (float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--region is {text!r}; write TOP,LEFT,HEIGHT,WIDTH in mm.") from error
    if height <= 0 or width <= 0:
        raise SettingsError(f"--region is {text!r}; its height and width must be above 0.")
    return top, left, height, width


def _run(
    path: Path,
    settings: EnhanceSettings,
    noise: str,
    slice_: int,
    part: Box | None,
) -> Coherence:
    from napari_fus_ulm.diagnostics.coherence import CoherenceFinished, coherence_events
    from napari_fus_ulm.inference.events import Notice, Progress
    from napari_fus_ulm.io import read_one

    scan = Selection(slices=slice_, times="mean").of(read_one(path, modality="fus"))
    plane = scan.squeeze(drop=True)
    region = None if part is None else _in_coordinates(part, plane)
    with progress() as bar:
        task = bar.add_task(path.name)
        for event in coherence_events(plane, settings, noise=noise, region=region):  # type: ignore[arg-type]
            if isinstance(event, Progress):
                bar.update(task, completed=event.done, total=event.total)
            elif isinstance(event, Notice):
                say(f"{path.name}: {event.message}")
            elif isinstance(event, CoherenceFinished):
                return event.coherence
    raise RuntimeError(f"{path.name}: the run ended without a result.")


def _in_coordinates(part: Box, plane: xr.DataArray) -> Box:
    """Top, left, bottom and right in the coordinates of a plane."""
    from napari_fus_ulm.scan import spacing_of

    down, right = spacing_of(plane)
    top, left = float(plane.y[0]) - down / 2 + part[0], float(plane.x[0]) - right / 2 + part[1]
    return top, left, top + part[2], left + part[3]


def _draw(found: Coherence, colours: str, path: Path) -> None:
    """Both directions side by side, the worst seam of each outlined."""
    import numpy as np

    from napari_fus_ulm.metrics.seams import LEFT_RIGHT, UPPER_LOWER
    from napari_fus_ulm.output.panels import Panel, save_picture, side_by_side
    from napari_fus_ulm.scan import extent_of, spacing_of

    corner = np.array([float(found.left.y[0]), float(found.left.x[0])])
    corner -= np.array(spacing_of(found.left)) / 2
    panels = []
    for direction in (LEFT_RIGHT, UPPER_LOWER):
        sides = found.sides(direction)
        high = max(float(np.percentile(side.values, 99.9)) for side in sides) or 1.0
        picture = sum(
            side.values[..., None] / high * np.array(colour, float)
            for side, colour in zip(sides, COLOURS[colours], strict=True)
        )
        worst = [n for n, one in enumerate(found.seams) if one.direction == direction][:1]
        box: Box | None = None
        for number in worst:
            top, left = found.seam_corners[number][0] - corner
            height, width = np.ptp(found.seam_corners[number], axis=0)
            box = (float(top), float(left), float(height), float(width))
        name = f" (worst: {found.seams[worst[0]].name})" if worst else ""
        panels.append(Panel(np.clip(picture, 0.0, 1.0), direction + name, box_mm=box))
    save_picture(path, side_by_side(panels, extent_of(found.left), width=640))


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["seam"])
        writer.writeheader()
        writer.writerows(rows)
