"""A small cohort on disk, and phantoms that take no time."""

from pathlib import Path

import pytest

from napari_fus_ulm.cohort.table import PairFiles, write_pairs_table
from napari_fus_ulm.evaluation.pairs import EvaluationPair, load_pair
from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair
from napari_fus_ulm.phantom.files import write_phantom

SMALL = PhantomParams(width_mm=3.0, depth_mm=2.5)
FIRST_SEED = 920_000_000
SIDES = ("train", "train", "train", "validation", "test", "test")


def small_pair(seed: int) -> PhantomPair:
    return simulate_pair(seed, SMALL, vary=False)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six animals: three to train on, one to validate, two to test."""
    folder = tmp_path_factory.mktemp("cohort")
    files: list[PairFiles] = []
    for number, side in enumerate(SIDES, start=1):
        pair = small_pair(FIRST_SEED + number)
        animal = f"sub-{number:02d}"
        files.append(write_phantom(folder, pair, animal=animal, plane=None, split=side))
    write_pairs_table(folder, files)
    return folder


@pytest.fixture(scope="session")
def pairs(cohort: Path) -> list[EvaluationPair]:
    from napari_fus_ulm.cohort.table import read_cohort

    return [load_pair(files) for files in read_cohort(cohort)]
