"""Constructed pairs: what both images show, and how far they are shifted, is known exactly."""

from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from napari_fus_ulm.cohort.description import write_pair
from napari_fus_ulm.cohort.table import PairFiles, write_pairs_table
from napari_fus_ulm.io import write


@pytest.fixture
def cohort(
    tmp_path: Path, make_pair: Callable[..., tuple[xr.DataArray, xr.DataArray]]
) -> tuple[Path, list[PairFiles]]:
    """Three animals without a fault, one on each side."""
    folder = tmp_path / "cohort"
    pairs = []
    for seed, side in enumerate(("train", "validation", "test"), start=1):
        fus, ulm = make_pair(seed)
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
