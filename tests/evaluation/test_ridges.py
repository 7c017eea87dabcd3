"""Ridge filters as baselines: lines stand out, what is flat does not."""

import numpy as np
import pytest

from napari_fus_ulm.evaluation.pairs import EvaluationPair, make_pair
from napari_fus_ulm.evaluation.ridges import (
    SCALES_UM,
    difference_of_gaussians,
    fit_ridges,
    hessian,
    ridges,
)
from napari_fus_ulm.scan import make_scan

FILTERS = [hessian, difference_of_gaussians]


def line_on_a_slope(width_um: float) -> np.ndarray:
    """A bright vertical line at column 75 of 150, on a ramp; pixels of 20 µm."""
    x = 20.0 * (np.arange(150) - 75)
    image = 0.4 * np.exp(-0.5 * (x / (width_um / 2.355)) ** 2) + 0.3 * np.arange(150) / 150
    return np.tile(image, (150, 1)).astype(np.float32)


@pytest.mark.parametrize("filtered", FILTERS)
def test_a_line_stands_out_of_a_slope(filtered) -> None:  # type: ignore[no-untyped-def]
    response = filtered(line_on_a_slope(120.0), 0.02, 40.0)
    middle = response[40:110]
    assert (middle.argmax(axis=1) == 75).all()
    assert middle[:, 100:130].max() < 0.05 * middle.max()
    assert response.min() >= 0.0


@pytest.mark.parametrize("filtered", FILTERS)
def test_the_scale_is_that_of_the_lines_of_the_validation_pairs(filtered) -> None:  # type: ignore[no-untyped-def]
    """ULM shows what the filter finds at one scale: that scale makes no error."""
    rng = np.random.default_rng(0)

    def pair(name: str, sigma_um: float) -> EvaluationPair:
        power = np.exp(rng.normal(size=(30, 30)))
        fus = make_scan(power, spacing=0.1, modality="fus", values_kind="linear")
        flat = make_scan(np.ones((150, 150)), spacing=0.02, modality="ulm", values_kind="linear")
        response = ridges(filtered, make_pair(name, name, fus, flat), sigma_um)
        counts = np.expm1(5.0 * response)
        ulm = make_scan(counts, spacing=0.02, modality="ulm", values_kind="linear")
        return make_pair(name, name, fus, ulm)

    for sigma_um in (SCALES_UM[0], SCALES_UM[2]):
        train = [pair(name, sigma_um) for name in "ab"]
        fitted = fit_ridges(filtered, train, [pair("c", sigma_um)])
        assert f"{sigma_um:g} µm, chosen on 1 validation pair" in fitted.note
        test = pair("d", sigma_um)
        assert np.corrcoef(fitted.picture(test).ravel(), test.truth.ravel())[0, 1] > 0.95
        assert "2 training pairs" in fit_ridges(filtered, train, []).note


@pytest.mark.parametrize("filtered", FILTERS)
def test_a_flat_image_has_no_ridges(filtered) -> None:  # type: ignore[no-untyped-def]
    assert filtered(np.full((40, 40), 0.3, np.float32), 0.02, 40.0).max() < 1e-6
