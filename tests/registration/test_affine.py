"""A reference moved by a known map is brought back; one that was not moved stays."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair
from napari_fus_ulm.registration.affine import register_affine, register_shift
from napari_fus_ulm.registration.registered import NEEDED_GAIN, NEEDED_MM, Registered
from napari_fus_ulm.registration.shift import align
from napari_fus_ulm.scan import extent_of, make_scan

# Both recordings of one place, so that only the known map is found.
TRUE = PhantomParams(
    width_mm=4.0, depth_mm=3.6, fus_pixel_um=(100.0, 100.0), shift_um=0.0, warp_um=0.0
)
PLACE_UM = 40.0
"""Measured on this small field: 18 to 33 µm from power Doppler, 2 to 6 µm from the ULM itself."""


@pytest.fixture(scope="module")
def pair() -> PhantomPair:
    return simulate_pair(900_000_021, TRUE, vary=False)


def linear(turn: float, tall: float, wide: float, shear: float) -> np.ndarray:
    """Stretched, sheared (to the right per mm down), turned clockwise; (down, right)."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return (
        np.array([[c, s], [-s, c]]) @ np.array([[1.0, 0.0], [shear, 1.0]]) @ np.diag([tall, wide])
    )


def moved_away(ulm: xr.DataArray, back: np.ndarray) -> xr.DataArray:
    """The counts displaced so that the 2×3 matrix brings them back."""
    step = np.array(extent_of(ulm)) / ulm.shape
    centre = (np.array(extent_of(ulm)) / 2)[:, None, None]
    places = (np.indices(ulm.shape) + 0.5) * step[:, None, None] - centre
    source = np.tensordot(back[:, :2], places, 1) + back[:, 2, None, None] + centre
    at = source / step[:, None, None] - 0.5
    return ulm.copy(data=ndimage.map_coordinates(ulm.values, at, order=0, mode="constant"))


def apart_um(registration: Registered, truth: np.ndarray, extent: tuple[float, float]) -> float:
    """Root mean square distance over the field of where both matrices take a place."""
    lines = [np.linspace(-side / 2, side / 2, 15) for side in extent]
    places = np.stack(np.meshgrid(*lines, indexing="ij"))
    difference = np.array(registration.matrix) - truth
    away = np.tensordot(difference[:, :2], places, 1) + difference[:, 2, None, None]
    return 1000.0 * float(np.sqrt((away**2).sum(axis=0).mean()))


MAPS = {
    "shift": (0.15, -0.2, 0.0, 1.0, 1.0, 0.0),
    "rotation": (0.1, 0.1, 3.0, 1.0, 1.0, 0.0),
    "scale": (0.12, -0.08, 3.0, 1.03, 1.03, 0.0),
    "shear": (-0.1, 0.1, -4.0, 0.97, 1.03, 0.02),
}


@pytest.mark.parametrize("values", MAPS.values(), ids=MAPS)
def test_a_known_map_is_found_from_power_doppler(
    pair: PhantomPair, values: tuple[float, ...]
) -> None:
    truth = np.column_stack([linear(*values[2:]), values[:2]])
    registration = register_affine(pair.fus, moved_away(pair.ulm, truth))
    assert apart_um(registration, truth, extent_of(pair.fus)) < PLACE_UM
    assert registration.shift_mm == pytest.approx(values[:2], abs=0.03)
    assert registration.rotation_deg == pytest.approx(values[2], abs=1.5)
    assert registration.scales == pytest.approx(values[3:5], abs=0.02)
    assert registration.needed
    assert registration.correlation > registration.correlation_before + 0.1
    assert f"correlation {registration.correlation_before:.3f} before" in str(registration)


def test_from_the_ulm_itself_it_is_found_to_a_few_micrometres(pair: PhantomPair) -> None:
    values = MAPS["scale"]
    truth = np.column_stack([linear(*values[2:]), values[:2]])
    registration = register_affine(pair.ulm, moved_away(pair.ulm, truth))
    assert apart_um(registration, truth, extent_of(pair.ulm)) < 8.0
    assert registration.rotation_deg == pytest.approx(3.0, abs=0.2)
    assert registration.scales == pytest.approx((1.03, 1.03), abs=0.006)
    assert registration.shear == pytest.approx(0.0, abs=0.006)
    assert registration.correlation > 0.98


