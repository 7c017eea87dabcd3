"""Vessel measures on shapes whose answer is known by construction."""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import draw
from skimage.registration import phase_cross_correlation

from napari_fus_ulm.grey.reference import reference_grey
from napari_fus_ulm.metrics.centrelines import apparent_width_um, skeleton, skeleton_mm
from napari_fus_ulm.metrics.vessels import (
    DEFAULT_RULE,
    VesselRule,
    cl_dice,
    mask_scores,
    vessel_mask,
    vessel_scores,
)
from napari_fus_ulm.phantom import PhantomParams, simulate_pair

PIXEL = 0.02  # mm


def blank(rows: int = 100, columns: int = 140) -> np.ndarray:
    return np.zeros((rows, columns), bool)


def bar(row: int, width: int = 1, left: int = 20, right: int = 120) -> np.ndarray:
    """Return a horizontal vessel from column ``left`` to ``right``, both included."""
    mask = blank()
    mask[row - (width - 1) // 2 : row + width // 2 + 1, left : right + 1] = True
    return mask


def straight(angle: float, length: float = 60) -> tuple[np.ndarray, float]:
    """Return a line one pixel wide and the distance of its end points in pixels."""
    mask = blank(140, 140)
    down, right = length / 2 * np.sin(np.radians(angle)), length / 2 * np.cos(np.radians(angle))
    ends = [round(70 + value) for value in (-down, -right, down, right)]
    mask[draw.line(*ends)] = True
    return mask, math.hypot(ends[2] - ends[0], ends[3] - ends[1])


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    small = PhantomParams(width_mm=6, depth_mm=5, slab_um=600, bubbles=10)
    ulm = simulate_pair(3, small, vary=False).ulm.values
    return reference_grey(ulm, (ulm.shape[0] // 2, ulm.shape[1] // 2))


@settings(max_examples=60, deadline=None)
@given(angle=st.floats(0, 180), length=st.floats(25, 120))
def test_a_straight_line_has_its_length_at_any_angle(angle: float, length: float) -> None:
    mask, truth = straight(angle, length)
    assert skeleton_mm(skeleton(mask), PIXEL) == pytest.approx(truth * PIXEL, rel=0.02)


def test_lengths_of_a_diagonal_a_corner_a_circle_and_a_point() -> None:
    assert skeleton_mm(np.eye(51, dtype=bool), PIXEL) == pytest.approx(50 * math.sqrt(2) * PIXEL)
    corner = blank()
    corner[20, 20:61] = corner[20:61, 20] = True
    assert skeleton_mm(corner, PIXEL) == pytest.approx(80 * PIXEL, rel=0.02)
    circle = blank()
    circle[draw.circle_perimeter(50, 70, 30)] = True
    assert skeleton_mm(skeleton(circle), PIXEL) == pytest.approx(2 * math.pi * 30 * PIXEL, rel=0.03)
    point = blank()
    point[50, 50] = True
    assert skeleton_mm(point, PIXEL) == 0
    assert skeleton_mm(blank(), PIXEL) == 0


def test_lengths_of_branches_add_up_at_forks() -> None:
    cross = bar(50)
    cross[10:91, 70] = True
    assert skeleton_mm(cross, PIXEL) == pytest.approx(180 * PIXEL, rel=0.01)
    ladder = bar(40) | bar(60)
    ladder[40:61, 50] = ladder[40:61, 90] = True
    assert skeleton_mm(ladder, PIXEL) == pytest.approx(240 * PIXEL, rel=0.01)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 10])
def test_apparent_width_of_a_bar_is_its_width(width: int) -> None:
    mask = bar(50, width)
    middle = skeleton(mask) & bar(50, 20, left=50, right=90)
    assert apparent_width_um(mask, PIXEL)[middle] == pytest.approx(width * 20.0)
    assert not apparent_width_um(mask, PIXEL)[~mask].any()


def test_apparent_width_of_a_slanted_bar_and_of_a_vessel_on_the_border() -> None:
    rows, columns = np.mgrid[:100, :140]
    slanted = np.abs((rows - 50) * 0.8 - (columns - 70) * 0.6) <= 4.5  # 9 pixels wide
    middle = skeleton(slanted)
    middle[:20], middle[80:] = False, False
    width = apparent_width_um(slanted, PIXEL)[middle]
    assert np.abs(width - 180).max() <= 20  # one pixel
    everywhere = np.ones((8, 8), bool)
    assert apparent_width_um(everywhere, PIXEL).max() == pytest.approx(160)


@pytest.mark.parametrize("shape", ["bar", "fork", "ring", "phantom"])
def test_a_picture_against_itself_is_perfect(shape: str, phantom: np.ndarray) -> None:
    fork, ring = bar(50), blank()
    fork[50:90, 70] = True
    ring[draw.circle_perimeter(50, 70, 30)] = True
    shapes = {"bar": bar(50, 5), "fork": fork, "ring": ring, "phantom": vessel_mask(phantom, PIXEL)}
    scores = mask_scores(shapes[shape], shapes[shape], PIXEL)
    assert (scores.cl_dice, scores.recall, scores.precision) == (1, 1, 1)
    assert (scores.breaks, scores.missed_mm, scores.invented_mm, scores.betti0_error) == (
        0,
        0,
        0,
        0,
    )
    assert scores.reference_mm == scores.image_mm > 1.5
    assert all(math.isnan(value) or value == 1 for value in scores.recall_by_calibre)


def test_a_line_with_two_gaps() -> None:
    reference, image = bar(50), bar(50)
    image[50, 40:50] = image[50, 80:100] = False  # 10 and 20 pixels
    scores = mask_scores(image, reference, PIXEL)
    assert scores.breaks == 2
    assert scores.breaks_per_mm == pytest.approx(2 / 2.0)
    # One pixel at either side of a gap is still within 30 µm of what is left.
    assert scores.missed_mm == pytest.approx((8 + 18) * PIXEL)
    assert scores.recall == pytest.approx(1 - 26 / 100)
    assert scores.reference_mm == pytest.approx(2.0)
    assert scores.image_mm == pytest.approx((19 + 29 + 20) * PIXEL)
    assert (scores.invented_mm, scores.precision) == (0, 1)
    assert scores.betti0_error == 2
    assert scores.topology_precision == 1
    assert scores.topology_sensitivity == pytest.approx(71 / 101)


@pytest.mark.parametrize(
    ("missing", "breaks"), [(2, 0), (3, 1), (10, 1)], ids=["below tolerance", "three", "ten"]
)
def test_gaps_are_seen_from_three_pixels_on(missing: int, breaks: int) -> None:
    image = bar(50)
    image[50, 60 : 60 + missing] = False
    assert mask_scores(image, bar(50), PIXEL).breaks == breaks


def test_a_missing_end_and_a_missing_vessel_are_no_breaks() -> None:
    scores = mask_scores(bar(50, right=80), bar(50), PIXEL)
    assert (scores.breaks, scores.betti0_error) == (0, 0)
    assert scores.missed_mm == pytest.approx(39 * PIXEL, abs=PIXEL)
    scores = mask_scores(bar(30), bar(30) | bar(70), PIXEL)
    assert (scores.breaks, scores.recall, scores.betti0_error) == (0, pytest.approx(0.5), 1)


def test_gaps_over_a_fork_and_in_a_ring() -> None:
    fork = bar(50)
    fork[50:90, 70] = True
    image = fork.copy()
    image[45:56, 60:81] = False
    assert mask_scores(image, fork, PIXEL).breaks == 2  # three arms, two links
    ring = blank()
    ring[draw.circle_perimeter(50, 70, 30)] = True
    image = ring.copy()
    image[:, 90:] = False
    assert mask_scores(image, ring, PIXEL).breaks == 1
    image[:, :50] = False
    assert mask_scores(image, ring, PIXEL).breaks == 2


def test_a_missing_branch_is_missed_but_breaks_nothing() -> None:
    reference = bar(50)
    reference[51:91, 70] = True
    scores = mask_scores(bar(50), reference, PIXEL)
    assert scores.missed_mm == pytest.approx(39 * PIXEL, rel=0.03)
    assert scores.recall == pytest.approx(101 / 140, abs=0.01)
    assert (scores.breaks, scores.invented_mm, scores.precision) == (0, 0, 1)
    turned = mask_scores(reference, bar(50), PIXEL)
    assert turned.invented_mm == scores.missed_mm
    assert (turned.missed_mm, turned.recall) == (0, 1)


@pytest.mark.parametrize(("shift", "within"), [(1, True), (2, False)], ids=["20 µm", "40 µm"])
def test_a_shifted_line(shift: int, within: bool) -> None:
    scores = mask_scores(bar(50 + shift), bar(50), PIXEL)
    assert scores.recall == scores.precision == float(within)
    assert scores.missed_mm == scores.invented_mm == (0 if within else pytest.approx(2.0))
    assert scores.breaks == 0
    assert scores.cl_dice == 0  # clDice forgives a shift within the vessel's width only
    wide = mask_scores(bar(50 + shift), bar(50), PIXEL, rule=VesselRule(tolerance_um=40))
    assert wide.recall == 1


def test_the_tolerance_is_in_micrometres() -> None:
    coarse = mask_scores(bar(51), bar(50), 0.05)
    fine = mask_scores(bar(56), bar(50), 0.005)
    assert (coarse.recall, fine.recall) == (0, 1)


def test_a_doubled_vessel_is_invented() -> None:
    scores = mask_scores(bar(50) | bar(54), bar(50), PIXEL)
    assert scores.invented_mm == pytest.approx(2.0)
    assert scores.precision == pytest.approx(0.5)
    assert (scores.recall, scores.missed_mm, scores.breaks) == (1, 0, 0)
    assert scores.cl_dice == pytest.approx(2 / 3)
    assert scores.betti0_error == 1


def test_thin_and_thick_vessels_fall_into_their_calibre() -> None:
    thin, middle, thick = bar(15, 2), bar(45, 4), bar(80, 10)  # 40, 80 and 200 µm
    reference = thin | middle | thick
    scores = mask_scores(middle | thick, reference, PIXEL)
    assert scores.recall_by_calibre == (0, 1, 1)
    assert math.isnan(scores.precision_by_calibre[0])
    assert scores.precision_by_calibre[1:] == (1, 1)
    # Thinning shortens a bar by about half its width at either end.
    assert scores.reference_mm_by_calibre == pytest.approx((2.0, 1.96, 1.84), abs=0.1)
    assert scores.image_mm_by_calibre[0] == 0
    assert sum(scores.reference_mm_by_calibre) == pytest.approx(scores.reference_mm)
    rule = VesselRule(calibre_um=(100,))
    assert mask_scores(thin | thick, reference, PIXEL, rule=rule).recall_by_calibre == (
        pytest.approx(0.5, abs=0.02),
        1,
    )


def test_cl_dice_as_in_the_paper() -> None:
    # All 51 pixels of the picture lie in the reference; 51 of its 101 are found.
    assert cl_dice(bar(50, right=70), bar(50)) == pytest.approx(2 * 51 / 101 / (1 + 51 / 101))
    # Another width is as connected; only the ends of the wide bar's skeleton bend away.
    assert cl_dice(bar(50), bar(50, 7)) > 0.98
    assert cl_dice(bar(20), bar(80)) == 0


def test_an_empty_picture_and_an_empty_reference() -> None:
    nothing = np.zeros((100, 140))
    vessel = bar(50, 3).astype(float)
    missed = vessel_scores(nothing, vessel, PIXEL)
    assert (missed.recall, missed.cl_dice, missed.breaks_per_mm) == (0, 0, 0)
    assert missed.missed_mm == missed.reference_mm == pytest.approx(2, abs=0.1)
    assert math.isnan(missed.precision)
    assert (missed.image_mm, missed.betti0_error) == (0, 1)
    invented = vessel_scores(vessel, nothing, PIXEL)
    assert (invented.precision, invented.cl_dice) == (0, 0)
    assert math.isnan(invented.recall)
    assert math.isnan(invented.breaks_per_mm)
    assert invented.invented_mm == missed.missed_mm
    empty = vessel_scores(nothing, nothing, PIXEL)
    assert math.isnan(empty.cl_dice)
    assert (empty.missed_mm, empty.invented_mm, empty.betti0_error) == (0, 0, 0)


def test_as_dict_is_flat_and_fit_for_json() -> None:
    scores = mask_scores(bar(50, 2), blank(), PIXEL).as_dict()
    text = json.loads(json.dumps(scores, allow_nan=False))
    assert text["recall"] is None
    assert text["precision_below_60_um"] == 0
    assert text["precision_60_to_120_um"] is None
    assert text["image_mm_below_60_um"] == pytest.approx(2.0, abs=0.05)
    assert "recall_from_120_um" in text
    assert "calibre_um" not in text


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), lines=st.integers(0, 12))
def test_properties_of_random_lines(seed: int, lines: int) -> None:
    rng = np.random.default_rng(seed)
    image, reference = blank(60, 70), blank(60, 70)
    for mask in (image, reference):
        for _ in range(lines):
            ends = rng.integers(0, 60, 4)
            mask[draw.line(*ends)] = True
    scores = mask_scores(image, reference, PIXEL)
    turned = mask_scores(reference, image, PIXEL)
    assert (scores.missed_mm, scores.recall) == pytest.approx(
        (turned.invented_mm, turned.precision), nan_ok=True
    )
    assert scores.cl_dice == pytest.approx(turned.cl_dice, nan_ok=True)
    if lines:
        assert 0 <= scores.recall <= 1
        assert scores.recall == pytest.approx(1 - scores.missed_mm / scores.reference_mm)
    full = mask_scores(reference, reference, PIXEL)
    assert (full.missed_mm, full.breaks) == (0, 0)
    # Lengths, widths and tolerance all carry units: another pixel size only scales them.
    scaled = dataclasses.replace(DEFAULT_RULE, tolerance_um=60, calibre_um=(120, 240))
    twice = mask_scores(image, reference, 2 * PIXEL, rule=scaled)
    assert twice.missed_mm == pytest.approx(2 * scores.missed_mm)
    assert twice.recall_by_calibre == pytest.approx(scores.recall_by_calibre, nan_ok=True)
    # Nor does it matter which side is up.
    flipped = mask_scores(image[::-1, ::-1].T, reference[::-1, ::-1].T, PIXEL)
    assert flipped.reference_mm == pytest.approx(scores.reference_mm, rel=0.05, abs=0.05)


