"""Pictures judged against vessels that were put where they are."""

import json
import math

import numpy as np
import pytest

from napari_fus_ulm.evaluation.tree import TreeRule, tree_scores
from napari_fus_ulm.phantom.vessels import Vessels

EXTENT = (2.0, 3.0)  # mm
SHAPE = (100, 150)  # pixels of 20 µm


def tree(*lines: tuple[float, float, float, float, float]) -> Vessels:
    """Horizontal vessels from x0 to x1 at depth y and elevation z with radius r, all µm."""
    points, radii, first = [], [], [0]
    for x0, x1, y, z, r in lines:
        x = np.arange(x0, x1 + 1e-6, 10.0)
        points.append(np.stack([x, np.full_like(x, y), np.full_like(x, z)], axis=1))
        radii.append(np.full(len(x), r))
        first.append(first[-1] + len(x))
    joined = np.concatenate(radii)
    return Vessels(np.concatenate(points), joined, np.ones_like(joined), np.array(first))


def drawn(*lines: tuple[float, float, float]) -> np.ndarray:
    """Centrelines from x0 to x1 at depth y, µm."""
    mask = np.zeros(SHAPE, bool)
    for x0, x1, y in lines:
        mask[int(y // 20), int(x0 // 20) : int(x1 // 20) + 1] = True
    return mask


THIN, THICK = (500, 1500, 510, 0, 5), (500, 1500, 1510, 0, 40)


def test_a_tree_drawn_as_it_is() -> None:
    scores = tree_scores(drawn((500, 1500, 510), (500, 1500, 1510)), tree(THIN, THICK), EXTENT)
    assert scores.recall == scores.precision == scores.vessels_found == 1.0
    assert scores.missed_mm == scores.invented_mm == 0.0
    assert scores.tree_mm == pytest.approx(2.0)
    assert scores.tree_mm_by_calibre == pytest.approx((1.0, 0.0, 1.0))
    assert scores.vessels_by_calibre == (1, 0, 1)
    assert scores.image_mm == pytest.approx(2.0, rel=0.03)


def test_two_vessels_of_which_one_is_drawn() -> None:
    scores = tree_scores(drawn((500, 1500, 1510)), tree(THIN, THICK), EXTENT)
    assert scores.recall == pytest.approx(0.5)
    assert scores.recall_by_calibre[0] == 0.0
    assert math.isnan(scores.recall_by_calibre[1])  # there is none of 20 to 60 µm
    assert scores.recall_by_calibre[2] == 1.0
    assert scores.missed_mm == pytest.approx(1.0)
    assert scores.precision == 1.0
    assert scores.vessels_found == 0.5
    assert scores.vessels_found_by_calibre[0] == 0.0
    assert scores.vessels_found_by_calibre[2] == 1.0


def test_an_invented_vessel() -> None:
    picture = drawn((500, 1500, 510), (500, 1000, 1010))
    scores = tree_scores(picture, tree(THIN), EXTENT)
    assert scores.recall == 1.0
    assert scores.invented_mm == pytest.approx(0.5, rel=0.05)
    assert scores.precision == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize(("gap_um", "is_found"), [(300, True), (700, False)])
def test_a_broken_vessel_is_found_when_half_of_it_is_shown(gap_um: float, is_found: bool) -> None:
    picture = drawn((500, 1000 - gap_um / 2, 510), (1000 + gap_um / 2, 1500, 510))
    scores = tree_scores(picture, tree(THIN), EXTENT)
    # The tolerance (and the radius) is granted at both ends of the gap.
    assert scores.missed_mm == pytest.approx((gap_um - 2 * 35) / 1000, abs=0.04)
    assert scores.recall == pytest.approx(1 - scores.missed_mm)
    assert scores.vessels_found == float(is_found)


def test_a_vessel_out_of_plane_is_not_missed_but_may_be_shown() -> None:
    seen, half, far = (0.0, 400.0, 900.0)
    for height, counts, backed in ((seen, 1.0, True), (half, 0.0, True), (far, 0.0, False)):
        vessels = tree((500, 1500, 510, height, 5), THICK)
        blank = tree_scores(drawn(), vessels, EXTENT)
        assert blank.tree_mm == pytest.approx(1.0 + counts)
        assert blank.recall == 0.0
        assert math.isnan(blank.precision)
        shown = tree_scores(drawn((500, 1500, 510)), vessels, EXTENT)
        assert shown.precision == float(backed)


def test_the_slice_is_a_parameter() -> None:
    vessels = tree((500, 1500, 510, 400, 5))
    assert tree_scores(drawn(), vessels, EXTENT, rule=TreeRule(slice_um=900)).tree_mm == 1.0
    assert tree_scores(drawn(), vessels, EXTENT, rule=TreeRule(slice_um=700)).tree_mm == 0.0


@pytest.mark.parametrize(("off", "radius", "near"), [(40, 5, False), (40, 15, True), (20, 5, True)])
def test_the_tolerance_counts_from_the_wall(off: float, radius: float, near: bool) -> None:
    scores = tree_scores(drawn((500, 1500, 510 + off)), tree((500, 1500, 510, 0, radius)), EXTENT)
    assert scores.recall == pytest.approx(float(near), abs=0.01)
    assert scores.precision == pytest.approx(float(near), abs=0.01)


def test_a_wide_vessel_backs_a_line_that_is_nearer_to_a_thin_one() -> None:
    thin, wide = (500, 1500, 510, 0, 4), (500, 1500, 670, 0, 90)
    scores = tree_scores(drawn((500, 1500, 570)), tree(thin, wide), EXTENT)
    assert scores.precision == 1.0  # 60 µm beside the thin one, inside the wide one's wall
    assert scores.recall == pytest.approx(0.5)


def test_vessels_outside_the_picture_or_across_the_plane_do_not_count() -> None:
    vessels = tree((-1000, 1000, 510, 0, 5))
    scores = tree_scores(drawn((0, 1000, 510)), vessels, EXTENT)
    assert scores.tree_mm == pytest.approx(1.0, abs=0.01)
    assert scores.recall == 1.0
    z = np.arange(-200, 201, 10.0)
    through = np.stack([np.full_like(z, 700.0), np.full_like(z, 900.0), z], axis=1)
    upright = Vessels(through, np.full(len(z), 5.0), np.ones(len(z)), np.array([0, len(z)]))
    assert tree_scores(drawn(), upright, EXTENT).tree_mm == 0.0
    assert tree_scores(drawn(), upright, EXTENT).vessels == 0


def test_a_short_end_is_not_counted() -> None:
    vessels = tree((500, 560, 510, 0, 5), (500, 1500, 1010, 0, 5))
    assert tree_scores(drawn(), vessels, EXTENT).vessels == 1


def test_the_measures_are_flat_and_fit_for_json() -> None:
    flat = tree_scores(drawn(), tree(THIN), EXTENT).as_dict()
    assert flat["precision"] is None
    assert flat["recall_below_20_um"] == 0.0
    assert flat["tree_mm_below_20_um"] == pytest.approx(1.0)
    assert {"vessels_found_20_to_60_um", "recall_from_60_um"} <= flat.keys()
    assert json.loads(json.dumps(flat, allow_nan=False)) == flat
