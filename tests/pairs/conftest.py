"""Constructed pairs: what both images show, and how they lie to each other, is known exactly."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.io import write
from napari_fus_ulm.pairs.cohort import PairFiles, write_pairs_table
from napari_fus_ulm.pairs.description import write_pair
from napari_fus_ulm.pairs.grid import bin_counts
from napari_fus_ulm.scan import make_scan

HEIGHT_UM, WIDTH_UM = 4000, 6000
FUS_UM, ULM_UM = 100, 10


def drawn_vessels(seed: int) -> np.ndarray:
    """Counts on a 10 µm grid: 60 straight vessels that lie like no mirror image of themselves."""
    random = np.random.default_rng(seed)
    counts = np.zeros((HEIGHT_UM // ULM_UM, WIDTH_UM // ULM_UM))
    for _ in range(60):
        start = random.uniform((0, 0), counts.shape)
        angle, length = random.uniform(0, np.pi), random.uniform(20, 120)
        along = np.arange(length)[:, None] * [np.sin(angle), np.cos(angle)]
        row, column = np.round(start + along).astype(int).T
        inside = (row >= 0) & (row < counts.shape[0]) & (column >= 0) & (column < counts.shape[1])
        counts[row[inside], column[inside]] += random.integers(2, 30)
    return counts


def pair_of(seed: int, down_um: int = 0, right_um: int = 0) -> tuple[xr.DataArray, xr.DataArray]:
    """fUS and ULM of the same vessels; ULM is moved by whole pixels of 10 µm."""
    counts = drawn_vessels(seed)
    blurred = gaussian_filter(counts, 5.0)
    power = bin_counts(blurred, (HEIGHT_UM // FUS_UM, WIDTH_UM // FUS_UM)) + 5.0
    power *= np.random.default_rng(seed).gamma(50.0, 1 / 50.0, power.shape)
    moved = np.roll(counts, (down_um // ULM_UM, right_um // ULM_UM), (0, 1))
    return (
        make_scan(power, spacing=FUS_UM / 1000, modality="fus", values_kind="linear"),
        make_scan(moved, spacing=ULM_UM / 1000, modality="ulm", values_kind="linear"),
    )


@pytest.fixture(scope="session")
def make_pair() -> Callable[..., tuple[xr.DataArray, xr.DataArray]]:
    return pair_of


@pytest.fixture
def cohort(tmp_path: Path) -> tuple[Path, list[PairFiles]]:
    """Three animals without a fault, one on each side."""
    folder = tmp_path / "cohort"
    pairs = []
    for seed, side in enumerate(("train", "validation", "test"), start=1):
        fus, ulm = pair_of(seed)
        pairs.append(write_pair(folder, fus, ulm, animal=f"sub-{seed:02d}", split=side))
    write_pairs_table(folder, pairs)
    return folder, pairs


@pytest.fixture
def rewrite() -> Callable[[Path, xr.DataArray], None]:
    """Put another image in a file's place, with nothing of the old one left beside it."""

    def replace(path: Path, scan: xr.DataArray) -> None:
        path.unlink()
        path.with_name(path.name.replace(".nii.gz", ".json")).unlink(missing_ok=True)
        write(path, scan)

    return replace