def test_the_rule_drops_specks_and_what_is_faint() -> None:
    grey = np.zeros((100, 140))
    grey[bar(50, 2)] = 0.6
    grey[20:22, 30] = 0.9  # a speck
    grey[bar(80, 2)] = 0.2  # reaches low only
    mask = vessel_mask(grey, PIXEL)
    assert mask[50, 40:100].all()
    assert not mask[:40].any()
    assert not mask[70:].any()
    all_of_it = vessel_mask(grey, PIXEL, rule=VesselRule(speck_um2=0, high=0.15))
    assert all_of_it[20:22, 30].all()
    assert all_of_it[80, 40:100].all()


def test_hysteresis_follows_a_vessel_into_its_faint_end() -> None:
    grey = np.zeros((100, 140))
    grey[bar(50, 3)] = np.tile(np.linspace(0.8, 0.2, 101), 3)
    assert vessel_mask(grey, PIXEL)[50, 20:118].all()


def test_the_local_share_keeps_dense_penetrators_apart() -> None:
    columns = np.arange(140)
    grey = np.tile(0.55 + 0.25 * np.cos(2 * np.pi * columns / 4), (100, 1))  # 80 µm apart
    grey[:10] = grey[90:] = 0
    apart = vessel_mask(grey, PIXEL)
    assert not apart[20:80, 2::4].any()
    assert apart[20:80, ::4].all()
    flooded = vessel_mask(grey, PIXEL, rule=VesselRule(local_share=0))
    assert flooded[20:80].all()


