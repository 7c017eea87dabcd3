"""Phantoms against real recordings: simulate animals, measure them, and make the table.

The real side is a handful of recordings (and numbers documented of others), so its ranges are
guides, not gates. `statistics` says how each number is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_fus_ulm.phantom.calibration.measure import Measured, measure_pair
from napari_fus_ulm.phantom.calibration.real import RealNumbers, stored_numbers
from napari_fus_ulm.phantom.calibration.table import Calibrated, Row, table_rows
from napari_fus_ulm.phantom.pair import simulate_pair
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.processes import in_processes

__all__ = ["CALIBRATION_SEED", "AnimalMeasured", "Calibrated", "Row", "calibrate"]

CALIBRATION_SEED = 906_000_000
"""First animal that is measured: of the seeds kept for choices (validation)."""


@dataclass(frozen=True, slots=True)
class AnimalMeasured:
    """``done`` of ``total`` animals are measured; this one is the latest."""

    done: int
    total: int
    measured: Measured


def measure_animal(seed: int, params: PhantomParams | None = None, vary: bool = True) -> Measured:
    """Simulate one animal's section and measure it."""
    begun = time.process_time()
    pair = simulate_pair(seed, params, vary=vary)
    return measure_pair(pair, time.process_time() - begun)


def calibrate(
    n: int = 50,
    *,
    workers: int = 2,
    seed: int = CALIBRATION_SEED,
    params: PhantomParams | None = None,
    vary: bool = True,
    real: RealNumbers | None = None,
) -> Iterator[AnimalMeasured | Calibrated]:
    """Measure ``n`` simulated animals and compare them with real recordings.

    Parameters
    ----------
    n : int
        Animals, one section each.
    workers : int
        Processes; the numbers do not depend on them.
    seed : int
        First animal; the others follow.
    params : PhantomParams, optional
        Centre of the population.
    vary : bool
        Draw every animal's own parameters.
    real : RealNumbers, optional
        The stored ones by default.

    Yields
    ------
    AnimalMeasured
        One an animal, as they are ready; then one `Calibrated`.
    """
    reference = real or stored_numbers()
    sections: list[Measured] = []
    tasks = [(seed + number, params, vary) for number in range(n)]
    for measured in in_processes(measure_animal, tasks, workers=workers):
        sections.append(measured)
        yield AnimalMeasured(len(sections), n, measured)
    sections.sort(key=lambda one: one.seed)
    seconds = float(np.mean([one.seconds for one in sections]))
    yield Calibrated(table_rows(sections, reference), n, seconds)
