"""Simulating a population of animals as a cohort, in a folder of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.phantom.population import PopulationSettings, simulate_population
from napari_fus_ulm.tasks.task import FolderTask


def simulate_run(
    settings: PopulationSettings, folder: Path, *, workers: int = 2
) -> Generator[Progress, None, None]:
    """Simulate animals; the same call continues where an earlier one stopped.

    Parameters
    ----------
    settings : PopulationSettings
    folder : Path
        Of the cohort.
    workers : int
        Processes; the files do not depend on it.

    Yields
    ------
    Progress
    """
    with closing(simulate_population(folder, settings, workers=workers)) as events:
        for event in events:
            yield Progress(event.done, event.total, "Simulating")


SIMULATE = FolderTask("simulate", PopulationSettings, simulate_run, ("pairs.csv",))
