"""The generator works relative to the native sampling of the image."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm import EnhanceSettings, enhance, make_scan
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.grey import native
from napari_fus_ulm.grey.native import native_um
from napari_fus_ulm.grey.native_sampling import native_sampling
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.inference.prepare import prepare
from napari_fus_ulm.tasks.catalogue import pixels_um


@pytest.fixture(scope="module")
def power(make_pair: Callable[..., tuple[xr.DataArray, xr.DataArray]]) -> np.ndarray:
    """40 × 60 pixels of power Doppler, a point spread function of 1.2 pixels."""
    return np.asarray(make_pair(3)[0].values)


@pytest.fixture
def settings(small_weights: Path) -> EnhanceSettings:
    return EnhanceSettings(
        weights=str(small_weights), steps=2, precision="float32", position="off", pixel_um=20.0
    )


def scan(values: np.ndarray, um: float) -> xr.DataArray:
    return make_scan(values, spacing=um / 1000.0, modality="fus", values_kind="linear")


def test_half_the_sampling_gives_the_same_pixels_at_half_their_size(
    power: np.ndarray, settings: EnhanceSettings
) -> None:
    coarse = enhance(scan(power, 100.0), settings)
    fine = enhance(scan(power, 50.0), settings, pixel_um=10.0, native_um=50.0)
    np.testing.assert_array_equal(fine.image.values, coarse.image.values)
    assert fine.provenance["pixel_um"] == pytest.approx([10.0, 10.0])
    assert fine.provenance["gain"] == pytest.approx(coarse.provenance["gain"])
    assert any("Native sampling: 50 µm (as set)" in text for text in fine.provenance["notices"])


def test_an_enlarged_image_is_enhanced_at_its_native_sampling(
    power: np.ndarray, settings: EnhanceSettings
) -> None:
    shape = (4 * power.shape[0], 4 * power.shape[1])
    enlarged = scan(np.exp(resample(np.log(power), shape)), 12.5)
    assert native_um(enlarged) == pytest.approx(50.0, rel=0.05)
    ready = prepare(enlarged, settings)
    assert ready.native.shape == pytest.approx(power.shape, abs=2)
    assert ready.target.spacing_mm == pytest.approx((0.01, 0.01), rel=0.05)
    assert any("Native sampling: 50 µm (estimated" in text for text in ready.notices)


def test_the_user_overrules_the_estimate(power: np.ndarray, settings: EnhanceSettings) -> None:
    ready = prepare(scan(power, 50.0), settings)
    overruled = prepare(scan(power, 50.0), replace(settings, native_um=100.0))
    assert ready.native.shape == power.shape
    assert overruled.native.shape == (20, 30)
    assert overruled.target.spacing_mm == pytest.approx((0.02, 0.02))
    assert not any("Native sampling" in text for text in overruled.notices)


def test_a_result_finer_than_the_generator_works_is_refused(
    power: np.ndarray, settings: EnhanceSettings
) -> None:
    with pytest.raises(SettingsError, match=r"finer than the 20 µm .* sampled every 100 µm"):
        enhance(scan(power, 50.0), settings, pixel_um=10.0, native_um=100.0)


def test_the_sampling_is_estimated_once(
    power: np.ndarray, settings: EnhanceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[float, float]] = []

    def counting(image: np.ndarray, spacing: tuple[float, float]) -> tuple[float, float, float]:
        calls.append(spacing)
        return native_sampling(image, spacing)

    monkeypatch.setattr(native, "native_sampling", counting)
    prepare(scan(power, 50.0), settings)
    assert len(calls) == 1
    assert pixels_um(scan(power, 50.0), 20.0) == pytest.approx((50.0, 10.0))
    assert len(calls) == 2
    assert pixels_um(scan(power, 50.0), 20.0, 100.0) == pytest.approx((100.0, 20.0))
    assert len(calls) == 2


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_image_that_will_be_refused_is_not_judged(power: np.ndarray, wrong: float) -> None:
    holed = power.copy()
    holed[3, 4] = wrong
    assert native_um(scan(holed, 50.0)) == 100.0


def test_pixels_finer_than_any_probes_say_nothing() -> None:
    noise = np.random.default_rng(0).gamma(4.0, 0.25, (300, 300))
    assert native_um(scan(noise, 20.0)) == 100.0
