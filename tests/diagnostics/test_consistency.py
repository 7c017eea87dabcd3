"""A result at the resolution of fUS, compared with its input."""

import numpy as np
import pytest

from napari_fus_ulm.diagnostics.consistency import (
    GROUND_TRUTH,
    PSF_UM,
    beside_ground_truth,
    blurred,
    consistency,
    local_agreement,
)


def test_a_point_becomes_as_wide_as_what_fus_resolves():
    grey = np.zeros((101, 101))
    grey[50, 50] = 1.0
    seen = blurred(grey, (10.0, 10.0))
    for axis, width in enumerate(PSF_UM):
        line = seen[:, 50] if axis == 0 else seen[50]
        above = np.flatnonzero(line >= 0.5 * line.max())
        assert (above[-1] - above[0] + 1) * 10.0 == pytest.approx(width, abs=15.0)


def test_the_ground_truth_reaches_its_stated_consistency(section, prepared_section):
    mean, sd = GROUND_TRUTH
    assert abs(consistency(prepared_section.ulm, section.fus) - mean) < 3.0 * sd


def test_vessels_in_other_places_agree_less(section, prepared_section):
    moved = np.roll(prepared_section.ulm, (60, 90), axis=(0, 1))
    assert consistency(moved, section.fus) < consistency(prepared_section.ulm, section.fus) - 0.2


def test_the_sentence_compares_a_result_with_the_ground_truth():
    assert "less than the ground truth" in beside_ground_truth(0.3)
    assert "like the ground truth" in beside_ground_truth(0.7)
    assert "speckle" in beside_ground_truth(0.95)


def test_local_agreement_is_lost_where_a_vessel_is_invented():
    grey = np.zeros((120, 200))
    grey[40, :] = 0.8
    condition = np.log1p(blurred(grey, (20.0, 20.0)))
    assert local_agreement(grey, condition, 0.02)[40].min() > 0.99
    invented = grey.copy()
    invented[20:100, 150] = 0.8
    agreement = local_agreement(invented, condition, 0.02)
    assert agreement[85, 150] < 0.5
    assert agreement[40, 30] > 0.95
