"""A ground truth laid on a picture: what can be compared, and what was moved."""

import numpy as np
import pytest

from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.registration.lay import largest_rectangle, lay_on
from napari_fus_ulm.scan import make_scan

GRID = Grid(shape=(60, 80), spacing_mm=(0.02, 0.02), corner_mm=(1.0, 2.0))
COUNTS = make_scan(
    np.random.default_rng(3).poisson(0.4, (120, 160)) ** 2,
    spacing=0.01,
    origin=(1.005, 2.005),
    modality="ulm",
    values_kind="linear",
)
PICTURE = make_scan(
    reference_on_grid(COUNTS, GRID),
    spacing=0.02,
    origin=(1.01, 2.01),
    modality="ulm",
    values_kind="grey",
)


@pytest.mark.parametrize("how", ["none", "no"])
def test_a_truth_of_the_same_field_is_only_binned(how: str) -> None:
    laid = lay_on(PICTURE, COUNTS, how)
    assert np.array_equal(laid.reference, PICTURE.values)
    assert laid.box == (slice(0, 60), slice(0, 80))
    assert laid.grid.shape == GRID.shape
    assert (laid.registration, laid.notes) == (None, ())


def test_of_a_part_what_both_show_is_known() -> None:
    laid = lay_on(PICTURE, COUNTS.isel(j=slice(21, None), i=slice(0, 121)))
    assert laid.box == (slice(11, 60), slice(0, 60))
    assert laid.reference[laid.box].any()
    assert not laid.reference[:11].any()
    assert not laid.reference[:, 60:].any()
    assert laid.notes == ("The ground truth covers 61 % of the result; only that was evaluated.",)


def test_what_lies_in_place_needs_no_registration() -> None:
    laid = lay_on(PICTURE, COUNTS, "shift")
    assert laid.registration is not None
    assert not laid.registration.needed
    assert "no registration was needed" in laid.notes[1]
    assert np.abs(laid.reference[laid.box] - PICTURE.values[laid.box]).max() < 1e-3


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["...", "...", "..."], (0, 0, 0, 0)),
        (["###", "###"], (0, 2, 0, 3)),
        (["#..", "###", ".##", "..#"], (1, 3, 1, 3)),
        (["....#", ".###.", ".###.", "####."], (1, 4, 1, 4)),
        (["#.#", "#.#", "###"], (0, 3, 0, 1)),
    ],
)
def test_the_largest_rectangle(rows: list[str], expected: tuple[int, ...]) -> None:
    mask = np.array([[cell == "#" for cell in row] for row in rows])
    down, right = largest_rectangle(mask)
    assert (down.start, down.stop, right.start, right.stop) == expected
