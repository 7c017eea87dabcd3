"""Recordings: the same from the same seed, as wide as requested, with targets that can be seen."""

import dataclasses

import numpy as np
import pytest

from napari_fus_ulm.phantom.recording import (
    BARELY_SEEN,
    RecordingParams,
    record,
    visibility,
)
from napari_fus_ulm.phantom.scene import Scene, make_scene

CLEAN = RecordingParams(
    bed=0.5, haze=0.0, grain=0.01, floor_grain=0.01, floor_db=40.0, sidelobes=0.0, psf_growth=0.0
)


def scene(lines: tuple[int, ...] = (60, 150)) -> Scene:
    """Two upright vessels in 4 × 4 mm of brain."""
    shape = (200, 200)
    vessels = np.zeros(shape)
    vessels[20:180, lines] = 1.0
    counts = np.kron(vessels, np.ones((2, 2)))
    return make_scene(
        counts=counts,
        vessels=vessels,
        bed=np.ones(shape),
        brain=np.ones(shape),
        loss_rows=np.ones(200),
        loss_columns=np.ones(200),
        haze=np.exp(-np.arange(200) / 50.0),
        placed=True,
    )


def made(params: RecordingParams, seed: int = 0) -> np.ndarray:
    return record(scene(), params, np.random.default_rng(seed)).power


def test_a_recording_follows_from_its_seed() -> None:
    drawn = RecordingParams().draw(np.random.default_rng(4))
    assert drawn == RecordingParams().draw(np.random.default_rng(4))
    assert drawn != RecordingParams().draw(np.random.default_rng(5))
    assert np.array_equal(made(drawn), made(drawn))
    assert not np.array_equal(made(drawn), made(drawn, seed=1))


def test_the_draws_cover_what_users_bring() -> None:
    drawn = [RecordingParams().draw(np.random.default_rng(n)) for n in range(600)]

    def spread(name: str) -> tuple[float, float]:
        values = [getattr(one, name) for one in drawn]
        return min(values), max(values)

    for name, low, high in (
        ("grain", 0.012, 0.5),
        ("bed", 0.06, 5.0),
        ("frequency_mhz", 13.5, 36.0),
        ("floor_db", 10.0, 38.0),
    ):
        limits = spread(name)
        assert limits[0] < low, name
        assert limits[1] > high, name
    sizes = [one.magnified * one.frequency_mhz / 15.0 for one in drawn]
    assert min(sizes) < 0.75
    assert max(sizes) > 2.5
    assert {one.values for one in drawn} == {"linear", "sqrt", "db", "display"}
    assert {one.missing_side for one in drawn} == {-1, 0, 1}
    empty = np.mean([one.hidden >= 0.8 for one in drawn])
    assert 0.05 < empty < 0.2  # negative controls


def test_native_pixels_follow_the_probe() -> None:
    coarse, fine = made(CLEAN), made(dataclasses.replace(CLEAN, frequency_mhz=30.0))
    assert coarse.shape == (40, 36)
    assert fine.shape == (80, 73)


def test_a_finer_probe_separates_what_a_coarse_one_blurs() -> None:
    close = scene((96, 102))  # 120 µm apart: 1940 and 2060 µm
    rng = np.random.default_rng(0)
    between = 2000.0
    dips = []
    for frequency in (15.0, 40.0):
        params = dataclasses.replace(CLEAN, frequency_mhz=frequency, bed=0.0)
        recording = record(close, params, rng)
        profile = recording.power.mean(axis=0)
        dips.append(profile[int(between / recording.pixel[1])] / profile.max())
    assert dips[1] < 0.6 < 0.9 < dips[0]


@pytest.mark.parametrize("cv", [0.02, 0.2, 0.5])
def test_the_grain_is_as_requested(cv: float) -> None:
    params = dataclasses.replace(CLEAN, grain=cv, bed=50.0, floor_db=60.0)
    flat = record(scene(()), params, np.random.default_rng(0)).power
    assert flat.std() / flat.mean() == pytest.approx(cv, rel=0.15)


@pytest.mark.parametrize("bed", [0.1, 1.0, 6.0])
def test_the_bed_is_as_bright_as_requested(bed: float) -> None:
    power = made(dataclasses.replace(CLEAN, bed=bed))
    between = np.median(power[:, 5])  # far from both vessels
    assert between / (power.mean() - between) == pytest.approx(bed, rel=0.15)


