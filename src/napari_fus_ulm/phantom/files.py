"""A simulated section as the files of a cohort: both images and the vessels behind them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from napari_fus_ulm.cohort.description import write_pair
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.phantom.pair import PhantomPair
from napari_fus_ulm.phantom.truth import write_vessels


def write_phantom(
    folder: Path,
    pair: PhantomPair,
    *,
    animal: str,
    plane: int | None,
    split: str,
    suffix: str = ".nii.gz",
) -> PairFiles:
    """Write one simulated section into a cohort's layout.

    Parameters
    ----------
    folder : Path
        The cohort.
    pair : PhantomPair
    animal : str
        ``sub-`` and letters or digits.
    plane : int or None
        Number in the file names; None where the animal has one plane only.
    split : {"", "train", "validation", "test"}
    suffix : str
        Format of the images, see `napari_fus_ulm.io.write`.

    Raises
    ------
    CohortError
        If the animal's name cannot be that of a folder.
    ScanError
        If a file cannot be written.
    """
    files = write_pair(
        folder, pair.fus, pair.ulm, animal=animal, plane=plane, split=split, suffix=suffix
    )
    vessels = folder / animal / "truth" / f"{files.name}_vessels.npz"
    return dataclasses.replace(files, vessels=write_vessels(vessels, pair.vessels))
