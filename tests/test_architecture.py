"""What importing costs: nobody waits for torch, Qt or napari before they are needed."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "lpips")
GUI = ("napari", "qtpy", "magicgui")


def imported_with(statement: str, modules: tuple[str, ...]) -> list[str]:
    """Names among ``modules`` that a fresh interpreter has loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*(name for name in {modules!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    "module",
    ["napari_fus_ulm", "napari_fus_ulm.io", "napari_fus_ulm.metrics", "napari_fus_ulm.cli"],
)
def test_importing_brings_neither_torch_nor_a_gui(module: str) -> None:
    assert imported_with(f"import {module}", HEAVY + GUI) == []


@pytest.mark.parametrize("module", ["reader", "writer", "samples", "enhance.widget"])
def test_what_the_manifest_names_opens_without_torch(module: str) -> None:
    assert imported_with(f"import napari_fus_ulm._napari.{module}", HEAVY) == []


def test_the_public_api_does_not_bring_torch_by_being_listed() -> None:
    statement = "import napari_fus_ulm; napari_fus_ulm.__all__; dir(napari_fus_ulm)"
    assert imported_with(statement, HEAVY) == []
