"""Patch coherence of one plane: what neighbouring patches show when each is sampled on its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import xarray as xr

from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.events import Finished, Notice, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import spacing_of
from napari_fus_ulm.tasks.events import Take, loading

if TYPE_CHECKING:
    from napari_fus_ulm.diagnostics.coherence import Coherence
    from napari_fus_ulm.inference.enhancement import Enhancement

Box = tuple[float, float, float, float]
Noise = Literal["independent", "shared", "run"]
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

    Raises
    ------
    SettingsError
        If the noise is none of these, or the region is empty.
    """

    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)
    noise: Annotated[
        Noise,
        Setting(label="Noise", help="Of neighbouring patches; shared noise shows what borders do."),
    ] = "independent"
    region: Box | None = None

    def __post_init__(self) -> None:
        check_declared(self)
        if self.region is not None and min(self.region[2:]) <= 0:
            raise SettingsError("The height and width of the region must be above 0.")


@dataclass(frozen=True, slots=True, eq=False)
class CoherenceReady:
    """The patches and their seams are there."""

    coherence: Coherence

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
        yield CoherenceReady(coherence_of(enhancement))
        return
    fus = _single(take_fus())
    region = None if settings.region is None else _in_coordinates(settings.region, fus)
    for event in coherence_events(fus, settings.enhance, noise=settings.noise, region=region):
        if isinstance(event, CoherenceFinished):
            yield CoherenceReady(event.coherence)
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
    down, right = spacing_of(plane)
    top, left = float(plane.y[0]) - down / 2 + region[0], float(plane.x[0]) - right / 2 + region[1]
    return top, left, top + region[2], left + region[3]