def test_the_masked_outside_is_black_in_the_target_too() -> None:
    half = np.ones((200, 200))
    half[:, :100] = 0.0
    cut = dataclasses.replace(scene(), brain=half.astype(np.float32))
    recording = record(cut, dataclasses.replace(CLEAN, outside=0.0), np.random.default_rng(0))
    assert recording.power[:, :16].max() == 0.0
    assert recording.visibility[:, :16].max() < 1e-6
    assert recording.power[:, 22:].min() > 0.0


def test_a_missing_side_keeps_its_noise() -> None:
    params = dataclasses.replace(CLEAN, missing_side=-1, floor_db=20.0, floor_grain=0.3)
    recording = record(scene((20, 150)), params, np.random.default_rng(0))
    left, right = recording.power[:, :12], recording.power[:, 24:]
    assert 0.0 < left.max() < 0.05 * right.max()
    assert recording.visibility[:, :12].max() < 0.05 < 0.9 < recording.visibility[:, 24:].max()


def test_a_recording_without_vessels_has_an_empty_target() -> None:
    recording = record(scene(), dataclasses.replace(CLEAN, hidden=1.0), np.random.default_rng(0))
    assert recording.visibility.max() == 0.0
    assert recording.power.min() > 0.0
    assert recording.power.std() / recording.power.mean() < 0.03  # bed alone


def test_hidden_vessels_are_neither_shown_nor_in_the_target() -> None:
    recording = record(scene(), dataclasses.replace(CLEAN, hidden=0.5), np.random.default_rng(3))
    column = recording.power[4:36, 27] / recording.power[4:36, 27].max()
    seen = recording.visibility[4:36, 27]
    assert column.min() < 0.3 < 0.8 < column.max()
    assert seen[column.argmin()] < 0.5 < 0.9 < seen[column.argmax()]


def test_visibility_is_the_rule_of_the_module() -> None:
    vessels = np.array([[0.0, 1.0, 1.0, 1.0]], np.float32)
    level = np.ones((1, 4), np.float32) * 1e-6
    sd = np.array([[1.0, 1.0, 0.5, 10.0]], np.float32)
    expected = [0.0] + [c**4 / (c**4 + BARELY_SEEN**4) for c in (1.0, 2.0, 0.1)]
    assert visibility(vessels, level, sd, 0.0)[0] == pytest.approx(expected, abs=1e-4)
    # Below the black level nothing is seen.
    assert visibility(vessels, level, sd * 0.01, 100.0).max() < 1e-3


def test_more_grain_leaves_less_in_the_target() -> None:
    rng = np.random.default_rng(0)
    visible = [
        record(scene(), dataclasses.replace(CLEAN, bed=3.0, grain=cv), rng).visibility.mean()
        for cv in (0.01, 0.1, 0.6)
    ]
    assert visible[0] > visible[1] > visible[2]


@pytest.mark.parametrize(("values", "top"), [("sqrt", 255.0), ("db", 40.0), ("display", 255.0)])
def test_displays_have_their_steps(values: str, top: float) -> None:
    params = dataclasses.replace(CLEAN, values=values, range_db=40.0)
    power = made(params)
    assert power.min() >= 0.0
    assert power.max() == pytest.approx(top)
    steps = np.unique(power) * 255.0 / top
    assert np.allclose(steps, np.rint(steps), atol=1e-3)


def test_a_crop_is_that_window_of_the_section() -> None:
    whole = record(scene(), CLEAN, np.random.default_rng(0))
    part = record(
        scene(), dataclasses.replace(CLEAN, crop=(0.5, 1.0, 0.5, 1.0)), np.random.default_rng(0)
    )
    assert part.origin == (2000.0, 2000.0)
    assert part.power.shape == (20, 18)
    assert part.power[5].argmax() == whole.power[25, 18:].argmax()


@pytest.mark.parametrize("change", [{"grain": 2.0}, {"hidden": -0.1}, {"frequency_mhz": 1.0}])
def test_impossible_recordings_are_refused_by_name(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=rf"{name} is .*; it must lie between"):
        RecordingParams(**change)  # type: ignore[arg-type]
