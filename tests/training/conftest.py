"""A laboratory's folder of two small pairs, and a network that trains in no time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomParams, simulate_pair
from napari_fus_ulm.training import run
from napari_fus_ulm.training.settings import TrainSettings

SMALL = PhantomParams(width_mm=2.4, depth_mm=2.0, fus_pixel_um=(100.0, 100.0))


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for seed in (1, 2):
        pair = simulate_pair(seed, SMALL, vary=False)
        for kind, scan in (("fus", pair.fus), ("ulm", pair.ulm)):
            (folder / kind).mkdir(exist_ok=True)
            write(folder / kind / f"rat.{seed}.npy", scan)
    assert np.isfinite(pair.fus).all()
    return folder


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, config: dict[str, Any] | None = None) -> ConditionalDiffusion:
        return ConditionalDiffusion(**(config or {"widths": (8, 8, 8), "blocks": (1, 1, 1)}))

    monkeypatch.setattr(run, "build", build)


@pytest.fixture
def settings(pairs_folder: Path) -> TrainSettings:
    """Four steps; a checkpoint after each."""
    return TrainSettings(
        pairs=str(pairs_folder),
        steps=4,
        batch=2,
        patch=32,
        checkpoint_minutes=0.0,
        precision="float32",
        flip=False,
        learning_rate=0.05,
    )
