"""A picture compared with its ground truth: maps match what was drawn, nothing moves by itself."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.diagnostics.truth import against_truth, markdown
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.metrics.fidelity import SSIM_SMALLEST, fidelity
from napari_fus_ulm.metrics.overlay import HIT, INVENTED, MISSED, NOTHING
from napari_fus_ulm.metrics.vessels import VesselRule, vessel_scores
from napari_fus_ulm.phantom import PhantomParams, simulate_pair
from napari_fus_ulm.scan import make_scan

PIXEL = 0.02
LINE_MM = 2.0


def picture_of(grey: np.ndarray, origin: float = 1.0) -> xr.DataArray:
    """A generated picture that lies somewhere in the world."""
    return make_scan(
        grey, spacing=PIXEL, origin=origin, modality="ulm", values_kind="grey", generated=True
    )


@pytest.fixture(scope="module")
def ulm() -> xr.DataArray:
    params = PhantomParams(width_mm=4.0, depth_mm=3.2, bubbles=20.0)
    return simulate_pair(900_000_031, params, vary=False).ulm


@pytest.fixture(scope="module")
def grey(ulm: xr.DataArray) -> np.ndarray:
    rows, columns = ulm.sizes["j"] // 2, ulm.sizes["i"] // 2
    return reference_on_grid(ulm, Grid.of(make_scan(np.zeros((rows, columns)), spacing=PIXEL)))


def emptiest_row(grey: np.ndarray) -> int:
    """A row about which there is room for one more vessel."""
    columns = slice(40, 40 + round(LINE_MM / PIXEL))
    smooth = ndimage.uniform_filter1d(grey[:, columns].mean(axis=1), 11)
    return int(np.argmin(smooth[20:-20])) + 20


def with_line(grey: np.ndarray, row: int) -> np.ndarray:
    """One more vessel, 100 µm wide, in a band that is cleared of others."""
    drawn = grey.copy()
    drawn[row - 10 : row + 11, 30 : 50 + round(LINE_MM / PIXEL)] = 0.0
    drawn[row - 2 : row + 3, 40 : 40 + round(LINE_MM / PIXEL)] = 0.9
    return drawn


def cleared(grey: np.ndarray, row: int) -> np.ndarray:
    drawn = with_line(grey, row)
    drawn[row - 2 : row + 3, 40 : 40 + round(LINE_MM / PIXEL)] = 0.0
    return drawn


def scan_of(grey: np.ndarray) -> xr.DataArray:
    """A ground truth in grey levels from 0 to 1, which nothing rescales."""
    full = grey.copy()
    full[0, : max(1, full.size // 500)] = 1.0
    full[-1, -1] = 0.0
    return make_scan(full, spacing=PIXEL, modality="ulm", values_kind="grey")


def test_an_invented_vessel_is_drawn_and_measured(grey: np.ndarray) -> None:
    row = emptiest_row(grey)
    truth = scan_of(cleared(grey, row))
    base = against_truth(picture_of(truth.values), truth, lpips=False)
    comparison = against_truth(picture_of(with_line(truth.values, row)), truth, lpips=False)
    assert base.overlay.invented_mm == 0
    assert comparison.overlay.invented_mm == pytest.approx(LINE_MM, abs=0.15)
    assert comparison.overlay.missed_mm == pytest.approx(0, abs=0.1)
    assert (comparison.vessels.values[row, 45:135] == INVENTED).all()
    assert comparison.error.values[row, 45:135] == pytest.approx(0.9)
    assert np.nanmean(comparison.ssim.values[row - 5 : row + 6, 45:135]) < 0.6


def test_a_missed_vessel_is_drawn_and_measured(grey: np.ndarray) -> None:
    row = emptiest_row(grey)
    truth = scan_of(with_line(grey, row))
    comparison = against_truth(picture_of(cleared(truth.values, row)), truth, lpips=False)
    assert comparison.overlay.missed_mm == pytest.approx(LINE_MM, abs=0.15)
    assert comparison.overlay.invented_mm == pytest.approx(0, abs=0.1)
    assert (comparison.vessels.values[row, 45:135] == MISSED).all()
    assert comparison.error.values[row, 45:135] == pytest.approx(-0.9)


def test_equal_pictures_have_only_hits_and_nothing_moves(
    ulm: xr.DataArray, grey: np.ndarray
) -> None:
    result = picture_of(grey, origin=PIXEL / 2)
    comparison = against_truth(result, ulm, lpips=False)
    assert set(np.unique(comparison.vessels.values)) == {NOTHING, HIT}
    assert np.array_equal(comparison.reference.values, grey)
    assert not comparison.error.values.any()
    assert comparison.ssim.values == pytest.approx(1.0)
    assert comparison.fidelity.mse == 0
    assert math.isnan(comparison.fidelity.lpips)
    assert (comparison.scores.recall, comparison.scores.precision) == (1, 1)
    assert comparison.judged.values.all()
    assert (comparison.registration, comparison.notes) == (None, ())


def test_every_map_lies_on_the_result(ulm: xr.DataArray, grey: np.ndarray) -> None:
    result = picture_of(ndimage.gaussian_filter(grey, 1.0))
    comparison = against_truth(result, ulm, lpips=False)
    for drawn in (
        comparison.reference,
        comparison.judged,
        comparison.vessels,
        comparison.centrelines,
        comparison.width_um,
        comparison.error,
        comparison.ssim,
    ):
        assert drawn.dims == result.dims
        for axis in "yx":
            assert np.array_equal(drawn[axis], result[axis])
    assert comparison.vessels.dtype == comparison.centrelines.dtype == np.uint8
    assert comparison.judged.dtype == bool


def test_the_numbers_are_those_of_the_tables(ulm: xr.DataArray, grey: np.ndarray) -> None:
    picture = ndimage.gaussian_filter(grey, 2.0)
    rule = VesselRule(tolerance_um=40)
    comparison = against_truth(picture_of(picture), ulm, rule=rule)
    expected = vessel_scores(picture, grey, PIXEL, rule=rule)
    assert comparison.scores == expected
    assert comparison.overlay.missed_mm == pytest.approx(expected.missed_mm)
    assert comparison.overlay.invented_mm == pytest.approx(expected.invented_mm)
    assert comparison.fidelity == fidelity(picture, grey)
    border = SSIM_SMALLEST // 2
    inner = comparison.ssim.values[border:-border, border:-border]
    assert inner.mean() == pytest.approx(comparison.fidelity.ssim, abs=1e-6)


def moved(ulm: xr.DataArray, turn: float, scale: float, shift: tuple[float, float]) -> xr.DataArray:
    """Counts that a clockwise turn, a scale and a shift bring back to where they were."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    places = (np.indices(ulm.shape) + 0.5) * 0.01
    centre = (np.array(ulm.shape) * 0.005)[:, None, None]
    linear = scale * np.array([[c, s], [-s, c]])
    at = np.tensordot(linear, places - centre, 1) + centre + np.array(shift)[:, None, None]
    return ulm.copy(data=ndimage.map_coordinates(ulm.values, at / 0.01 - 0.5, order=0))


