"""Bubble tracks: continuous lines, in proportion to flow, where the vessels are."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import label

from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.bubbles import bubble_counts
from napari_fus_ulm.phantom.vessels import STEP, Vessels

PARAMS = PhantomParams(
    width_mm=3.0, depth_mm=2.0, localisation_um=0.0, motion_um=0.0, ulm_slice_um=1e6
)
EIGHT = np.ones((3, 3))


def lines(rows: list[float], radius: float, *, z: float = 0.0, speed: float = 5.0) -> Vessels:
    """Straight vessels along x at the given depths (µm), across the whole field of view."""
    n, points = len(rows), 300
    xyz = np.zeros((n, points, 3))
    xyz[..., 0] = STEP * (np.arange(points) + 0.5)
    xyz[..., 1] = np.array(rows)[:, None]
    xyz[..., 2] = z
    size = n * points
    first = np.arange(0, size + 1, points)
    return Vessels(xyz.reshape(-1, 3), np.full(size, radius), np.full(size, speed), first)


def test_counts_are_whole_numbers_of_bubbles(animals: list) -> None:
    for animal in animals:
        counts = animal.pair.ulm.values
        assert counts.min() == 0.0
        assert np.array_equal(counts, np.rint(counts))
        assert 0.05 < (counts > 0).mean() < 0.7  # 15 % (mouse) to 54 % (rat) measured
        assert counts.max() > 50.0


def test_tracks_are_continuous(animals: list) -> None:
    """Counts drawn per pixel would fall into dots; tracks are lines of many pixels."""
    for animal in animals:
        pieces, n = label(animal.pair.ulm.values > 0, EIGHT)
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.mean() > 50.0
        assert sizes[sizes <= 2].sum() / sizes.sum() < 0.01
        dots = np.random.default_rng(0).permutation(pieces.ravel() > 0).reshape(pieces.shape)
        assert n < 0.1 * label(dots, EIGHT)[1]


def test_a_single_track_is_one_line_without_holes() -> None:
    params = dataclasses.replace(PARAMS, bubbles=2.0, localisation_um=8.0)
    lengths = []
    for seed in range(10):
        counts = bubble_counts(np.random.default_rng(seed), lines([1000.0], 5.0), params)
        pieces, n = label(counts > 0, EIGHT)
        for piece in range(1, n + 1):
            columns = np.flatnonzero((pieces == piece).any(axis=0))
            assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))
            lengths.append(len(columns))
    assert len(lengths) > 5
    assert min(lengths) >= 7  # tracks below 80 µm are discarded


def test_a_vessel_of_many_bubbles_is_filled_from_end_to_end() -> None:
    params = dataclasses.replace(PARAMS, bubbles=400.0)
    counts = bubble_counts(np.random.default_rng(0), lines([1005.0], 8.0), params)
    assert (counts[98:103].sum(axis=0) > 0).all()
    assert counts[:98].sum() == counts[103:].sum() == 0.0


def test_bubbles_follow_the_flow() -> None:
    """Twice the radius carries four times the bubbles, twice the speed twice as many."""
    rows = list(np.linspace(100.0, 1900.0, 40))

    def total(seed: int, radius: float, speed: float) -> float:
        vessels = lines(rows, radius, speed=speed)
        return float(bubble_counts(np.random.default_rng(seed), vessels, PARAMS).sum())

    usual = total(0, 10.0, 5.0)
    assert total(1, 20.0, 5.0) / usual == pytest.approx(4.0, rel=0.25)
    assert total(2, 10.0, 10.0) / usual == pytest.approx(2.0, rel=0.25)


def test_bubbles_fill_a_vessel_as_a_poiseuille_flux_does() -> None:
    """For a flux ∝ ρ (1 - ρ²) the mean square distance from the axis, in projection, is r²/6."""
    radius = 90.0
    params = dataclasses.replace(PARAMS, bubbles=60.0)
    counts = bubble_counts(np.random.default_rng(0), lines([1000.0], radius), params)
    across = 10.0 * (np.arange(len(counts)) + 0.5) - 1000.0
    profile = counts.sum(axis=1)
    assert profile[np.abs(across) > radius + 10.0].sum() == 0.0
    assert (profile * across**2).sum() / profile.sum() == pytest.approx(radius**2 / 6, rel=0.1)


def test_localisation_error_widens_a_line() -> None:
    params = dataclasses.replace(PARAMS, localisation_um=20.0, bubbles=300.0)
    counts = bubble_counts(np.random.default_rng(0), lines([1005.0], 4.0), params)
    across = 10.0 * (np.arange(len(counts)) + 0.5) - 1005.0
    profile = counts.sum(axis=1)
    deviation = np.sqrt((profile * across**2).sum() / profile.sum())
    assert 0.6 * 20.0 < deviation < 1.1 * 20.0


def test_vessels_outside_the_slice_are_hardly_seen() -> None:
    params = dataclasses.replace(PARAMS, ulm_slice_um=500.0)
    rows = list(np.linspace(100.0, 1900.0, 20))

    def total(z: float) -> float:
        return float(bubble_counts(np.random.default_rng(0), lines(rows, 10.0, z=z), params).sum())

    middle = total(0.0)
    assert total(250.0) / middle == pytest.approx(0.5, abs=0.1)  # half maximum at half width
    assert total(600.0) < 0.1 * middle


def test_the_recording_time_decides_how_full_small_vessels_are() -> None:
    rows = list(np.linspace(100.0, 1900.0, 30))
    filled = [
        (bubble_counts(
            np.random.default_rng(0), lines(rows, 4.0), dataclasses.replace(PARAMS, bubbles=b)
        ) > 0).mean()
        for b in (1.0, 10.0, 100.0)
    ]  # fmt: skip
    assert filled[0] < 0.7 * filled[1]
    assert filled[1] < filled[2]


def test_bubbles_pass_every_part_of_a_vessel_alike() -> None:
    rows = list(np.linspace(100.0, 1900.0, 30))
    counts = bubble_counts(np.random.default_rng(0), lines(rows, 10.0), PARAMS)
    thirds = counts.reshape(200, 3, 100).sum(axis=(0, 2))
    assert thirds / thirds.mean() == pytest.approx(np.ones(3), abs=0.15)


def test_a_track_counts_once_in_every_pixel() -> None:
    """A vessel that runs to and fro within one row of pixels is no brighter for it."""
    zigzag = lines([1005.0], 4.0)
    zigzag.points[:, 0] = 500.0 + 100.0 * np.abs((np.arange(300) / 10.0) % 2 - 1)
    counts = bubble_counts(np.random.default_rng(0), zigzag, PARAMS)
    entering = PARAMS.bubbles * 0.16 * 3 * (1 + 3000.0 / 450.0)
    assert 0 < counts.max() <= 2 * entering


def test_a_thinning_vessel_loses_bubbles_as_it_loses_flow() -> None:
    rows = list(np.linspace(100.0, 1900.0, 40))
    vessels = lines(rows, 20.0)
    vessels.radii[:] = np.tile(20.0 * np.linspace(1.0, 0.125, 300) ** (1 / 3), 40)
    counts = bubble_counts(np.random.default_rng(0), vessels, PARAMS)
    along = counts.sum(axis=0)
    start, end = along[:20].mean(), along[-20:].mean()
    assert end / start == pytest.approx(0.15, abs=0.07)


def test_a_dark_skull_hides_bubbles() -> None:
    rows = list(np.linspace(100.0, 1900.0, 20))
    counts = bubble_counts(
        np.random.default_rng(0),
        lines(rows, 10.0),
        PARAMS,
        lambda x: np.where(x < 1500.0, 1.0, 0.25),
    )
    clear, dark = counts[:, :150].sum(), counts[:, 150:].sum()
    assert dark / clear == pytest.approx(0.5, abs=0.1)  # the root of the power


def test_motion_between_recordings_widens_a_vessel() -> None:
    params = dataclasses.replace(PARAMS, motion_um=15.0, bubbles=300.0)
    counts = bubble_counts(np.random.default_rng(0), lines([1005.0], 4.0), params)
    across = 10.0 * (np.arange(len(counts)) + 0.5) - 1005.0
    profile = counts.sum(axis=1)
    deviation = np.sqrt((profile * across**2).sum() / profile.sum())
    assert 15.0 < deviation < 30.0  # a fifth of the tracks is off by more
