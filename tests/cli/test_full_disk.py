"""A disk that takes no more: the file is named, nothing is left half, and the work can go on.

The system itself refuses to write: files may not grow beyond a limit of the process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.generators.checkpoint import load_generator
from napari_fus_ulm.io import write
from napari_fus_ulm.scan import make_scan

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="limits of the size of files are POSIX's"),
    pytest.mark.slow,
]


def call(folder: Path, largest: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder where no file can have more than ``largest`` bytes."""
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error instead of the end
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return subprocess.run(
        [sys.executable, "-c", "from napari_fus_ulm.cli import main; main()", *arguments],
        cwd=folder,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii.gz", ".npy"])
def test_a_result_that_does_not_fit_is_named_and_leaves_nothing(
    tmp_path: Path, suffix: str
) -> None:
    np.save(tmp_path / "rat.npy", np.random.default_rng(0).gamma(4.0, 1.0, (60, 60)))
    common = ("enhance", "rat.npy", "--spacing", "0.1", "--mode", "accurate", "--suffix", suffix)
    done = call(tmp_path, 20_000, *common, "-o", "out/")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"rat_enhanced{suffix}” could not be written: " in last
    assert last.endswith("Choose another folder.")
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == {"rat.npy"}


def test_a_training_run_goes_on_once_there_is_room(tmp_path: Path) -> None:
    for kind, side in (("fus", 24), ("ulm", 120)):
        (tmp_path / "pairs" / kind).mkdir(parents=True)
        pixels = np.random.default_rng(0).gamma(4.0, 0.25, (side, side))
        scan = make_scan(pixels, spacing=2.4 / side, modality=kind, values_kind="linear")
        write(tmp_path / "pairs" / kind / "a.npy", scan)
    common = ("train", "-o", "run", "--pairs", "pairs", "--batch", "1", "--patch", "32")
    small = ("--argument", "widths=[8,8,8]", "--argument", "blocks=[1,1,1]")
    done = call(tmp_path, 30_000, *common, *small, "--steps", "1")
    assert done.returncode == 1
    assert "“weights.safetensors” could not be written: " in done.stderr
    assert files(tmp_path / "run") == {"losses.csv", "settings.json"}
    done = call(tmp_path, 10**9, *common, *small, "--steps", "1", "--resume")
    assert done.returncode == 0, done.stderr
    before = (tmp_path / "run" / "weights.safetensors").read_bytes()
    done = call(tmp_path, 30_000, *common, *small, "--steps", "2", "--resume")
    assert done.returncode == 1
    assert "the file that was there is unchanged" in done.stderr
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == before
    load_generator(tmp_path / "run" / "weights.safetensors")
    assert not [name for name in files(tmp_path / "run") if name.startswith(".")]
