"""A result at the resolution of fUS, held against its input."""

import numpy as np
import pytest

from napari_fus_ulm.diagnostics.consistency import (
    PSF_UM,
    TRUE_ULM,
    beside_true_ulm,
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


def test_true_ulm_reaches_what_the_result_is_read_beside(section, prepared_section):
    mean, sd = TRUE_ULM
    assert abs(consistency(prepared_section.ulm, section.fus) - mean) < 3.0 * sd


def test_vessels_in_other_places_agree_less(section, prepared_section):
    moved = np.roll(prepared_section.ulm, (60, 90), axis=(0, 1))
    assert consistency(moved, section.fus) < consistency(prepared_section.ulm, section.fus) - 0.2


def test_the_words_say_on_which_side_of_true_ulm_a_result_lies():
    assert "less than true ULM" in beside_true_ulm(0.3)
    assert "as true ULM" in beside_true_ulm(0.7)
    assert "speckle" in beside_true_ulm(0.95)


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
