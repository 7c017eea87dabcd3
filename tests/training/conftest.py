"""A laboratory's folder of two small pairs, and a network that trains within seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomParams, simulate_pair
from napari_fus_ulm.phantom.scene import phantom_scene, write_scene
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.training import run
from napari_fus_ulm.training.data import phantom_tasks
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


@pytest.fixture(scope="session")
def maps_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ULM maps of the same tracks: few bubbles, and ten times as many."""
    folder = tmp_path_factory.mktemp("maps")
    rng = np.random.default_rng(0)
    image = np.zeros((300, 400), np.float32)
    for column in rng.choice(400, 60, replace=False):
        top = rng.integers(0, 100)
        image[top : top + 150, column] += rng.integers(1, 9)
    for name, times in (("a", 1.0), ("b", 10.0)):
        scan = make_scan(np.where(image > 0, times * image - times + 1, 0.0), spacing=0.01)
        write(folder / f"{name}.npy", scan.assign_attrs(modality="ulm"))
    return folder


@pytest.fixture
def scenes_folder(tmp_path: Path) -> Path:
    """Scenes of two small phantoms, seeds 1 and 2."""
    for task in phantom_tasks([1, 2], tmp_path / "scenes"):
        write_scene(task.path, phantom_scene(task.seed, SMALL, vary=False))
    return tmp_path / "scenes"


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
