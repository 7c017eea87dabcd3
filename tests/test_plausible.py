"""Sizes that can be those of a rodent's brain, and those that cannot."""

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.plausible import GIVEN, check_size, doubt, length, likely_factor
from napari_fus_ulm.scan import make_scan


def image(
    shape: tuple[int, ...], spacing: float | tuple[float, ...], modality="fus"
) -> xr.DataArray:
    return make_scan(np.zeros(shape), spacing=spacing, modality=modality, name="rat")


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((80, 128), 0.1),  # a section at one wavelength
        ((80, 128), (0.1, 0.11)),
        ((600, 1000), 0.0125),  # interpolated
        ((24, 24), 0.1),  # a crop
        ((8, 8), 0.1),
        ((3, 80, 128), (0.4, 0.1, 0.1)),
        ((50, 75), 0.4),
    ],
)
def test_sizes_that_can_be(shape, spacing):
    assert doubt(image(shape, spacing)) == ""
    check_size(image(shape, spacing))


@pytest.mark.parametrize(
    ("shape", "spacing", "says"),
    [
        ((60, 60), 1e-3, "60 µm wide (60 pixels of 1 µm)"),
        ((60, 60), 1e-7, "µm wide"),
        ((60, 60), 1.0, "60 mm wide"),
        ((60, 60), 100.0, "6 m wide"),
        ((60, 60), (100.0, 0.1), "6 m deep"),
        ((60, 60), (0.1, 100.0), "6 m wide"),
        ((60, 60), (1e-4, 0.1), "deep"),
        ((2000, 2000), 0.02, "40 mm wide"),
        ((3, 80, 128), (400.0, 0.1, 0.1), "400 mm apart"),
    ],
)
def test_sizes_that_are_asked_about(shape, spacing, says):
    question = doubt(image(shape, spacing))
    assert says in question
    assert question.endswith("really?")
    with pytest.raises(ScanError, match=r"“rat”: .*--spacing"):
        check_size(image(shape, spacing))


@pytest.mark.parametrize(
    ("spacing", "doubted"), [(0.5, False), (2e-2, False), (5.0, True), (1e-3, True)]
)
def test_a_size_that_a_person_has_given_is_believed_within_reason(spacing, doubted):
    given = image((60, 60), spacing).assign_attrs({GIVEN: True})
    assert bool(doubt(given)) is doubted


@pytest.mark.parametrize(
    ("spacing", "factor"), [(100.0, 1e-3), (1e-4, 1e3), (1e5, 1e-6), (1e-7, 1e6), (1.0, None)]
)
def test_a_unit_that_was_mistaken_is_found(spacing, factor):
    assert likely_factor(image((60, 60), spacing)) == factor


def test_the_sentence_gives_the_likely_size_as_an_example():
    with pytest.raises(ScanError, match=r"such as --spacing 0\.11,0\.1\)"):
        check_size(image((60, 60), (110.0, 100.0)))


def test_pixels_of_a_map_may_be_finer():
    assert doubt(image((300, 300), 0.004)) != ""
    assert doubt(image((300, 300), 0.004, "ulm")) == ""


@pytest.mark.parametrize(
    ("mm", "words"),
    [(6000.0, "6 m"), (12.8, "12.8 mm"), (0.1, "100 µm"), (2e6, "2 km"), (1e-4, "0.1 µm")],
)
def test_lengths_are_worded_as_a_person_would(mm, words):
    assert length(mm) == words
