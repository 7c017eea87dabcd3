"""Classes of vessels as outlines with patterns."""

import numpy as np
import pytest

from napari_fus_ulm.output.outlines import FINER, INSIDE, outlined


@pytest.fixture
def vessel() -> np.ndarray:
    classes = np.zeros((40, 80), np.uint8)
    classes[18:23, 10:70] = 1
    return classes


def test_the_line_runs_outside_of_the_vessel_and_the_vessel_stays_free(vessel) -> None:
    drawn = outlined(vessel, {1: "solid"})
    fine = np.kron(vessel, np.ones((FINER, FINER), np.uint8)) > 0
    assert drawn.shape == fine.shape
    assert (drawn[fine] == 1 + INSIDE).all()
    around = np.argwhere((drawn == 1) & ~fine)
    assert len(around) == 2 * FINER * (5 + 60)
    assert around.min(axis=0).tolist() == [FINER * 18 - 1, FINER * 10 - 1]
    assert around.max(axis=0).tolist() == [FINER * 23, FINER * 70]


@pytest.mark.parametrize(("pattern", "share"), [("dashed", 8 / 13), ("dotted", 0.3)])
def test_dashes_and_dots_leave_gaps_all_along_the_line(vessel, pattern, share) -> None:
    whole = outlined(vessel, {1: "solid"}) == 1
    drawn = outlined(vessel, {1: pattern}) == 1
    assert not (drawn & ~whole).any()
    assert drawn.sum() / whole.sum() == pytest.approx(share, abs=0.12)
    top = drawn[FINER * 18 - 1, FINER * 12 : FINER * 68]
    assert np.abs(np.diff(top.astype(int))).sum() > 6


def test_hatched_vessels_are_hatched_and_what_is_below_shows(vessel) -> None:
    drawn = outlined(vessel, {1: "hatched"})
    inside = drawn[FINER * 18 : FINER * 23, FINER * 10 : FINER * 70]
    assert np.mean(inside == 1) == pytest.approx(0.2, abs=0.02)


def test_each_stretch_has_its_own_class_and_no_line_crosses_the_vessel(vessel) -> None:
    vessel[:, 40:] *= 2
    drawn = outlined(vessel, {1: "solid", 2: "solid"})
    above = drawn[FINER * 18 - 1]
    assert set(above[FINER * 10 : FINER * 40]) == {1}
    assert set(above[FINER * 40 : FINER * 70]) == {2}
    assert set(drawn[FINER * 20]) == {0, 1, 2, 1 + INSIDE, 2 + INSIDE}
    assert (drawn[FINER * 20] < INSIDE).sum() == FINER * 20
    assert not outlined(np.zeros((9, 9), np.uint8), {1: "solid"}).any()


def test_a_vessel_at_the_edge_has_no_line_there() -> None:
    classes = np.zeros((10, 10), np.uint8)
    classes[:4, :4] = 1
    drawn = outlined(classes, {1: "solid"})
    assert (drawn[0, : FINER * 4] == 1 + INSIDE).all()
    assert drawn[0, FINER * 4] == 1
