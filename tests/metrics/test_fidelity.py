"""Fidelity against scikit-image, against sums done by hand, and LPIPS against pinned values."""

import csv
import importlib
import io
import json
import math
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data, filters, metrics

from napari_fus_ulm.metrics import Fidelity, fidelity, lpips_distance, mean_and_sd, table

# The package exports the function of the same name, which hides the module from plain imports.
module = importlib.import_module("napari_fus_ulm.metrics.fidelity")


@pytest.fixture(scope="module")
def camera() -> np.ndarray:
    return data.camera() / 255.0


@pytest.fixture(scope="module")
def brick() -> np.ndarray:
    return data.brick() / 255.0


@pytest.fixture(scope="module")
def moon() -> np.ndarray:
    return data.moon() / 255.0


def test_agrees_with_scikit_image(camera: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, camera.shape)
    image = np.clip(camera + noise, 0, 1)
    measures = fidelity(image, camera, lpips=False)
    assert measures.mse == pytest.approx(np.mean((image - camera) ** 2), rel=1e-12)
    assert measures.psnr == pytest.approx(
        metrics.peak_signal_noise_ratio(camera, image, data_range=1), rel=1e-12
    )
    expected = metrics.structural_similarity(
        camera,
        image,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        win_size=11,  # Wang 2004's window, said aloud
    )
    assert measures.ssim == pytest.approx(expected, rel=1e-12)
    assert 0.1 < measures.ssim < 0.9


def test_a_constant_offset_has_a_closed_form() -> None:
    reference, image = np.full((16, 20), 0.25), np.full((16, 20), 0.75)
    measures = fidelity(image, reference, lpips=False)
    assert measures.mse == pytest.approx(0.25)
    assert measures.psnr == pytest.approx(10 * math.log10(4))
    # Without variance only SSIM's luminance term is left: (2ab + c1) / (a² + b² + c1).
    c1 = 0.01**2
    expected = (2 * 0.25 * 0.75 + c1) / (0.25**2 + 0.75**2 + c1)
    assert measures.ssim == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), contrast=st.floats(0.01, 1), size=st.integers(11, 40))
def test_psnr_follows_from_mse_and_all_are_symmetric(seed: int, contrast: float, size: int) -> None:
    first, second = contrast * np.random.default_rng(seed).random((2, size, size + 3))
    measures, turned = fidelity(first, second, lpips=False), fidelity(second, first, lpips=False)
    assert measures.psnr == pytest.approx(-10 * math.log10(measures.mse))
    for name in ("mse", "ssim", "psnr"):
        assert getattr(measures, name) == pytest.approx(getattr(turned, name), rel=1e-9)


def test_equal_images_are_perfect_and_fit_for_json(camera: np.ndarray) -> None:
    measures = fidelity(camera, camera)
    assert (measures.mse, measures.ssim, measures.psnr, measures.lpips) == (0, 1, math.inf, 0)
    text = json.dumps(measures.as_dict(), allow_nan=False)
    assert json.loads(text) == {"mse": 0, "ssim": 1, "psnr": None, "lpips": 0}


# Computed with lpips 0.1.4 directly (normalize=True, three equal channels) and the same trunk.
def test_lpips_blurred_image(camera: np.ndarray) -> None:
    blurred = filters.gaussian(camera, 2)
    assert lpips_distance(blurred, camera) == pytest.approx(0.41935, abs=2e-4)
    assert fidelity(blurred, camera).lpips == lpips_distance(blurred, camera)


def test_lpips_mirrored_and_different_images(
    camera: np.ndarray, brick: np.ndarray, moon: np.ndarray
) -> None:
    assert lpips_distance(brick[:, ::-1], brick) == pytest.approx(0.30441, abs=2e-4)
    assert lpips_distance(moon[::-1], moon) == pytest.approx(0.42251, abs=2e-4)
    assert lpips_distance(camera, brick) == pytest.approx(0.76650, abs=2e-4)


def test_lpips_orders_degradations_and_is_symmetric(camera: np.ndarray) -> None:
    crop = camera[100:260, 120:280]
    distances = [lpips_distance(filters.gaussian(crop, sigma), crop) for sigma in (0.5, 1, 2, 4)]
    assert distances == sorted(distances)
    assert distances[0] > 0
    assert lpips_distance(crop, crop) == 0
    other = filters.gaussian(crop, 2)
    assert lpips_distance(other, crop) == pytest.approx(lpips_distance(crop, other), rel=1e-5)


def test_lpips_smallest_size(camera: np.ndarray) -> None:
    assert lpips_distance(camera[200:231, 200:231], camera[100:131, 200:231]) > 0
    with pytest.raises(ValueError, match=r"30×40 pixels; these measures need at least 31×31"):
        lpips_distance(camera[:30, :40], camera[:30, :40])


