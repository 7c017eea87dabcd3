"""Patch coherence of one plane: what neighbouring patches show when each is sampled on its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import xarray as xr

from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.inference.settings import Box, EnhanceSettings, check_box
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.output.tables import csv_text
from napari_fus_ulm.tasks.events import Take, loading
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from napari_fus_ulm.diagnostics.coherence import Coherence
    from napari_fus_ulm.inference.enhancement import Enhancement

Colours = Literal["red-green", "magenta-green"]
Noise = Literal["independent", "shared", "run"]
COLOURS = {"red-green": ((1, 0, 0), (0, 1, 0)), "magenta-green": ((1, 0, 1), (0, 1, 0))}
"""Of the picture: of the left (upper) patches, and of the right (lower) ones."""
CAUTION = "Agreement is self-consistency, not truth."


@dataclass(frozen=True, slots=True, kw_only=True)
class CoherenceSettings:
    """What is sampled, and where.

    Parameters
    ----------
    enhance : EnhanceSettings
    noise : {"independent", "shared", "run"}
        What neighbouring patches have in common; "run" takes the patches of the run itself, which
        must have blended them at its end.
    region : tuple of float or None
        Top, left, height and width in mm from the corner of the plane: only patches that reach
        into it; None takes all.
    colours : {"red-green", "magenta-green"}
        Of the picture that is written.

    Raises
    ------
    SettingsError
        If the colours are none of these, the noise is none of these, or the region is empty.
    """

    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)
    noise: Annotated[
        Noise,
        Setting(
            label="Noise",
            brief="Noise",
            help="Noise of neighbouring patches; shared noise shows the effect of borders alone.",
        ),
    ] = "independent"
    region: Box | None = None
    colours: Annotated[
        Colours, Setting(label="Colours", help="Colours of the picture that is written.")
    ] = "red-green"

    def __post_init__(self) -> None:
        check_declared(self)
        check_box(self.region)


@dataclass(frozen=True, slots=True, eq=False)
class CoherenceReady:
    """The patches and their seams are there."""

    coherence: Coherence
    colours: Colours = "red-green"

    @property
    def sentence(self) -> str:
        """How the seams agree, in words."""
        from napari_fus_ulm.diagnostics.coherence import summary

        return summary(self.coherence)


def coherence_run(
    take_fus: Take, settings: CoherenceSettings, enhancement: Enhancement | None = None
) -> Iterator[Progress | Notice | CoherenceReady]:
    """Sample patches of a plane separately and measure every seam.

    Parameters
    ----------
    take_fus : callable
        Reads one plane; axes of length 1 are left out.
    settings : CoherenceSettings
    enhancement : Enhancement, optional
        For ``noise="run"``: the run, where it has been made already.

    Yields
    ------
    Progress, Notice, CoherenceReady
    """
    yield from loading()
    from napari_fus_ulm.diagnostics.coherence import (
        CoherenceFinished,
        coherence_events,
        coherence_of,
    )

    if settings.noise == "run":
        if enhancement is None:
            enhancement = yield from _enhanced(_single(take_fus()), settings.enhance)
        yield CoherenceReady(coherence_of(enhancement), settings.colours)
        return
    fus = _single(take_fus())
    region = None if settings.region is None else _in_coordinates(settings.region, fus)
    for event in coherence_events(fus, settings.enhance, noise=settings.noise, region=region):
        if isinstance(event, CoherenceFinished):
            yield CoherenceReady(event.coherence, settings.colours)
        else:
            yield event


def _enhanced(
    fus: xr.DataArray, settings: EnhanceSettings
) -> Generator[Progress | Notice, None, Enhancement]:
    from napari_fus_ulm.inference.enhance import enhance_events

    for event in enhance_events(fus, settings):
        if isinstance(event, Finished):
            return event.enhancement
        if isinstance(event, Progress | Notice):
            yield event
    raise RuntimeError("The run ended without a result.")


def _single(fus: xr.DataArray) -> xr.DataArray:
    return fus.isel({str(dim): 0 for dim in fus.dims[:-2] if fus.sizes[dim] == 1})


def _in_coordinates(region: Box, plane: xr.DataArray) -> Box:
    """Top, left, bottom and right in the coordinates of a plane."""
    down, right = Grid.of(plane).corner_mm
    top, left = down + region[0], right + region[1]
    return top, left, top + region[2], left + region[3]


def save_coherence(ready: CoherenceReady, folder: Path) -> list[Path]:
    """Write ``coherence.png``, both directions with the worst seam of each, and ``seams.csv``."""
    coherence = ready.coherence
    picture, table = folder / "coherence.png", folder / "seams.csv"
    _draw(coherence, picture, ready.colours)
    rows = [one.as_dict() for one in coherence.seams]
    columns = list(rows[0]) if rows else ["seam"]
    write_text(table, csv_text([columns, *(row.values() for row in rows)]))
    return [picture, table]


def _draw(coherence: Coherence, path: Path, colours: str) -> None:
    """Both directions side by side, the worst seam of each outlined."""
    from napari_fus_ulm.metrics.seams import LEFT_RIGHT, UPPER_LOWER
    from napari_fus_ulm.output.figures import Panel, draw_panels, save_figure

    grid = Grid.of(coherence.left)
    corner = np.array(grid.corner_mm)
    panels = []
    for direction in (LEFT_RIGHT, UPPER_LOWER):
        sides = coherence.sides(direction)
        high = max(float(np.percentile(side.values, 99.9)) for side in sides) or 1.0
        picture = sum(
            side.values[..., None] / high * np.array(colour, float)
            for side, colour in zip(sides, COLOURS[colours], strict=True)
        )
        worst = [n for n, one in enumerate(coherence.seams) if one.direction == direction][:1]
        box: Box | None = None
        for number in worst:
            top, left = coherence.seam_corners[number][0] - corner
            height, width = np.ptp(coherence.seam_corners[number], axis=0)
            box = (float(top), float(left), float(height), float(width))
        name = f" (worst: {coherence.seams[worst[0]].name})" if worst else ""
        panels.append(Panel(picture, grid.extent_mm, direction + name, box_mm=box))
    save_figure(path, draw_panels([panels]))


def _run(
    images: Mapping[str, Take], settings: CoherenceSettings
) -> Iterator[Progress | Notice | CoherenceReady]:
    return coherence_run(images["fus"], settings)


COHERENCE = Task(
    "coherence",
    CoherenceSettings,
    ("fus",),
    _run,
    save_coherence,
    files=("coherence.png", "seams.csv"),
)
