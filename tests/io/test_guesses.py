"""What is guessed of a file: modality, transform of the values, lengths."""

from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.io.guesses import guess_values, length_in_mm, modality_of


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (np.arange(256, dtype=np.uint8).reshape(16, 16), "display"),
        (np.arange(256, dtype=float).reshape(16, 16), "display"),
        (np.arange(256).reshape(16, 16) / 255, "display"),
        (-np.arange(64.0).reshape(8, 8), "db"),
        (noise(8, 8) * 1e6, "linear"),
        (noise(8, 8), "linear"),
        (np.arange(64).reshape(8, 8), "linear"),
        (np.eye(8), "linear"),
    ],
)
def test_guess_values(image: np.ndarray, kind: str):
    assert guess_values(image) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sub-01/fusi/sub-01_pwd.nii.gz", "fus"),
        ("sub-01/angio/sub-01_acq-1.nii", "fus"),
        ("mouse_ulm_week2_counts.tif", "ulm"),
        ("PALA_example_matouts.mat", "ulm"),
        ("rat_power_doppler.png", "fus"),
        ("bulma.png", "unknown"),
        ("ratULM.mat", "ulm"),
        ("holiday.png", "unknown"),
        ("confused.png", "unknown"),
        ("accounts.csv", "unknown"),
        ("sub-01_task-track_pwd.nii.gz", "fus"),
        ("sub-01_task-ulmtrack_acq-counts_pwd.nii.gz", "fus"),
        ("track3_fus.tif", "fus"),
        ("fus_counts_trial3.tif", "fus"),
        ("tracks_rat1.csv", "ulm"),
        ("fus-ulm-study/rat1.png", "unknown"),
        ("RAT_PWD.OME.TIF", "fus"),
    ],
)
def test_modality_is_guessed_from_the_name(name: str, kind: str):
    assert modality_of(Path(name)) == kind


@pytest.mark.parametrize(
    ("number", "mm"), [(1e-4, 0.1), (0.1, 0.1), (100.0, 0.1), (1.1e-5, 0.011), (0.0, None)]
)
def test_a_bare_pixel_size_is_read_in_its_likely_unit(number: float, mm: float | None):
    assert length_in_mm(number) == (None if mm is None else pytest.approx(mm))
