"""One native sampling for a run, its live measures and its support."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm import EnhanceSettings, make_scan
from napari_fus_ulm.diagnostics import evidence
from napari_fus_ulm.grey.native import native_um
from napari_fus_ulm.tasks.enhance import enhance_run
from napari_fus_ulm.tasks.support import SupportSettings, support_run


@pytest.fixture(scope="module")
def power(make_pair: Callable[..., tuple[xr.DataArray, xr.DataArray]]) -> np.ndarray:
    return np.asarray(make_pair(3)[0].values)


def scan(values: np.ndarray, spacing: float | list[float]) -> xr.DataArray:
    return make_scan(values, spacing=spacing, modality="fus", values_kind="linear")


def test_support_sees_the_input_at_the_sampling_that_is_set(
    power: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs: list[xr.DataArray] = []

    def gathering(result: Any, fus: xr.DataArray, *_: Any, **__: Any) -> Iterator[Any]:
        inputs.append(fus)
        return iter(())

    monkeypatch.setattr(evidence, "evidence_events", gathering)
    fus = scan(power, 0.05)
    result = make_scan(np.zeros((100, 150)), spacing=0.02, modality="ulm", values_kind="grey")
    for known, expected in ((None, 50.0), (100.0, 100.0)):
        settings = SupportSettings(enhance=EnhanceSettings(native_um=known))
        list(support_run(lambda: result, lambda: fus, settings))
        assert native_um(inputs[-1]) == pytest.approx(expected)


def test_every_plane_is_measured_at_the_sampling_of_the_run(
    power: np.ndarray, small_weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second plane alone would be taken as enlarged from 100 µm."""
    from napari_fus_ulm.grey.resampling import resample
    from napari_fus_ulm.inference import enhance

    coarse = resample(np.log(power[:20, :30]), power.shape)
    stack = scan(np.stack([power, np.exp(coarse)]), [0.4, 0.05, 0.05])
    assert native_um(stack[1]) == pytest.approx(100.0)
    sampled: list[float | None] = []
    original = enhance.input_on_grid

    def recording(plane: xr.DataArray, settings: EnhanceSettings) -> xr.DataArray:
        sampled.append(settings.native_um)
        return original(plane, settings)

    monkeypatch.setattr(enhance, "input_on_grid", recording)
    settings = EnhanceSettings(
        weights=str(small_weights), mode="accurate", precision="float32", position="off"
    )
    ulm = make_scan(
        np.random.default_rng(0).poisson(2.0, (2, 200, 300)).astype(float),
        spacing=[0.4, 0.01, 0.01],
        modality="ulm",
        values_kind="linear",
    )
    list(enhance_run(lambda: stack, lambda: ulm, settings))
    assert sampled == pytest.approx([50.0, 50.0])
