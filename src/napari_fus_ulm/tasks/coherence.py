"""Patch coherence of one plane: what neighbouring patches show when each is sampled on its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.inference.settings import Box, EnhanceSettings, check_box
from napari_fus_ulm.io.atomic import write_text
from napari_fus_ulm.output.tables import csv_text
from napari_fus_ulm.tasks.events import Take, loading, plane_of
from napari_fus_ulm.tasks.laying import truth_on
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_fus_ulm.diagnostics.coherence import Coherence, Sides
    from napari_fus_ulm.inference.enhancement import Enhancement
    from napari_fus_ulm.metrics.seams import Seam

Colours = Literal["red-green", "magenta-green"]
Noise = Literal["independent", "shared", "run"]
COLOURS = {"red-green": ((1, 0, 0), (0, 1, 0)), "magenta-green": ((1, 0, 1), (0, 1, 0))}
"""Of the picture: of the left (upper) patches, and of the right (lower) ones."""
SINGLE = (0.45, 0.55, 0.85)
"""Slate blue, of what only one patch covers."""
CAUTION = "Agreement is self-consistency, not truth."


@dataclass(frozen=True, slots=True, kw_only=True)
class CoherenceSettings:
    """What is sampled, and where.

    Parameters
    ----------
    enhance : EnhanceSettings
        By default a sample of each patch: what *Accurate* draws does not depend on chance.
    noise : {"independent", "shared", "run"}
        What neighbouring patches have in common; "run" takes the patches of the run itself, which
        must have blended them at its end.
    region : tuple of float or None
        Top, left, height and width in mm from the corner of the plane: only patches that reach
        into it; None takes all.
    colours : {"red-green", "magenta-green"}
        Of the pictures that are written.
    seam : int
        Which seam the study's figure shows, counted from 1, the worst.

    Raises
    ------
    SettingsError
        If the colours are none of these, the noise is none of these, or the region is empty.
    """

    enhance: EnhanceSettings = field(default_factory=partial(EnhanceSettings, mode="detailed"))
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
    seam: Annotated[
        int,
        Setting(
            label="Seam",
            low=1,
            help="Seam of the figure of two patches, counted from 1, the worst.",
        ),
    ] = 1

    def __post_init__(self) -> None:
        check_declared(self)
        check_box(self.region)


@dataclass(frozen=True, slots=True, eq=False)
class CoherenceReady:
    """The patches and their seams are there.

    Parameters
    ----------
    coherence : Coherence
    colours : {"red-green", "magenta-green"}
    seam : int
        Of the study's figure, counted from 1.
    ulm : xarray.DataArray or None
        The ground truth on the result's grid, where there is one; NaN where it is not known.
    """

    coherence: Coherence
    colours: Colours = "red-green"
    seam: int = 1
    ulm: xr.DataArray | None = None

    @property
    def sentence(self) -> str:
        """How the seams agree, in words."""
        from napari_fus_ulm.diagnostics.coherence import summary

        return summary(self.coherence)


def coherence_run(
    take_fus: Take,
    settings: CoherenceSettings,
    enhancement: Enhancement | None = None,
    take_ulm: Take | None = None,
) -> Iterator[Progress | Notice | CoherenceReady]:
    """Sample patches of a plane separately and measure every seam.

    Parameters
    ----------
    take_fus : callable
        Reads one plane; axes of length 1 are left out.
    settings : CoherenceSettings
    enhancement : Enhancement, optional
        For ``noise="run"``: the run, where it has been made already.
    take_ulm : callable, optional
        Reads the ground truth, which the study's figure shows beside the patches.

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
        yield _ready(coherence_of(enhancement), settings, take_ulm)
        return
    fus = _single(take_fus())
    region = None if settings.region is None else _in_coordinates(settings.region, fus)
    for event in coherence_events(fus, settings.enhance, noise=settings.noise, region=region):
        if isinstance(event, CoherenceFinished):
            yield _ready(event.coherence, settings, take_ulm)
        else:
            yield event


