"""A ULM that lies beside its fUS: found, and laid on it."""

import numpy as np
import pytest

from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.registration.beside import beside, in_words, laid, on_own_field
from napari_fus_ulm.registration.lay import lay_on
from napari_fus_ulm.scan import LAID, make_scan
from napari_fus_ulm.tasks.enhance import displacement

SHIFT = (0.14, -0.22)


def moved(ulm, shift):
    """The same section recorded elsewhere: its pixels shifted by whole 10 µm, nothing said."""
    rows, columns = (round(mm / 0.01) for mm in shift)
    return ulm.copy(data=np.roll(ulm.values, (rows, columns), (0, 1)))


def test_a_shift_of_a_real_size_is_found_and_undone(small_pair) -> None:
    fus, ulm = (scan.squeeze(drop=True) for scan in small_pair)
    here = beside(fus, ulm)
    there = beside(fus, moved(ulm, SHIFT))
    found = np.subtract(here.shift_mm, there.shift_mm)
    np.testing.assert_allclose(found, SHIFT, atol=0.02)
    assert there.apart
    again = beside(fus, laid(moved(ulm, SHIFT), there.shift_mm))
    assert again.left_mm < 0.01
    assert not again.apart


def test_another_section_is_not_laid(small_pair) -> None:
    fus, ulm = (scan.squeeze(drop=True) for scan in small_pair)
    other = simulate_pair(5).ulm.isel(j=slice(200, 200 + ulm.shape[0]), i=slice(300, None))
    found = beside(fus, other.isel(i=slice(0, ulm.shape[1])))
    assert not found.known
    assert not found.apart


def test_what_is_laid_is_compared_where_it_lies() -> None:
    counts = np.zeros((120, 160))
    counts[60, 80] = 50
    picture = make_scan(np.zeros((60, 80)), spacing=0.02, modality="ulm", values_kind="grey")
    ulm = make_scan(counts, spacing=0.01, modality="ulm", values_kind="linear")
    plain, there = lay_on(picture, ulm), lay_on(picture, laid(ulm, (0.1, -0.2)))
    places = [np.argwhere(one.reference == one.reference.max())[0] for one in (plain, there)]
    assert (places[1] - places[0]).tolist() == [5, -10]
    assert there.box == (slice(5, 60), slice(0, 70))
    assert "was laid on its fUS, moved by 224 µm (100 down, 200 left)" in there.notes[0]
    back = laid(laid(ulm, (0.1, -0.2)), None)
    assert LAID not in back.attrs
    np.testing.assert_allclose(back["x"], ulm["x"], atol=1e-12)


def test_a_laid_ulm_on_its_own_field_keeps_its_counts(small_pair) -> None:
    ulm = small_pair[1].squeeze(drop=True)
    moved = on_own_field(laid(ulm, (0.1, -0.2)))
    np.testing.assert_array_equal(moved.values[10:, :-20], ulm.values[:-10, 20:])
    assert not moved.values[:10].any()
    assert not moved.values[:, -20:].any()
    np.testing.assert_allclose(moved["y"], ulm["y"])
    assert on_own_field(ulm).equals(ulm)


def test_a_laid_ulm_is_not_said_to_lie_beside() -> None:
    fus = make_scan(np.ones((12, 16)), spacing=0.1, modality="fus", values_kind="linear")
    ulm = make_scan(np.ones((120, 160)), spacing=0.01, modality="ulm", values_kind="linear")
    ulm = ulm.assign_coords(y=ulm["y"] - 0.045, x=ulm["x"] - 0.045)
    assert not displacement(fus, ulm)
    assert not displacement(fus, laid(ulm, (0.2, 0.2)))
    assert displacement(fus, ulm.assign_coords(x=ulm["x"] + 0.2))


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ((0.0414, 0.06), "73 µm (41 down, 60 right)"),
        ((-0.1, 0.0), "100 µm (100 up)"),
    ],
)
def test_a_shift_in_words(shift, words) -> None:
    assert in_words(shift) == words
