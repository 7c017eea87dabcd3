"""What the tests of the docks share: small weights, settings of their own, a small phantom."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from qtpy.QtCore import QSettings

from napari_fus_ulm._napari import memory
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.metrics.libraries import load_triton_apart

# Before the first viewer draws, for every test of this process that uses LPIPS afterwards.
load_triton_apart()


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path) -> None:
    """Settings of the docks go to a folder of the test's own."""
    ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    QSettings.setPath(ini, user, str(tmp_path / "qsettings"))


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a generator so small that a step takes no time; it has learnt nothing."""
    import json

    import torch

    from napari_fus_ulm.generators import build
    from napari_fus_ulm.generators.checkpoint import card_path, write_tensors, write_text

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


@pytest.fixture
def open_dock(
    make_napari_viewer: Callable[..., Any], small_weights: Path
) -> Callable[..., tuple[Any, Any]]:
    """Open a viewer with the dock, with the small generator and two steps."""

    def open_(**settings: Any) -> tuple[Any, Any]:
        kept = {"weights": str(small_weights), "steps": 2, "precision": "float32", **settings}
        memory.save(EnhanceSettings(**kept))
        viewer = make_napari_viewer()
        _, dock = viewer.window.add_plugin_dock_widget("napari-fus-ulm", "Enhance")
        return viewer, dock

    return open_


@pytest.fixture
def click(qtbot: Any) -> Callable[[Any], None]:
    """Click the real *Enhance* button and wait for the end of the run."""
    from qtpy.QtCore import Qt

    def click_(dock: Any) -> None:
        with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
            qtbot.mouseClick(dock.run.button, Qt.MouseButton.LeftButton)

    return click_