def _ready(
    coherence: Coherence, settings: CoherenceSettings, take_ulm: Take | None
) -> CoherenceReady:
    count = len(coherence.seams)
    if settings.seam > count:
        raise SettingsError(f"There are {count} seams; there is no seam {settings.seam}.")
    ulm = None
    if take_ulm is not None:
        like = coherence.left
        truth = truth_on(like, plane_of(take_ulm()))
        ulm = like.copy(data=np.full(like.shape, np.nan, np.float32))
        ulm.values[truth.box] = truth.reference[truth.box]
    return CoherenceReady(coherence, settings.colours, settings.seam, ulm)


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
    """Write both directions, the study's figure, and the numbers of all seams.

    ``coherence.png`` shows both directions with the worst seam of each; ``seam.png`` the two
    patches of one seam, with the ULM beside them where there is one; ``seams.csv`` the numbers.
    """
    from napari_fus_ulm.output.figures import save_figure

    coherence = ready.coherence
    picture, pair, table = (folder / name for name in COHERENCE.files)
    save_figure(picture, _overview(coherence, ready.colours))
    rows = [one.as_dict() for one in coherence.seams]
    columns = list(rows[0]) if rows else ["seam"]
    write_text(table, csv_text([columns, *(row.values() for row in rows)]))
    if not rows:
        return [picture, table]
    save_figure(pair, seam_figure(ready, ready.seam - 1, ready.colours))
    return [picture, pair, table]


def seam_figure(ready: CoherenceReady, seam: int, colours: str) -> Figure:
    """Draw the study's figure: two patches over each other, and the ULM beside them.

    Parameters
    ----------
    ready : CoherenceReady
    seam : int
        Which, from 0.
    colours : {"red-green", "magenta-green"}
    """
    from napari_fus_ulm.output.figures import Panel, cut_out, draw_panels

    coherence = ready.coherence
    field, overlap = coherence.field_mm(seam), coherence.seam_mm(seam)
    extent = Grid.of(coherence.left).extent_mm
    of = coherence.seams[seam]
    one, other = of.direction.replace("|", "/").split(" / ")
    first, second = colours.split("-")
    both = "yellow" if first == "red" else "white"
    inside: Box = (overlap[0] - field[0], overlap[1] - field[1], overlap[2], overlap[3])
    titles = [f"{one} patch {first}, {other} patch {second}, {both} where they agree"]
    images = [_coloured(coherence.two(seam), colours)]
    if ready.ulm is not None:
        titles.append("ULM of the same section")
        images.append(np.nan_to_num(ready.ulm.values))
    panels = [
        Panel(
            cut_out(image, extent, field),
            (field[2], field[3]),
            title,
            "hot",
            box_mm=inside,
            generated=not number,
        )
        for number, (image, title) in enumerate(zip(images, titles, strict=True))
    ]
    return draw_panels([panels], foot=f"{_words(of)} {CAUTION}")


def write_seam_figure(ready: CoherenceReady, seam: int, colours: str, path: Path) -> Path:
    """Write the study's figure of a seam (from 0) as PNG, SVG or PDF.

    Raises
    ------
    UserError
        If the name has another suffix, or the system refuses to write.
    """
    from napari_fus_ulm.output.figures import save_figure

    return save_figure(path, seam_figure(ready, seam, colours))


def _words(seam: Seam) -> str:
    return (
        f"{seam.name[0].upper()}{seam.name[1:]}: correlation {seam.correlation:.2f} in the overlap "
        "(outlined)."
    )


def _coloured(sides: Sides, colours: str) -> npt.NDArray[np.float32]:
    """The pictures of a direction added in their colours, (height, width, 3)."""
    shown = zip((*sides.compared, sides.single), (*COLOURS[colours], SINGLE), strict=True)
    picture = sum(
        np.nan_to_num(side.values)[..., None] / sides.high * np.array(colour, np.float32)
        for side, colour in shown
    )
    return np.asarray(np.clip(picture, 0.0, 1.0), np.float32)


def _overview(coherence: Coherence, colours: str) -> Figure:
    """Both directions side by side, the worst seam of each outlined."""
    from napari_fus_ulm.metrics.seams import LEFT_RIGHT, UPPER_LOWER
    from napari_fus_ulm.output.figures import Panel, draw_panels

    extent = Grid.of(coherence.left).extent_mm
    panels = []
    for direction in (LEFT_RIGHT, UPPER_LOWER):
        of = (n for n, one in enumerate(coherence.seams) if one.direction == direction)
        worst = next(of, None)
        name = "" if worst is None else f" (worst: {coherence.seams[worst].name})"
        box = None if worst is None else coherence.seam_mm(worst)
        picture = _coloured(coherence.sides(direction), colours)
        panels.append(Panel(picture, extent, direction + name, box_mm=box, generated=True))
    return draw_panels([panels], foot="Blue: only one patch lies there.")


def _run(
    images: Mapping[str, Take], settings: CoherenceSettings
) -> Iterator[Progress | Notice | CoherenceReady]:
    return coherence_run(images["fus"], settings, take_ulm=images.get("ulm"))


COHERENCE = Task(
    "coherence",
    CoherenceSettings,
    ("fus", "ulm"),
    _run,
    save_coherence,
    optional=("ulm",),
    files=("coherence.png", "seam.png", "seams.csv"),
)
