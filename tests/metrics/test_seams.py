"""Seams on constructed patches: agreement, disagreement, and their order."""

import math

import numpy as np
import pytest

from napari_fus_ulm.metrics.seams import (
    LEFT_RIGHT,
    UPPER_LOWER,
    Seam,
    correlation,
    seam,
    worst_first,
)

PIXEL_MM = 0.02
WHOLE = (slice(None), slice(None))
RIGHT, LEFT = (slice(None), slice(64, 128)), (slice(None), slice(0, 64))


def vessels(*columns: int, height: int = 128) -> np.ndarray:
    """Vertical vessels 60 µm wide in a patch."""
    patch = np.zeros((height, 128), np.float32)
    for column in columns:
        patch[:, column - 1 : column + 2] = 0.8
    return patch


def one(direction: str, r: float, dice: float, row: int = 0) -> Seam:
    return Seam(direction, row, 0, (0, 64, 128, 128), r, 0.1, dice)


def test_patches_that_say_the_same_agree() -> None:
    first, second = vessels(20, 90), vessels(90 - 64, 100)
    r, difference, dice = seam(first, second, (RIGHT, LEFT), PIXEL_MM)
    assert r == pytest.approx(1.0)
    assert difference == 0.0
    assert dice == 1.0


def test_a_vessel_that_only_one_patch_has_is_a_disagreement() -> None:
    r, difference, dice = seam(vessels(90), vessels(110 - 64), (RIGHT, LEFT), PIXEL_MM)
    assert r < 0.0
    assert difference == pytest.approx(2 * 3 * 0.8 / 64)
    assert dice == 0.0


def test_an_empty_overlap_has_no_vessels_to_agree_on() -> None:
    r, difference, dice = seam(vessels(20), vessels(100), (RIGHT, LEFT), PIXEL_MM)
    assert math.isnan(r)
    assert difference == 0.0
    assert math.isnan(dice)


def test_overlaps_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap is"):
        seam(vessels(20), vessels(20), (WHOLE, LEFT), PIXEL_MM)


def test_correlation_of_opposite_and_constant_images() -> None:
    ramp = np.arange(12.0).reshape(3, 4)
    assert correlation(ramp, 5 - 2 * ramp) == pytest.approx(-1.0)
    assert math.isnan(correlation(ramp, np.ones_like(ramp)))


def test_the_worst_comes_first_and_empty_ones_last() -> None:
    good, bad, empty = (
        one(LEFT_RIGHT, 0.9, 1.0),
        one(LEFT_RIGHT, 0.2, 0.1),
        one(LEFT_RIGHT, -0.5, math.nan),
    )
    unknown = one(LEFT_RIGHT, math.nan, 0.0)
    assert worst_first([good, empty, unknown, bad]) == (bad, good, unknown, empty)


def test_a_seam_has_a_name_and_numbers() -> None:
    assert one(LEFT_RIGHT, 0.5, 1.0, row=2).name == "row 3, columns 1 | 2"
    assert one(UPPER_LOWER, 0.5, 1.0, row=2).name == "rows 3 / 4, column 1"
    row = one(LEFT_RIGHT, math.nan, 0.5).as_dict()
    assert row["correlation"] is None
    assert row["cl_dice"] == 0.5
