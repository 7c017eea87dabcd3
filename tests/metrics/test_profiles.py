"""Widths of vessels that are known, along lines on images of different grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fus_ulm.metrics.profiles import COUNTS, LinePlanes, grid_words
from napari_fus_ulm.metrics.widths import NoWidth, Width, fwhm
from napari_fus_ulm.scan import make_scan

FULL = 2.3548
EXTENT = (2.0, 3.0)
AT = np.arange(0.0, 600.0, 5.0)


def bump(centre, width, height=1.0):
    """A Gaussian of a full width at half maximum, µm."""
    return height * np.exp(-0.5 * ((AT - centre) * FULL / width) ** 2)


def vertical(width_um, pixel_mm, *, at_mm=1.5, height=1.0, base=0.0):
    """A vessel from top to bottom of a 2 × 3 mm field."""
    rows, columns = (round(side / pixel_mm) for side in EXTENT)
    x = (np.arange(columns) + 0.5) * pixel_mm
    line = base + height * np.exp(-0.5 * ((x - at_mm) * 1000 * FULL / width_um) ** 2)
    return np.tile(line, (rows, 1))


def scan(values, pixel_mm, kind="linear", origin=0.0):
    return make_scan(
        values,
        spacing=pixel_mm,
        origin=origin + pixel_mm / 2,
        values_kind=kind,
        modality="fus" if pixel_mm > 0.05 else "ulm",
    )


def grey_of(counts):
    return np.log1p(COUNTS * counts) / np.log1p(COUNTS)


def images(*, result_at=1.5, ulm_at=1.5, fus_at=1.5, result_um=60.0, ulm_um=50.0):
    """Power Doppler, result and ULM of one vessel, and what was put in."""
    fus = scan(vertical(240.0, 0.1, at_mm=fus_at, height=3.0, base=1.0), 0.1)
    result = scan(grey_of(vertical(result_um, 0.02, at_mm=result_at)), 0.02, "grey")
    ulm = scan(vertical(ulm_um, 0.01, at_mm=ulm_at, height=80.0), 0.01)
    return fus, result, ulm


LINE = ((1.0, 1.1), (1.0, 1.9))


def compared(fus, result, ulm=None):
    return LinePlanes.of(fus, result, ulm).along(*LINE)


def profile(values, start_mm, end_mm, pixel_mm):
    """Distances and values along a line of one image."""
    image = make_scan(values, spacing=pixel_mm, values_kind="linear")
    comparison = LinePlanes.of(image, image).along(start_mm, end_mm)
    return comparison.distance_um, comparison.fus


# ---------------------------------------------------------------- one profile


@settings(max_examples=30, deadline=None)
@given(
    centre=st.floats(220.0, 380.0),
    width=st.floats(25.0, 150.0),
    height=st.floats(0.1, 1e4),
    base=st.floats(0.0, 1e3),
)
def test_a_known_blur_has_its_width(centre, width, height, base):
    peak = fwhm(AT, base + bump(centre, width, height))
    assert isinstance(peak, Width)
    assert peak.fwhm_um == pytest.approx(width, rel=0.03)
    assert peak.centre_um == pytest.approx(centre, abs=1.0)
    assert peak.base == pytest.approx(base, abs=0.02 * height)


def test_of_two_vessels_the_one_in_the_middle_or_near_a_place_is_measured():
    values = bump(200.0, 40.0) + bump(330.0, 80.0)
    assert fwhm(AT, values).centre_um == pytest.approx(330.0, abs=2.0)
    peak = fwhm(AT, values, near_um=180.0)
    assert peak.centre_um == pytest.approx(200.0, abs=2.0)
    assert peak.fwhm_um == pytest.approx(40.0, rel=0.05)
    assert peak.peaks_um == pytest.approx((200.0, 330.0), abs=5.0)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.zeros(AT.size), "no vessel"),
        (np.ones(AT.size), "no vessel"),
        (AT, "brighter"),
        (bump(0.0, 300.0), "brighter"),
        (bump(300.0, 500.0), "shorter than twice"),
        (np.where(AT < 10, np.nan, bump(300.0, 60.0)), "leaves the image"),
        (bump(280.0, 60.0, 0.4) + (AT > 320) * 1.0, "brighter"),
    ],
)
def test_what_has_no_single_clear_peak_has_no_width(values, why):
    peak = fwhm(AT, values)
    assert isinstance(peak, NoWidth)
    assert why in peak.reason


def test_noise_has_no_width():
    rng = np.random.default_rng(0)
    peaks = [fwhm(AT, rng.standard_normal(AT.size)) for _ in range(200)]
    assert sum(isinstance(one, NoWidth) for one in peaks) > 150


def test_a_line_of_a_few_samples_is_too_short():
    assert fwhm([0.0], [1.0]) == NoWidth("the line is too short")
    assert fwhm(AT[:15], bump(30.0, 20.0)[:15]) == NoWidth("the line is too short")


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 200.0])
def test_a_profile_is_taken_in_mm_whatever_the_direction(angle):
    step = 0.02
    rows, columns = np.indices((100, 150)) + 0.5
    turn = np.radians(angle)
    along = np.array([np.sin(turn), np.cos(turn)])
    off = (rows * step - 1.0) * along[0] + (columns * step - 1.5) * along[1]
    image = np.exp(-0.5 * (off * 1000 * FULL / 90.0) ** 2)
    start, end = (tuple(np.array([1.0, 1.5]) + sign * 0.4 * along) for sign in (-1, 1))
    distance, values = profile(image, start, end, step)
    peak = fwhm(distance, values)
    assert peak.fwhm_um == pytest.approx(90.0, rel=0.03)
    assert peak.centre_um == pytest.approx(400.0, abs=3.0)


def test_grids_of_one_extent_agree_on_where_a_vessel_is():
    for pixel in (0.01, 0.02, 0.1):
        distance, values = profile(vertical(240.0, pixel), (1.0, 1.0), (1.0, 2.0), pixel)
        assert fwhm(distance, values).centre_um == pytest.approx(500.0, abs=3.0)
        assert distance.size == 201


def test_outside_of_the_image_there_is_nothing():
    _, values = profile(vertical(100.0, 0.02), (1.0, -0.2), (1.0, 0.4), 0.02)
    assert np.isnan(values[:39]).all()
    assert np.isfinite(values[41:]).all()


# ---------------------------------------------------------------- three of them


def test_the_gain_is_that_of_widths_and_not_that_of_the_grid():
    fus, result, ulm = images()
    comparison = compared(fus, result, ulm)
    widths = [comparison.fus_width, comparison.result_width, comparison.ulm_width]
    # Binning and interpolating widen what is a few pixels wide.
    assert [w.fwhm_um for w in widths] == pytest.approx([240.0, 60.0, 50.0], rel=0.08)
    assert comparison.gain == pytest.approx(4.0, rel=0.08)
    assert f"×{comparison.gain:.1f} finer than power Doppler" in comparison.sentence
    assert "×5" not in comparison.sentence
    for values in (comparison.result, comparison.ulm):
        assert values.shape == comparison.distance_um.shape
    assert "5× finer" in grid_words(result, fus)
    assert "not a resolution" in grid_words(result, fus)


def test_without_a_ulm_there_is_no_gain():
    fus, result, _ = images()
    comparison = compared(fus, result)
    assert comparison.gain is None
    assert "power Doppler 2" in comparison.sentence
    assert "says nothing about resolution" in comparison.sentence
    assert "×" not in comparison.sentence


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"ulm_at": 1.58}, "lies 80 µm away"),
        ({"fus_at": 1.7}, "the peak of power Doppler"),
        ({"ulm_um": 900.0}, "in the ULM"),
        ({"result_um": 900.0}, "in the result"),
    ],
)
def test_no_gain_at_another_vessel(where, why):
    comparison = compared(*images(**where))
    assert comparison.gain is None
    assert why in comparison.reason
    assert "No gain is stated" in comparison.sentence
    assert "×" not in comparison.sentence


def test_no_gain_where_power_doppler_blurs_several_vessels_into_one():
    fus, result, ulm = images()
    ulm = ulm + vertical(50.0, 0.01, at_mm=1.6, height=70.0)
    comparison = compared(fus, result, ulm.assign_attrs(values="linear"))
    assert comparison.gain is None
    assert "the ULM has 2" in comparison.sentence


def test_a_vessel_that_is_drawn_too_narrow_is_no_gain_but_an_error():
    comparison = compared(*images(result_um=45.0, ulm_um=110.0))
    assert comparison.gain is None
    assert "narrower than it is in the ULM" in comparison.sentence


def test_no_gain_is_called_none():
    comparison = compared(*images(result_um=240.0, ulm_um=230.0))
    assert "no finer than power Doppler" in comparison.sentence


@pytest.mark.parametrize(
    ("kind", "transform"),
    [
        ("sqrt", np.sqrt),
        ("cbrt", np.cbrt),
        ("db", lambda power: 10.0 * np.log10(power)),
    ],
)
def test_widths_do_not_depend_on_how_power_doppler_was_stored(kind, transform):
    fus, result, ulm = images()
    stored = fus.copy(data=transform(fus.values)).assign_attrs(values=kind)
    one, other = (compared(image, result, ulm) for image in (fus, stored))
    assert other.fus_width.fwhm_um == pytest.approx(one.fus_width.fwhm_um, rel=1e-3)


def test_an_8_bit_picture_is_used_as_it_is_with_a_note():
    fus, result, _ = images()
    picture = fus.copy(data=fus.values / 4.0).assign_attrs(values="display")
    comparison = compared(picture, result)
    assert any("picture" in note for note in comparison.notes)


def test_images_are_laid_corner_on_corner_wherever_they_lie():
    fus, result, ulm = images()
    beside = [one.assign_coords(y=one["y"] + 5.0, x=one["x"] - 2.0) for one in (fus, result, ulm)]
    one, other = compared(fus, result, ulm), compared(*beside)
    np.testing.assert_allclose(one.result, other.result, atol=1e-6)
    assert one.sentence == other.sentence


def test_a_line_outside_the_image_has_one_message():
    comparison = LinePlanes.of(*images()).along((1.0, -1.0), (1.0, -0.5))
    assert comparison.sentence == "The line leaves the image."


def test_other_fields_and_stacks_are_refused():
    fus, result, ulm = images()
    with pytest.raises(ValueError, match="field of view"):
        LinePlanes.of(fus, result, ulm.isel(i=slice(0, 100)))
    with pytest.raises(ValueError, match="one slice"):
        LinePlanes.of(fus, result.expand_dims("time").assign_coords(time=[0.0]), ulm)