def test_needs_no_network_and_shows_no_warning(tmp_path: object) -> None:
    code = """
import socket, warnings
warnings.simplefilter("error")
def refuse(*args, **kwargs):
    raise AssertionError("tried to reach the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from napari_fus_ulm.metrics import fidelity
image = np.linspace(0, 1, 64 * 64).reshape(64, 64)
print(fidelity(image, image[::-1]).lpips)
"""
    # Empty caches: nothing that an earlier download left behind can help.
    environment = {"TORCH_HOME": str(tmp_path), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.01
    assert done.stderr == ""


def test_building_the_network_leaves_the_global_random_state_alone(camera: np.ndarray) -> None:
    module._build_lpips.cache_clear()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    lpips_distance(camera[:64, :64], camera[64:128, :64])
    assert torch.equal(before, torch.get_rng_state())


def test_threads_share_one_network(camera: np.ndarray) -> None:
    module._build_lpips.cache_clear()
    crop = camera[100:200, 100:200]
    distances: list[float] = []
    threads = [
        threading.Thread(target=lambda: distances.append(lpips_distance(crop, crop.T)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert module._build_lpips.cache_info().misses == 1
    assert len(distances) == 4
    assert distances == pytest.approx([distances[0]] * 4, rel=1e-6)


@pytest.mark.parametrize(
    ("image", "reference", "sentence"),
    [
        (np.zeros((40, 40)), np.zeros((40, 41)), r"\(40, 40\).*\(40, 41\).*same pixel grid"),
        (np.zeros((3, 40, 40)), np.zeros((3, 40, 40)), r"one grey plane.*\(3, 40, 40\)"),
        (np.zeros((10, 40)), np.zeros((10, 40)), r"10×40 pixels.*at least 11×11"),
        (np.full((40, 40), np.nan), np.zeros((40, 40)), r"The image holds NaN"),
        (np.zeros((40, 40)), np.full((40, 40), np.inf), r"The reference holds NaN or infinite"),
        (np.zeros((40, 40)), np.full((40, 40), 255), r"The reference spans 255 to 255.*\[0, 1\]"),
        (np.full((40, 40), -0.1), np.zeros((40, 40)), r"The image spans -0.1 to -0.1"),
    ],
)
def test_unfit_images_are_named_in_a_sentence(
    image: np.ndarray, reference: np.ndarray, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        fidelity(image, reference, lpips=False)


def test_rounding_outside_the_range_is_forgiven() -> None:
    image = np.full((12, 12), np.float32(1) + np.finfo(np.float32).eps)
    assert fidelity(image, np.ones((12, 12)), lpips=False).mse < 1e-12


ROWS = {
    "bicubic | plain": Fidelity(mse=0.06051, ssim=0.3456, psnr=12.204, lpips=0.5239),
    "same": Fidelity(mse=0.0, ssim=1.0, psnr=math.inf),
}


def test_markdown_table() -> None:
    assert table(ROWS) == (
        "| | MSE ↓ | SSIM ↑ | PSNR (dB) ↑ | LPIPS ↓ |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| bicubic \\| plain | 0.0605 | 0.346 | 12.20 | 0.524 |\n"
        "| same | 0.0000 | 1.000 | ∞ | – |\n"
    )


def test_csv_table_keeps_every_digit() -> None:
    rows = list(csv.reader(io.StringIO(table(ROWS, "csv"))))
    assert rows[0] == ["name", "mse", "ssim", "psnr", "lpips"]
    assert rows[1] == ["bicubic | plain", "0.06051", "0.3456", "12.204", "0.5239"]
    assert rows[2] == ["same", "0.0", "1.0", "inf", ""]
    with pytest.raises(ValueError, match="must be markdown or csv"):
        table(ROWS, "html")  # type: ignore[arg-type]


def test_mean_and_sample_deviation() -> None:
    rows = [
        Fidelity(mse=0.1, ssim=0.5, psnr=10.0, lpips=0.3),
        Fidelity(mse=0.3, ssim=0.7, psnr=14.0, lpips=math.nan),
    ]
    mean, sd = mean_and_sd(rows)
    assert (mean.mse, mean.ssim, mean.psnr) == pytest.approx((0.2, 0.6, 12.0))
    assert (sd.mse, sd.psnr) == pytest.approx((0.1 * math.sqrt(2), 2 * math.sqrt(2)))
    assert math.isnan(mean.lpips)
    alone, spread = mean_and_sd(rows[:1])
    assert alone == rows[0]
    assert math.isnan(spread.mse)
    with pytest.raises(ValueError, match="at least one"):
        mean_and_sd([])
