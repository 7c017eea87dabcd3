"""Grey levels: what the scanner's software did to the numbers must not matter."""

import numpy as np
import pytest

from napari_fus_ulm.grey.intensity import (
    FusRange,
    count_unit,
    fus_range,
    fus_to_grey,
    is_signed,
    log_power,
    to_grey,
    ulm_to_grey,
)


@pytest.fixture
def power() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 3.0, (80, 90)).astype(np.float32)


@pytest.mark.parametrize(
    ("values", "transform"),
    [
        ("linear", lambda p: 1e6 * p),
        ("sqrt", np.sqrt),
        ("cbrt", np.cbrt),
        ("db", lambda p: 10 * np.log10(p / p.max())),
        ("unknown", np.sqrt),
    ],
)
def test_powers_and_decibels_give_the_same_grey(power, values, transform) -> None:
    plain, other = fus_to_grey(power), fus_to_grey(transform(power), values)
    assert np.abs(plain - other).max() < 2e-3
    assert plain.std() > 0.1
    # …but decibels taken for linear would not.
    assert values == "linear" or np.abs(plain - fus_to_grey(-other - 0.01, "db")).max() > 0.1


def test_grey_spans_zero_to_one_at_its_percentiles(power: np.ndarray) -> None:
    grey = fus_to_grey(power)
    assert (grey.min(), grey.max()) == (0.0, 1.0)
    assert (grey == 0).mean() == pytest.approx(0.02, abs=0.002)
    assert (grey == 1).mean() == pytest.approx(0.003, abs=0.001)
    assert grey.dtype == np.float32


def test_a_masked_background_is_black_and_finite(power: np.ndarray) -> None:
    masked = power.copy()
    masked[:10] = 0.0
    masked[10] = -1.0
    grey = fus_to_grey(masked)
    assert np.isfinite(grey).all()
    assert (grey[:11] == 0.0).all()
    assert grey[11:].max() == 1.0


def test_an_image_without_a_positive_value_is_explained() -> None:
    with pytest.raises(ValueError, match=r"no positive value.*log/dB"):
        log_power(-np.ones((8, 8)), "linear")
    assert log_power(-10 * np.ones((8, 8)), "db")[0, 0] == pytest.approx(-np.log(10.0))


def test_a_constant_image_does_not_divide_by_zero() -> None:
    logged = log_power(np.full((8, 8), 3.0), "linear")
    assert np.isfinite(to_grey(logged, fus_range(logged))).all()


def test_a_shared_range_keeps_planes_comparable(power: np.ndarray) -> None:
    bright, dim = log_power(power, "linear"), log_power(power / 10, "linear")
    shared = fus_range(np.stack([bright, dim]))
    assert to_grey(bright, shared).mean() > to_grey(dim, shared).mean() + 0.2
    assert np.allclose(
        to_grey(np.array([1.0, 2.0, 3.0], np.float32), FusRange(1.0, 3.0)), [0, 0.5, 1]
    )


def test_ulm_grey_is_the_logarithm_of_one_plus_the_count() -> None:
    counts = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    grey = ulm_to_grey(counts)
    top = np.percentile(counts[counts > 0], 99.9)
    assert np.allclose(grey, np.clip(np.log1p(counts) / np.log1p(top), 0, 1), atol=1e-6)
    assert (grey[0, 0], grey.max()) == (0.0, 1.0)


def test_a_map_without_bubbles_is_black() -> None:
    for empty in (np.zeros((9, 9)), np.full((9, 9), -1.0)):
        assert not ulm_to_grey(empty).any()
        assert count_unit(empty) == 1.0


def test_a_normalised_map_gives_the_grey_of_its_counts() -> None:
    counts = np.random.default_rng(0).poisson(0.5, (60, 60)).astype(np.float32)
    assert count_unit(counts) == 1.0
    density = counts / 700.0
    assert count_unit(density) == pytest.approx(1 / 700.0, rel=1e-4)
    assert np.allclose(ulm_to_grey(density, count_unit(density)), ulm_to_grey(counts), atol=1e-5)


def test_counts_above_one_keep_their_unit() -> None:
    """A map of many bubbles everywhere is bright everywhere: its minimum is not one bubble."""
    many = 50.0 + np.random.default_rng(0).poisson(5.0, (40, 40))
    assert count_unit(many) == 1.0
    assert ulm_to_grey(many).min() > 0.9


def test_tails_of_a_smoothed_map_are_no_bubbles() -> None:
    at = np.arange(200.0)
    tail = np.exp(-0.5 * ((at - 100.0) / 3.0) ** 2)
    density = np.broadcast_to(tail, (200, 200))
    assert 0 < density.min() < 1e-200
    unit = count_unit(density)
    assert 1e-4 <= unit <= 1e-3
    grey = ulm_to_grey(density, unit)
    assert np.isfinite(grey).all()
    assert grey[:, 100].min() == pytest.approx(1.0, abs=1e-3)
    assert grey[:, :80].max() < 1e-3


def positive(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 1.0, (40, 50)).astype(np.float32) + 0.1


@pytest.mark.parametrize("values", ["linear", "sqrt", "display"])
def test_pixels_without_a_value_are_those_without_signal(values: str) -> None:
    dark, gaps = positive(), positive()
    dark[:5], gaps[:5] = 0.0, np.nan
    np.testing.assert_array_equal(log_power(gaps, values), log_power(dark, values))


def test_no_decibels_are_the_darkest_ones() -> None:
    decibels = 10 * np.log10(positive())
    decibels[:5] = -np.inf
    logged = log_power(decibels, "db")
    assert np.isfinite(logged).all()
    assert logged[:5].max() <= np.percentile(logged[5:], 1.0)


def test_the_sign_of_power_is_the_direction_of_flow() -> None:
    power = positive()
    signed = power * np.where(np.arange(50) < 20, -1, 1)
    assert is_signed(signed, "linear")
    np.testing.assert_array_equal(log_power(signed, "linear"), log_power(power, "linear"))
    assert not is_signed(signed, "db")


def test_faint_negative_noise_is_no_signed_power() -> None:
    noisy = positive() * 100
    noisy[:, :25] = np.random.default_rng(1).normal(0, 0.1, (40, 25))
    assert not is_signed(noisy, "linear")
