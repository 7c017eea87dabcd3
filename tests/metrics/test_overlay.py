"""The overlay on lines whose class is known by construction, and compared with the scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import draw

from napari_fus_ulm.grey.reference import reference_grey
from napari_fus_ulm.metrics.overlay import (
    HIT,
    INVENTED,
    MISSED,
    NOTHING,
    VesselOverlay,
    matched_overlay,
)
from napari_fus_ulm.metrics.vessels import (
    DEFAULT_RULE,
    VesselRule,
    VesselScores,
    match_masks,
    match_vessels,
    matched_scores,
    vessel_mask,
    vessel_scores,
)
from napari_fus_ulm.phantom import PhantomParams, simulate_pair

PIXEL = 0.02  # mm


def vessel(row: int, width: int = 3, left: int = 20, right: int = 120) -> np.ndarray:
    """A picture of one horizontal vessel, columns left to right both included."""
    grey = np.zeros((100, 140))
    grey[row - (width - 1) // 2 : row + width // 2 + 1, left : right + 1] = 0.8
    return grey


def overlay_of(
    image: np.ndarray, reference: np.ndarray, rule: VesselRule = DEFAULT_RULE
) -> VesselOverlay:
    return matched_overlay(match_vessels(image, reference, PIXEL, rule=rule))


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """ULM of a phantom, and the same as a picture that loses, blurs and adds some of it."""
    small = PhantomParams(width_mm=4, depth_mm=3, slab_um=600, bubbles=10)
    counts = simulate_pair(900_000_011, small, vary=False).ulm.values
    truth = reference_grey(counts, (counts.shape[0] // 2, counts.shape[1] // 2))
    picture = ndimage.gaussian_filter(truth, 1.0)
    picture[:, :60] = picture[:, 60:120][:, ::-1]
    return picture, truth


def assert_same_totals(overlay: VesselOverlay, scores: VesselScores) -> None:
    assert overlay.missed_mm == pytest.approx(scores.missed_mm, abs=1e-9)
    assert overlay.invented_mm == pytest.approx(scores.invented_mm, abs=1e-9)
    assert overlay.hit_mm + overlay.missed_mm == pytest.approx(scores.reference_mm)
    assert overlay.confirmed_mm + overlay.invented_mm == pytest.approx(scores.image_mm)
    for name in ("recall", "precision", "recall_by_calibre", "precision_by_calibre"):
        assert getattr(overlay, name) == pytest.approx(getattr(scores, name), nan_ok=True)


@pytest.mark.parametrize(
    "rule", [VesselRule(), VesselRule(tolerance_um=60, calibre_um=(50.0,))], ids=["usual", "wide"]
)
def test_the_totals_are_those_of_the_scores(
    pictures: tuple[np.ndarray, np.ndarray], rule: VesselRule
) -> None:
    overlay = overlay_of(*pictures, rule=rule)
    scores = vessel_scores(*pictures, PIXEL, rule=rule)
    assert_same_totals(overlay, scores)
    assert overlay.calibre_um == scores.calibre_um == rule.calibre_um
    for mm in (overlay.hit_mm, overlay.missed_mm, overlay.invented_mm):
        assert mm > 1.0  # the example holds all three


def test_an_invented_vessel_is_invented_and_the_rest_is_hit() -> None:
    overlay = overlay_of(vessel(30) + vessel(70), vessel(30))
    assert set(np.unique(overlay.vessels[:50])) == {NOTHING, HIT}
    assert set(np.unique(overlay.vessels[50:])) == {NOTHING, INVENTED}
    assert set(np.unique(overlay.centrelines[50:])) == {NOTHING, INVENTED}
    assert overlay.invented_mm == pytest.approx(2.0, abs=0.1)  # 101 pixels, less its round ends
    assert (overlay.missed_mm, overlay.recall) == (0, 1)
    assert overlay.precision == pytest.approx(0.5, abs=0.01)


def test_a_missed_vessel_is_missed_and_the_rest_is_hit() -> None:
    overlay = overlay_of(vessel(30), vessel(30) + vessel(70))
    assert set(np.unique(overlay.vessels[:50])) == {NOTHING, HIT}
    assert set(np.unique(overlay.vessels[50:])) == {NOTHING, MISSED}
    assert overlay.missed_mm == pytest.approx(2.0, abs=0.1)
    assert (overlay.invented_mm, overlay.precision) == (0, 1)
    assert overlay.recall == pytest.approx(0.5, abs=0.01)


def test_half_a_vessel_is_hit_and_the_other_half_missed() -> None:
    overlay = overlay_of(vessel(50, right=70), vessel(50))
    assert (overlay.vessels[50, 25:70] == HIT).all()
    assert (overlay.vessels[50, 76:115] == MISSED).all()
    # One stretch of each: no speckle.
    for value in (HIT, MISSED):
        assert ndimage.label(overlay.vessels == value, np.ones((3, 3)))[1] == 1


def test_equal_pictures_have_only_hits(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    _, truth = pictures
    overlay = overlay_of(truth, truth)
    assert set(np.unique(overlay.vessels)) == set(np.unique(overlay.centrelines)) == {NOTHING, HIT}
    assert np.array_equal(overlay.vessels == HIT, vessel_mask(truth, PIXEL))
    assert (overlay.recall, overlay.precision, overlay.missed_mm, overlay.invented_mm) == (
        1,
        1,
        0,
        0,
    )


def test_a_shift_within_the_tolerance_is_a_hit_with_one_centreline() -> None:
    overlay = overlay_of(vessel(51), vessel(50))
    assert set(np.unique(overlay.centrelines)) == {NOTHING, HIT}
    rows = np.unique(np.nonzero(overlay.centrelines)[0])
    assert rows.tolist() == [50]  # the reference's
    both = (vessel_mask(vessel(51), PIXEL)) | vessel_mask(vessel(50), PIXEL)
    assert np.array_equal(overlay.vessels == HIT, both)


def test_what_touches_keeps_the_class_of_its_own_centreline() -> None:
    """A thick vessel of the reference, beside which the picture draws another one."""
    mask, reference = np.zeros((2, 80, 140), bool)
    reference[30:41, 20:121] = True  # centreline at row 35
    mask[40:51, 20:121] = True  # centreline at row 45, overlapping in one row
    overlay = matched_overlay(match_masks(mask, reference, PIXEL))
    assert (overlay.vessels[30:40, 40:100] == MISSED).all()
    assert (overlay.vessels[41:51, 40:100] == INVENTED).all()


def test_the_calibre_stands_on_the_centreline() -> None:
    reference = np.zeros((100, 140), bool)
    reference[20:22, 20:121] = True  # 40 µm
    mask = np.zeros_like(reference)
    mask[60:70, 20:121] = True  # 200 µm
    overlay = matched_overlay(match_masks(mask, reference, PIXEL))
    assert np.array_equal(overlay.width_um > 0, overlay.centrelines > 0)
    assert np.median(overlay.width_um[overlay.centrelines == MISSED]) == pytest.approx(40)
    assert np.median(overlay.width_um[overlay.centrelines == INVENTED]) == pytest.approx(200)
    assert overlay.missed_mm_by_calibre == pytest.approx((2.0, 0, 0), abs=0.05)
    assert overlay.invented_mm_by_calibre == pytest.approx((0, 0, 1.84), abs=0.1)
    assert overlay.recall_by_calibre == pytest.approx((0, np.nan, np.nan), nan_ok=True)
    assert overlay.precision_by_calibre == pytest.approx((np.nan, np.nan, 0), nan_ok=True)


def test_empty_pictures_have_no_class() -> None:
    nothing = np.zeros((60, 70))
    overlay = overlay_of(nothing, nothing)
    assert not overlay.vessels.any()
    assert np.isnan([overlay.recall, overlay.precision]).all()
    assert set(np.unique(overlay_of(np.zeros((100, 140)), vessel(50)).vessels)) == {
        NOTHING,
        MISSED,
    }


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), lines=st.integers(0, 8))
def test_classes_of_random_lines(seed: int, lines: int) -> None:
    rng = np.random.default_rng(seed)
    masks = np.zeros((2, 60, 70), bool)
    for mask in masks:
        for _ in range(lines):
            mask[draw.line(*rng.integers(0, 60, 4))] = True
    matched = match_masks(*masks, PIXEL)
    overlay = matched_overlay(matched)
    assert_same_totals(overlay, matched_scores(matched))
    # Every vessel pixel has a class, and no other pixel has one.
    assert np.array_equal(overlay.vessels > 0, masks.any(axis=0))
    # What only one of them draws cannot be what only the other one has.
    assert not (overlay.vessels[masks[0] & ~masks[1]] == MISSED).any()
    assert not (overlay.vessels[masks[1] & ~masks[0]] == INVENTED).any()
    # Exchanged, missed and invented change places.
    turned = matched_overlay(match_masks(masks[1], masks[0], PIXEL))
    assert np.array_equal(turned.centrelines == MISSED, overlay.centrelines == INVENTED)
    assert turned.missed_mm == pytest.approx(overlay.invented_mm)


def test_label_images_are_small_integers() -> None:
    overlay = overlay_of(vessel(50), vessel(50))
    assert overlay.vessels.dtype == overlay.centrelines.dtype == np.uint8
    assert (NOTHING, HIT, MISSED, INVENTED) == (0, 1, 2, 3)


def test_unfit_pictures_are_named() -> None:
    with pytest.raises(ValueError, match="same pixel grid"):
        overlay_of(np.zeros((20, 30)), np.zeros((30, 20)))
    with pytest.raises(ValueError, match="The reference holds NaN"):
        overlay_of(np.zeros((20, 30)), np.full((20, 30), np.nan))