def test_a_wide_noisy_vessel_keeps_one_centreline() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, (100, 140))
    wide = bar(50, 20)  # 400 µm
    scores = vessel_scores(np.clip(wide * (0.8 + noise), 0, 1), wide * 0.8, PIXEL)
    assert scores.image_mm == pytest.approx(scores.reference_mm, rel=0.15)
    assert scores.image_mm_by_calibre[2] > 0.9 * scores.image_mm
    assert scores.betti0_error == 0


def test_scores_fall_as_a_picture_gets_worse(phantom: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    worse = [
        vessel_scores(np.clip(phantom * (rng.random(phantom.shape) > drop), 0, 1), phantom, PIXEL)
        for drop in (0.0, 0.15, 0.3, 0.5)
    ]
    assert [s.cl_dice for s in worse] == sorted((s.cl_dice for s in worse), reverse=True)
    assert [s.recall for s in worse] == sorted((s.recall for s in worse), reverse=True)
    assert worse[0].breaks == 0
    assert worse[1].breaks_per_mm > 0
    mirrored = vessel_scores(phantom[:, ::-1], phantom, PIXEL)
    assert mirrored.cl_dice < 0.5


def test_the_rule_suits_two_real_maps_of_one_brain(real_data: Callable[[str], Path]) -> None:
    maps = []
    for week in (2, 3):
        counts = tifffile.imread(real_data(f"mouse_ulm_week{week}_counts.tif")).astype(np.float32)
        maps.append(reference_grey(counts, (counts.shape[0] // 4, counts.shape[1] // 4)))
    pixel_mm = 4 * 0.0049
    shift = phase_cross_correlation(*maps)[0]
    again = np.clip(ndimage.shift(maps[1], shift, order=1), 0, 1)
    scores = vessel_scores(again, maps[0], pixel_mm)
    assert 2 < scores.reference_mm / (maps[0].size * pixel_mm**2) < 5
    assert 0.7 < scores.cl_dice < 0.9
    thin, middle, thick = scores.recall_by_calibre
    assert 0.6 < thin < middle < thick < 1
    unregistered = vessel_scores(maps[1], maps[0], pixel_mm)
    assert unregistered.cl_dice < scores.cl_dice - 0.3


def test_a_section_takes_less_than_half_a_second(phantom: np.ndarray) -> None:
    image = np.tile(phantom, (3, 2))[:600, :500]
    times = []
    for _ in range(3):
        begin = time.process_time()
        vessel_scores(image, image[:, ::-1], PIXEL)
        times.append(time.process_time() - begin)
    assert min(times) < 0.5


@pytest.mark.parametrize(
    ("image", "reference", "says"),
    [
        (np.zeros((20, 30)), np.zeros((30, 20)), "same pixel grid"),
        (np.zeros((2, 20, 30)), np.zeros((2, 20, 30)), "one grey plane"),
        (np.zeros((0, 30)), np.zeros((0, 30)), "one grey plane"),
        (np.full((20, 30), np.nan), np.zeros((20, 30)), "The image holds NaN"),
        (np.zeros((20, 30)), np.full((20, 30), 7.0), "The reference spans 7 to 7"),
    ],
    ids=["shapes", "stack", "empty", "nan", "range"],
)
def test_bad_images_are_named(image: np.ndarray, reference: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        vessel_scores(image, reference, PIXEL)


def test_bad_masks_pixels_and_rules_are_named() -> None:
    with pytest.raises(ValueError, match="plane of booleans"):
        mask_scores(np.zeros((20, 30)), np.zeros((20, 30)), PIXEL)
    with pytest.raises(ValueError, match="same pixel grid"):
        cl_dice(blank(), blank(50))
    for pixel in (0, -0.02, math.nan):
        with pytest.raises(ValueError, match="pixel size"):
            vessel_scores(np.zeros((20, 30)), np.zeros((20, 30)), pixel)
    with pytest.raises(ValueError, match=r"thresholds are 0\.5 and 0\.3"):
        VesselRule(low=0.5, high=0.3)
    with pytest.raises(ValueError, match="must be ≥ 0"):
        VesselRule(tolerance_um=-1)
    for edges in ((), (60.0, 60.0), (120.0, 60.0), (0.0, 60.0)):
        with pytest.raises(ValueError, match="calibre edges"):
            VesselRule(calibre_um=edges)
