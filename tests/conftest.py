"""What all tests share: few threads, strict Qt, and the real images where they are at hand."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import pytest
import xarray as xr

# Before torch is imported: idle OpenMP threads must sleep, and two threads are what a small
# machine has; results then do not depend on how many cores this one has.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("NAPARI_FUS_ULM_LOGS", str(Path(gettempdir()) / "napari-fus-ulm-tests"))
# napari's viewer fixture then fails a test that leaks Qt widgets.
os.environ.setdefault("NAPARI_STRICT_QT", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout this test run belongs to."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Path of a real recording by file name; the test is skipped where it is not at hand.

    The recordings are no part of the package; they lie in ``shared/data`` beside the checkout.
    """

    def path_of(name: str) -> Path:
        path = REPOSITORY.parent / "shared" / "data" / name
        if not path.is_file():
            pytest.skip(f"{name} is not at hand (shared/data beside the checkout)")
        return path

    return path_of


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
    from scipy.ndimage import gaussian_filter

    from napari_fus_ulm.grey.resampling import bin_counts
    from napari_fus_ulm.scan import make_scan

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


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a generator so small that a step takes no time; it has learnt nothing."""
    import json

    import torch

    from napari_fus_ulm.generators import build
    from napari_fus_ulm.generators.checkpoint import card_path
    from napari_fus_ulm.io.atomic import write_tensors, write_text

    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    config = {"widths": [8, 8, 8], "blocks": [1, 1, 1]}
    model = build("diffusion", config)
    rng = torch.Generator().manual_seed(0)
    tensors = {
        name: 0.1 * torch.randn(tensor.shape, generator=rng)
        for name, tensor in model.state_dict().items()
    }
    write_tensors(path, tensors)
    card = {
        "generator": "diffusion",
        "config": config,
        "pixel_um": 20.0,
        "training": {"data": "nothing", "phantom_trained": True},
        "metrics": {"SSIM": 0.0},
        "notes": "Random numbers, for tests.",
    }
    write_text(card_path(path), json.dumps(card))
    return path


def from_corner(scan: xr.DataArray) -> xr.DataArray:
    """Move a piece of an image so that its outer corner lies at (0, 0)."""
    moved = {}
    for dim, name in (("j", "y"), ("i", "x")):
        step = float(scan[name][1] - scan[name][0])
        centres = (scan[name].values - float(scan[name][0])) + step / 2
        moved[name] = (dim, centres, scan[name].attrs)
    return scan.assign_coords(moved)


@pytest.fixture(scope="session")
def small_pair() -> tuple[xr.DataArray, xr.DataArray]:
    """A corner of a phantom, 4 × 3 mm: power Doppler and ULM."""
    from napari_fus_ulm.phantom import simulate_pair

    pair = simulate_pair(3)
    fus = pair.fus.isel(j=slice(0, 30), i=slice(20, 60))
    dy, dx = (float(c[1] - c[0]) for c in (fus["y"], fus["x"]))
    rows, first, columns = round(30 * dy / 0.01), round(20 * dx / 0.01), round(40 * dx / 0.01)
    ulm = pair.ulm.isel(j=slice(0, rows), i=slice(first, first + columns))
    return from_corner(fus), from_corner(ulm)


@pytest.fixture(scope="session")
def section() -> Any:
    """A whole simulated section of a rat, made once: a `PhantomPair`; not to be changed."""
    from napari_fus_ulm.phantom import simulate_pair

    return simulate_pair(910_000_003)


@pytest.fixture(scope="session")
def prepared_section(section: Any) -> Any:
    """Power Doppler and ULM of it as grey levels on a grid of 20 µm: a `PreparedPair`."""
    from napari_fus_ulm.grey.pair import prepare_pair

    return prepare_pair(section.fus, section.ulm, 20.0)