def test_a_turned_and_scaled_truth_is_brought_back_and_reported(
    ulm: xr.DataArray, grey: np.ndarray
) -> None:
    result = picture_of(ndimage.gaussian_filter(grey, 0.7))
    away = moved(ulm, 3.0, 1.03, (0.12, -0.1))
    still = against_truth(result, away, lpips=False)
    comparison = against_truth(result, away, aligned="affine", lpips=False)
    assert still.registration is None
    assert still.overlay.recall < 0.6
    assert comparison.registration is not None
    assert comparison.registration.needed
    assert comparison.registration.shift_mm == pytest.approx((0.12, -0.1), abs=0.01)
    assert comparison.registration.rotation_deg == pytest.approx(3.0, abs=0.3)
    assert comparison.registration.scales == pytest.approx((1.03, 1.03), abs=0.006)
    assert comparison.overlay.recall > 0.9
    assert comparison.overlay.precision > 0.85
    assert comparison.notes[0].startswith("The ground truth was moved by an affine map")
    share = comparison.judged.values.mean()
    assert 0.6 < share < 1
    assert f"covers {100 * share:.0f} % of the result" in comparison.notes[-1]


def test_a_shifted_truth_is_cropped_not_interpolated(ulm: xr.DataArray, grey: np.ndarray) -> None:
    # What the truth shows lies 0.2 mm further down and 0.3 mm further right in the result.
    result, away = picture_of(grey[:-15, :-20]), ulm.isel(j=slice(20, -10), i=slice(30, -10))
    comparison = against_truth(result, away, aligned="shift", lpips=False)
    assert comparison.registration is not None
    assert comparison.registration.needed
    assert comparison.registration.rotation_deg == 0
    assert "moved by a translation: +200 µm down and +300 µm right" in comparison.notes[0]
    rows, columns = np.nonzero(comparison.judged.values)
    assert (rows.min(), columns.min()) == (10, 15)
    box = np.ix_(np.unique(rows), np.unique(columns))
    # The same counts binned to the same pixels; the brightest of a part may be another one.
    difference = np.abs(comparison.reference.values[box] - grey[:-15, :-20][box])
    assert difference.max() < 0.1
    assert np.isnan(comparison.error.values[:10]).all()
    assert np.isnan(comparison.ssim.values[:, :15]).all()
    assert not comparison.vessels.values[:10].any()
    assert comparison.overlay.recall > 0.97


