"""Which part of a layer is used, and what is corrected about it."""

import numpy as np
import pytest

from napari_fus_ulm._napari.picker.part_form import Corrections, corrected, describe, resolve
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import make_scan, spacing_of, step_of
from napari_fus_ulm.selection import Selection
from napari_fus_ulm.tasks.enhance import mismatch, ulm_plane


@pytest.fixture
def film():
    values = np.random.default_rng(0).random((4, 3, 10, 12))
    return make_scan(values, spacing=(0.5, 0.1, 0.11), modality="fus", name="film")


def test_parts(film):
    mean = Selection(slices=1, times="mean").of(film)
    assert mean.dims == ("j", "i")
    np.testing.assert_allclose(mean.values, film.values.mean(0)[1], rtol=1e-5)
    assert float(mean["z"]) == 0.5
    one = Selection(times=2).of(film)
    assert one.dims == ("k", "j", "i")
    np.testing.assert_array_equal(one.values, film.values[2])
    assert Selection().of(film) is film


@pytest.mark.parametrize(
    ("selection", "what"), [(Selection(slices=3), "slice 4"), (Selection(times=-1), "time 0")]
)
def test_a_part_that_is_not_there(film, selection, what):
    with pytest.raises(ScanError, match=what):
        selection.of(film)


def test_shown_becomes_a_number(film):
    shown = {"k": 2, "time": 1}
    assert resolve(Corrections(), film, shown) == Selection(slices=2, times="mean")
    every = Corrections(slices="all", times="all")
    assert resolve(every, film, shown) == Selection()
    assert resolve(Corrections(times="shown"), film, shown).times == 1
    assert resolve(Corrections(), film.isel(k=0, time=0), shown) == Selection()


def test_one_line_says_what_is_used(film):
    line = describe(film, Selection(slices=1, times="mean"), shown="shown")
    assert line == "12 × 10 px · 110 × 100 µm · slice 2 of 3 (shown) · mean of 4 time points"
    assert describe(film, Selection()).endswith("all 3 slices, 500 µm apart · all 4 time points")


def test_corrected_spacing_and_slice_distance(film):
    scan = corrected(film, Corrections(spacing=(0.2, 0.3), slice_mm=1.0, slices="all", times="all"))
    assert spacing_of(scan) == pytest.approx((0.2, 0.3))
    assert step_of(scan, "k") == pytest.approx(1.0)
    np.testing.assert_array_equal(scan.values, film.values)
    assert scan.attrs["spacing_given"]


def test_slices_that_are_times():
    stack = make_scan(np.zeros((5, 10, 12)), spacing=0.1, modality="fus")
    scan = corrected(stack, Corrections(leading="time", times="all"))
    assert scan.dims == ("time", "j", "i")
    assert corrected(stack, Corrections(leading="time", times=3)).dims == ("j", "i")


def test_ground_truths_that_fit_and_those_that_do_not(film):
    fus = film.isel(time=0, drop=True)
    ulm = make_scan(np.zeros((100, 132)), spacing=0.01, modality="ulm", name="ulm")
    assert mismatch(fus.isel(k=0), ulm) == ""
    assert "has 3" in mismatch(fus, ulm)
    assert "covers" in mismatch(fus.isel(k=0), ulm.isel(i=slice(0, 100)))
    stack = make_scan(np.zeros((3, 100, 132)), spacing=0.01, modality="ulm", name="stack")
    assert mismatch(fus, stack) == ""
    assert "3 slices and 1" in mismatch(fus.isel(k=0), stack)
    for text in (mismatch(fus, ulm), mismatch(fus.isel(k=0), stack)):
        assert "film" in text
        assert "✎" in text


def test_plane_of_a_ground_truth_stack():
    stack = make_scan(np.arange(3)[:, None, None] * np.ones((3, 20, 20)), spacing=0.01)
    assert float(ulm_plane(stack, {"time": 5, "k": 2}).values.mean()) == 2.0
    assert ulm_plane(stack.isel(k=0), {"time": 5, "k": 2}).ndim == 2