def test_the_parts_of_a_matrix_are_told_apart() -> None:
    values = (5.0, 1.04, 0.97, -0.03)
    rows = np.column_stack([linear(*values), (0.1, -0.2)]).tolist()
    grid = Grid(shape=(10, 10), spacing_mm=(0.1, 0.1), corner_mm=(0.0, 0.0))
    registration = Registered(
        matrix=(tuple(rows[0]), tuple(rows[1])),
        correlation_before=0.2,
        correlation=0.5,
        moved_mm=0.2,
        grid=grid,
    )
    assert registration.shift_mm == (0.1, -0.2)
    assert registration.rotation_deg == pytest.approx(5.0)
    assert registration.scales == pytest.approx((1.04, 0.97))
    assert registration.shear == pytest.approx(-0.03)
    # Clockwise: what was to the right of the centre goes down.
    assert (np.array(rows)[:, :2] @ [0.0, 1.0])[0] > 0


def test_what_lies_in_its_place_is_said_to_need_nothing(pair: PhantomPair) -> None:
    registration = register_affine(pair.fus, pair.ulm)
    assert not registration.needed
    assert registration.moved_mm < NEEDED_MM
    assert registration.correlation - registration.correlation_before < NEEDED_GAIN
    same = register_affine(pair.ulm, pair.ulm)
    assert same.matrix == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert (same.correlation_before, same.correlation) == pytest.approx((1.0, 1.0))


def test_an_identity_resamples_nothing(pair: PhantomPair) -> None:
    image = make_scan(
        reference_on_grid(pair.ulm, Grid(shape=(180, 200), spacing_mm=(0.02, 0.02))),
        spacing=0.02,
        origin=3.0,
        modality="ulm",
        values_kind="grey",
    )
    unmoved = Registered(
        matrix=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        correlation_before=1.0,
        correlation=1.0,
        moved_mm=0.0,
        grid=Grid.of(image),
    )
    laid = unmoved.applied(pair.ulm)
    assert laid.known.all()
    assert np.allclose(laid.grey, image.values, atol=1e-6)


def test_the_moved_reference_lies_on_the_picture_and_tells_what_it_covers(
    pair: PhantomPair,
) -> None:
    values = MAPS["scale"]
    truth = np.column_stack([linear(*values[2:]), values[:2]])
    away = moved_away(pair.ulm, truth)
    image = make_scan(
        reference_on_grid(pair.ulm, Grid(shape=(180, 200), spacing_mm=(0.02, 0.02))),
        spacing=0.02,
        modality="ulm",
        values_kind="grey",
    )
    laid = register_affine(image, away).applied(away)
    before = reference_on_grid(away, Grid.of(image))
    assert 0.8 < laid.known.mean() < 1.0
    assert not laid.grey[~laid.known].any()

    def likeness(other: np.ndarray) -> float:
        return float(np.corrcoef(image.values[laid.known], other[laid.known])[0, 1])

    assert likeness(laid.grey) > 0.85
    assert likeness(before) < 0.5


def test_a_reference_of_another_field_lies_where_its_coordinates_say(pair: PhantomPair) -> None:
    """A picture of a part of the field: with its coordinates nothing has to move."""
    part = pair.fus.isel(j=slice(4, 30), i=slice(6, 38))
    registration = register_affine(part, pair.ulm)
    assert not registration.needed
    assert registration.correlation_before > 0.6
    elsewhere = part.assign_coords(y=part.y - part.y[0] + 0.05, x=part.x - part.x[0] + 0.05)
    registration = register_affine(elsewhere, pair.ulm)
    assert registration.shift_mm == pytest.approx((-0.4, -0.6), abs=0.03)
    assert registration.needed


@pytest.mark.parametrize("cut", [False, True], ids=["same extent", "by coordinates"])
def test_a_translation_is_told_in_the_same_terms(pair: PhantomPair, cut: bool) -> None:
    truth = np.column_stack([np.eye(2), (0.15, -0.2)])
    image = pair.fus.isel(j=slice(3, 33), i=slice(2, 38)) if cut else pair.fus
    away = moved_away(pair.ulm, truth)
    registration = register_shift(image, away, align(image, away))
    assert apart_um(registration, truth, extent_of(image)) < PLACE_UM
    assert (registration.rotation_deg, registration.scales, registration.shear) == (
        0.0,
        (1.0, 1.0),
        0.0,
    )
    assert registration.needed


def test_planes_that_cannot_be_registered_are_named(pair: PhantomPair) -> None:
    with pytest.raises(ValueError, match="plane by plane; got 3-D beside 2-D"):
        register_affine(pair.fus.expand_dims("time"), pair.ulm)
    far = pair.ulm.isel(j=slice(0, 250)).assign_coords(x=pair.ulm.x + 50.0)
    with pytest.raises(ValueError, match="hardly overlap"):
        register_affine(pair.fus, far)
