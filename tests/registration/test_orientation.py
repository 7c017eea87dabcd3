"""Known shifts and mirrorings are recovered; images of different animals are not registered."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.registration.orientation import ORIENTATIONS, orientation, register
from napari_fus_ulm.scan import make_scan

Maker = Callable[..., tuple[xr.DataArray, xr.DataArray]]
PLAIN = "as it is"


def turned(scan: xr.DataArray, name: str) -> xr.DataArray:
    """The image as it may be stored by mistake."""
    exchanged, reversed_axes = ORIENTATIONS[name]
    values = scan.values.T if exchanged else scan.values
    values = values[:, ::-1] if "x" in reversed_axes else values
    values = values[::-1] if "y" in reversed_axes else values
    return make_scan(values.copy(), spacing=0.01, modality="ulm", values_kind="linear")


@pytest.mark.parametrize("shift", [(0, 0), (50, 0), (0, -120), (-70, 130), (200, -200), (-30, -10)])
def test_a_shift_is_found(make_pair: Maker, shift: tuple[int, int]) -> None:
    start = register(*make_pair(4))
    registration = register(*make_pair(4, *shift))
    assert (registration.down_um, registration.right_um) == pytest.approx(shift, abs=15)
    moved = (registration.down_um - start.down_um, registration.right_um - start.right_um)
    assert moved == pytest.approx(shift, abs=6)
    assert registration.sure
    assert registration.distance_um == pytest.approx(np.hypot(*shift), abs=20)


@pytest.mark.parametrize("values", ["linear", "sqrt", "cbrt", "db"])
def test_the_usual_transforms_change_little(make_pair: Maker, values: str) -> None:
    fus, ulm = make_pair(5, 80, -60)
    change = {
        "linear": lambda scan: scan,
        "sqrt": np.sqrt,
        "cbrt": np.cbrt,
        "db": lambda scan: 10.0 * np.log10(np.maximum(scan, 1e-3)),
    }[values]
    one, two = (change(scan).assign_attrs({**scan.attrs, "values": values}) for scan in (fus, ulm))
    registration = register(one, two)
    assert (registration.down_um, registration.right_um) == pytest.approx((80, -60), abs=20)
    assert registration.sure


@pytest.mark.parametrize("seed", range(6, 11))
def test_images_of_different_animals_are_not_registered(make_pair: Maker, seed: int) -> None:
    registration = register(make_pair(seed)[0], make_pair(seed + 100)[1])
    assert not registration.sure
    assert orientation(make_pair(seed)[0], make_pair(seed + 100)[1])[0] == PLAIN


def test_a_repeating_image_leaves_the_shift_open() -> None:
    """Stripes 250 µm apart fit at every multiple of it."""
    across = np.arange(0, 6000, 10)
    counts = np.tile(1.0 + np.cos(2 * np.pi * across / 250), (400, 1))
    ulm = make_scan(counts, spacing=0.01, modality="ulm", values_kind="linear")
    power = counts.reshape(40, 10, 60, 10).mean((1, 3)) + 1.0
    fus = make_scan(power, spacing=0.1, modality="fus", values_kind="linear")
    registration = register(fus, ulm)
    assert registration.second > 0.9
    assert not registration.sure


@pytest.mark.parametrize("name", list(ORIENTATIONS))
def test_a_turned_image_is_named(make_pair: Maker, name: str) -> None:
    fus, ulm = make_pair(11, 40, 30)
    detected, correlations = orientation(fus, turned(ulm, name))
    assert detected == name
    # Of a field that is not square, the sides show whether they were exchanged.
    assert len(correlations) == 4
    assert correlations[name] == pytest.approx(orientation(fus, ulm)[1][PLAIN], abs=1e-6)


def test_a_square_field_does_not_hide_exchanged_axes(make_pair: Maker) -> None:
    fus, ulm = (scan.isel(i=slice(0, scan.sizes["j"])) for scan in make_pair(12))
    name = "stored with its two axes exchanged"
    detected, correlations = orientation(fus, turned(ulm, name))
    assert detected == name
    assert len(correlations) == 8


def test_empty_images_are_not_registered(make_pair: Maker) -> None:
    fus, ulm = make_pair(13)
    registration = register(fus, ulm * 0.0)
    assert (registration.correlation, registration.sure) == (0.0, False)
    assert orientation(fus, ulm * 0.0)[0] == PLAIN
    assert not register(fus * 0.0, ulm).sure


def test_small_images_are_not_a_problem(make_pair: Maker) -> None:
    fus, ulm = make_pair(14)
    small = register(fus.isel(i=slice(8), j=slice(8)), ulm.isel(i=slice(80), j=slice(80)))
    assert np.isfinite([small.down_um, small.right_um, small.correlation]).all()
