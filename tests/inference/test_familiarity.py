"""The light beside the input: green for fUS, red for what is none, and why."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.inference.familiarity import familiarity
from napari_fus_ulm.inference.picture import measures
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.phantom.pair import PhantomPair
from napari_fus_ulm.scan import make_scan

Floats = npt.NDArray[np.float64]
RANDOM = np.random.default_rng(5)
Y, X = np.mgrid[:100, :130].astype(float)


@pytest.fixture(scope="module")
def section() -> PhantomPair:
    """A simulated section."""
    return simulate_pair(910_000_901)


def scan_of(image: Floats, **attrs: object) -> xr.DataArray:
    return make_scan(image, spacing=0.1).assign_attrs(attrs)


STORED: dict[str, Callable[[Floats], Floats]] = {
    "power": lambda power: power,
    "root": np.sqrt,
    "decibels": lambda power: 10.0 * np.log10(power),
    "8 bits": lambda power: np.rint(255.0 * np.sqrt(power / power.max())),
    "enlarged": lambda power: ndimage.zoom(power, 3.0, order=3, grid_mode=True, mode="nearest"),
    "repeated": lambda power: np.repeat(np.repeat(power, 3, axis=0), 3, axis=1),
    "gel above": lambda power: np.concatenate([np.full((20, power.shape[1]), power.min()), power]),
}


@pytest.mark.parametrize("how", STORED)
def test_power_doppler_is_familiar_however_it_is_stored(section: PhantomPair, how: str) -> None:
    light = familiarity(scan_of(STORED[how](section.fus.values.astype(float))))
    assert (light.light, light.reasons, light.sentence) == ("green", (), "")


def test_measures_do_not_depend_on_the_display(section: PhantomPair) -> None:
    power = section.fus.values.astype(float)
    one, other = measures(power), measures(np.log(power))
    assert one == pytest.approx(other, abs=1e-6)


NOT_FUS: dict[str, tuple[Floats, str]] = {
    "white noise": (RANDOM.gamma(2.0, 1.0, Y.shape), "noise"),
    "ramp": (Y + X + 1.0, "hardly any detail"),
    "stripes": (100.0 + 50.0 * np.sin(0.7 * X + 0.4 * Y), "does not look like a fUS"),
    "two values": ((np.hypot(Y - 50, X - 60) < 30).astype(float), "only 2 values"),
    "one value": (np.ones(Y.shape), "one value everywhere"),
    "more detail than a probe has": (
        ndimage.gaussian_filter(RANDOM.standard_normal((600, 700)), 0.7) + 9.0,
        "more detail than a probe records",
    ),
}


@pytest.mark.parametrize("kind", NOT_FUS)
def test_what_is_no_fus_is_red_and_says_why(kind: str) -> None:
    image, word = NOT_FUS[kind]
    light = familiarity(scan_of(image))
    assert light.light == "red"
    assert word in light.sentence
    assert light.sentence.startswith("This does not look like a fUS image: ")


def test_a_photograph_is_red() -> None:
    from skimage import data

    assert familiarity(scan_of(data.camera().astype(float))).light == "red"


def test_bubble_counts_are_recognised_as_a_ulm_map(section: PhantomPair) -> None:
    light = familiarity(scan_of(section.ulm.values.astype(float)))
    assert light.light == "red"
    assert "as in a ULM map" in light.sentence


def test_a_section_upside_down_is_unusual(section: PhantomPair) -> None:
    light = familiarity(scan_of(section.fus.values[::-1].astype(float)))
    assert light.light == "yellow"
    assert "upside down" in light.sentence


def test_metadata_count_more_than_the_picture(section: PhantomPair) -> None:
    power = section.fus.values.astype(float)
    generated = familiarity(scan_of(power, generated=True))
    assert (generated.light, generated.reasons) == ("red", ("it is generated, not measured",))
    named = familiarity(scan_of(power, modality="ulm"))
    assert named.light == "yellow"
    assert "says that it is ULM" in named.sentence


def test_the_worst_of_a_stack_counts(section: PhantomPair) -> None:
    power = section.fus.values.astype(float)
    stack = np.stack([power, power, RANDOM.gamma(2.0, 1.0, power.shape)])
    assert familiarity(scan_of(stack)).light == "red"
    assert familiarity(scan_of(stack[:2])).light == "green"


@pytest.mark.parametrize("shape", [(8, 8), (8, 300), (300, 8), (17, 17), (40, 33)])
def test_small_images_are_never_a_fault(shape: tuple[int, int]) -> None:
    light = familiarity(scan_of(RANDOM.gamma(2.0, 1.0, shape)))
    assert light.light in ("yellow", "red")


def test_pixels_that_are_not_finite_are_left_out(section: PhantomPair) -> None:
    power = section.fus.values.astype(float)
    power[:5, :5] = np.nan
    assert familiarity(scan_of(power)).light == "green"