def test_a_truth_of_a_part_judges_that_part(ulm: xr.DataArray, grey: np.ndarray) -> None:
    result = picture_of(grey, origin=PIXEL / 2)
    part = ulm.isel(j=slice(40, None), i=slice(0, 300))
    comparison = against_truth(result, part, lpips=False)
    expected = np.zeros(grey.shape, bool)
    expected[20:, :150] = True
    assert np.array_equal(comparison.judged.values, expected)
    assert comparison.overlay.recall > 0.97
    assert "covers 66 % of the result" in comparison.notes[0]
    assert comparison.overlay.vessels.shape == (grey.shape[0] - 20, 150)


def test_an_offset_between_the_coordinates_is_noted(ulm: xr.DataArray, grey: np.ndarray) -> None:
    comparison = against_truth(picture_of(grey, origin=1.0 + PIXEL / 2), ulm, lpips=False)
    assert comparison.judged.values.all()
    assert "is offset by 1.4 mm from the result" in comparison.notes[0]


def test_an_unneeded_registration_is_noted(ulm: xr.DataArray, grey: np.ndarray) -> None:
    comparison = against_truth(picture_of(grey), ulm, aligned="shift", lpips=False)
    assert comparison.registration is not None
    assert not comparison.registration.needed
    assert any("no registration was needed" in note for note in comparison.notes)


def test_the_table_has_a_row_for_each_calibre(ulm: xr.DataArray, grey: np.ndarray) -> None:
    comparison = against_truth(picture_of(ndimage.gaussian_filter(grey, 2.0)), ulm, lpips=False)
    lines = markdown(comparison).splitlines()
    assert lines[0].count("|") == 7
    assert [line.split("|")[1].strip() for line in lines[2:6]] == [
        "below 60 µm",
        "60 to 120 µm",
        "from 120 µm",
        "all",
    ]
    cells = [cell.strip() for cell in lines[5].split("|")[2:-1]]
    whole = comparison.scores
    assert cells == [
        f"{comparison.overlay.hit_mm:.2f}",
        f"{whole.missed_mm:.2f}",
        f"{whole.invented_mm:.2f}",
        f"{whole.recall:.3f}",
        f"{whole.precision:.3f}",
    ]
    assert "which may have missed it" in lines[-1]


def test_an_empty_class_has_no_share(grey: np.ndarray) -> None:
    nothing = make_scan(np.zeros(grey.shape), spacing=PIXEL, modality="ulm", values_kind="linear")
    comparison = against_truth(picture_of(grey), nothing, lpips=False)
    cells = [cell.strip() for cell in markdown(comparison).splitlines()[5].split("|")[2:-1]]
    assert cells[:2] == ["0.00", "0.00"]
    assert cells[3:] == ["–", "0.000"]


def test_unfit_images_are_named(ulm: xr.DataArray, grey: np.ndarray) -> None:
    result = picture_of(grey)
    with pytest.raises(ValueError, match="“none”, “shift” or “affine”"):
        against_truth(result, ulm, aligned="rigid")
    with pytest.raises(ValueError, match="plane by plane; got 3-D"):
        against_truth(result.expand_dims("time"), ulm)
    with pytest.raises(ValueError, match="holds linear values"):
        against_truth(ulm, ulm)
    with pytest.raises(ValueError, match="too little to evaluate it"):
        against_truth(result, ulm.isel(i=slice(0, 100)))
