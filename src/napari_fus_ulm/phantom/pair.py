"""A simulated pair: power Doppler and ULM counts of the same vessels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.phantom.bubbles import ULM_PIXEL, bubble_counts
from napari_fus_ulm.phantom.doppler import power_doppler
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.section import ONE_PLANE, grow_vessels
from napari_fus_ulm.phantom.skull import Transmission, draw_skull
from napari_fus_ulm.phantom.tissue import Tissue, draw_tissue
from napari_fus_ulm.phantom.vessels import Vessels
from napari_fus_ulm.scan import make_scan

PLANE_SPACING_UM = 500.0
"""Distance of an animal's planes."""


@dataclass(frozen=True, slots=True)
class PhantomPair:
    """One simulated section.

    Attributes
    ----------
    fus : xarray.DataArray
        Linear power Doppler, dims (j, i), mm coordinates.
    ulm : xarray.DataArray
        Bubble counts on a 10 µm grid over the same field of view.
    vessels : Vessels
        The ground truth that both were made from; z is 0 in the ULM's plane.
    seed : int
        The animal.
    plane : int
        Number of the section within the animal, from 0.
    params : PhantomParams
        The parameters drawn for this animal.
    """

    fus: xr.DataArray
    ulm: xr.DataArray
    vessels: Vessels
    seed: int
    plane: int
    params: PhantomParams


def simulate_pair(
    seed: int, params: PhantomParams | None = None, *, vary: bool = True
) -> PhantomPair:
    """Simulate one co-registered fUS/ULM pair: the only plane of :func:`simulate_animal`."""
    return next(simulate_animal(seed, params=params, vary=vary))


def simulate_animal(
    seed: int,
    planes: int = 1,
    params: PhantomParams | None = None,
    *,
    vary: bool = True,
) -> Iterator[PhantomPair]:
    """Simulate the sections of one animal, from front to back.

    Parameters
    ----------
    seed : int
        Everything follows from it; the same seed gives the same animal.
    planes : int
        Sections, :data:`PLANE_SPACING_UM` apart, through one slab of vessels.
    params : PhantomParams, optional
        A typical rat by default.
    vary : bool
        Draw this animal's parameters (default; see :meth:`PhantomParams.draw` for what it keeps
        of ``params``), or use them as they are.

    Yields
    ------
    PhantomPair
    """
    heights = (np.arange(planes) - 0.5 * (planes - 1)) * PLANE_SPACING_UM
    grown = grow_animal(seed, heights, params, vary=vary)
    for plane, height in enumerate(heights):
        # Each plane draws its own numbers, so that it does not depend on how many there are.
        rng = np.random.default_rng([seed, plane])
        yield _section(rng, grown, float(height), seed, plane)


@dataclass(frozen=True, slots=True)
class Animal:
    """One simulated animal before it is recorded: its parameters, tissue, skull and vessels."""

    params: PhantomParams
    tissue: Tissue
    skull: Transmission
    slab: Vessels


def grow_animal(
    seed: int,
    heights: npt.NDArray[np.floating] = ONE_PLANE,
    params: PhantomParams | None = None,
    *,
    vary: bool = True,
) -> Animal:
    """Draw an animal and grow its vessels; see :func:`simulate_animal`."""
    rng = np.random.default_rng(seed)
    centre = params or PhantomParams()
    animal = centre.draw(rng) if vary else centre
    tissue, skull = draw_tissue(rng), draw_skull(rng, animal)
    return Animal(animal, tissue, skull, grow_vessels(rng, animal, tissue, heights))


def _section(
    rng: np.random.Generator, grown: Animal, height: float, seed: int, plane: int
) -> PhantomPair:
    animal, vessels = grown.params, grown.slab.seen_from(height)
    counts = bubble_counts(rng, vessels, animal, grown.skull)
    power = power_doppler(rng, vessels, animal, grown.tissue, grown.skull)
    # The extent comes first: pixel sizes follow from it exactly.
    extent = (counts.shape[0] * ULM_PIXEL / 1000.0, counts.shape[1] * ULM_PIXEL / 1000.0)
    record = {
        "simulated": True,
        "seed": seed,
        "plane": plane,
        "phantom": dataclasses.asdict(animal),
    }
    # Coordinates are pixel centres: the outer corner of both images lies at (0, 0).
    step = (extent[0] / power.shape[0], extent[1] / power.shape[1])
    fus = make_scan(
        power,
        spacing=step,
        origin=(step[0] / 2.0, step[1] / 2.0),
        modality="fus",
        source=f"phantom, seed {seed}, plane {plane}",
        values_kind="linear",
        name="phantom power Doppler",
        provenance=record,
    )
    ulm = make_scan(
        counts,
        spacing=ULM_PIXEL / 1000.0,
        origin=(ULM_PIXEL / 2000.0, ULM_PIXEL / 2000.0),
        modality="ulm",
        source=f"phantom, seed {seed}, plane {plane}",
        values_kind="linear",
        name="phantom ULM",
        provenance=record,
    )
    return PhantomPair(fus, ulm, vessels, seed, plane, animal)
