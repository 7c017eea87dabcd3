"""Pairs as a whole: seeds, grids, time, and how far power Doppler is from blurred ULM."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.phantom import PhantomParams, simulate_animal, simulate_pair
from napari_fus_ulm.phantom.pair import PLANE_SPACING_UM
from napari_fus_ulm.scan import check_image, check_scan, extent_of, spacing_of

SMALL = PhantomParams(width_mm=3.0, depth_mm=2.5, fus_pixel_um=(100.0, 120.0))


def test_the_same_seed_gives_the_same_pair_to_the_last_bit(animals: list) -> None:
    first, again = animals[0].pair, simulate_pair(animals[0].pair.seed)
    assert np.array_equal(first.fus.values, again.fus.values)
    assert np.array_equal(first.ulm.values, again.ulm.values)
    assert np.array_equal(first.vessels.points, again.vessels.points)
    assert first.params == again.params


def test_the_population_is_the_one_that_weights_were_trained_on(animals: list) -> None:
    """A change to the phantoms changes what shipped weights mean: this test must notice it."""
    pair = animals[0].pair
    assert pair.fus.shape == (82, 102)
    assert pair.ulm.shape == (860, 995)
    assert len(pair.vessels.first) - 1 == 3516
    assert float(pair.ulm.sum()) == pytest.approx(4_923_037, rel=1e-3)
    assert float(pair.fus.std()) == pytest.approx(4.50605, rel=1e-3)


def test_another_seed_gives_another_animal() -> None:
    one, other = (simulate_pair(seed, SMALL, vary=False) for seed in (1, 2))
    assert one.ulm.shape == other.ulm.shape
    assert not np.array_equal(one.ulm.values, other.ulm.values)
    assert abs(np.corrcoef(one.fus.values.ravel(), other.fus.values.ravel())[0, 1]) < 0.9


def test_the_planes_of_an_animal_are_sections_of_one_brain() -> None:
    planes = list(simulate_animal(11, 3, SMALL, vary=False))
    assert [one.plane for one in planes] == [0, 1, 2]
    assert len({one.params for one in planes}) == 1
    assert len({one.fus.shape for one in planes}) == 1
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert not np.array_equal(planes[one].ulm.values, planes[other].ulm.values)
    # A vessel that runs through two planes lies 500 µm lower in the second.
    first, second = (one.vessels.points for one in planes[:2])
    lowered = first - [0.0, 0.0, PLANE_SPACING_UM]
    shared = {tuple(point) for point in np.round(lowered, 6)} & {
        tuple(point) for point in np.round(second, 6)
    }
    assert len(shared) > 0.1 * len(first)


def test_every_plane_shows_about_as_many_vessels() -> None:
    planes = list(simulate_animal(12, 4, SMALL, vary=False))
    counts = [float((one.ulm.values > 0).mean()) for one in planes]
    assert max(counts) < 2.0 * min(counts)


def test_another_seed_shares_no_plane_with_it() -> None:
    one, other = (list(simulate_animal(seed, 2, SMALL, vary=False)) for seed in (20, 21))
    assert not np.array_equal(one[1].ulm.values, other[1].ulm.values)


def test_a_section_takes_at_most_three_seconds_of_one_core(animals: list) -> None:
    # The quickest of a few: other work on the machine slows single ones.
    assert min(animal.seconds for animal in animals) <= 3.0


def test_both_images_cover_the_same_field_of_view(animals: list) -> None:
    for animal in animals:
        pair = animal.pair
        assert extent_of(pair.fus) == pytest.approx(extent_of(pair.ulm), abs=1e-9)
        assert spacing_of(pair.ulm) == pytest.approx((0.01, 0.01))
        for scan in (pair.fus, pair.ulm):
            corner = [
                float(scan[a][0]) - s / 2 for a, s in zip("yx", spacing_of(scan), strict=True)
            ]
            assert corner == pytest.approx([0.0, 0.0], abs=1e-9)
        # The drawn pixel size is rounded so that whole pixels fill the field of view.
        wanted = [side / 1000.0 for side in pair.params.fus_pixel_um]
        assert spacing_of(pair.fus) == pytest.approx(wanted, rel=0.01)
        corner = [float(pair.fus.coords[axis][0]) for axis in "yx"]
        assert np.isfinite(corner).all()


def test_the_images_are_scans_that_say_what_they_are() -> None:
    pair = simulate_pair(7, SMALL, vary=False)
    for scan, modality in ((pair.fus, "fus"), (pair.ulm, "ulm")):
        check_scan(scan)
        check_image(scan)
        assert scan.dtype == np.float32
        assert (scan.attrs["modality"], scan.attrs["values"]) == (modality, "linear")
        record = json.loads(json.dumps(scan.attrs["provenance"]))
        assert record["simulated"] is True
        assert record["seed"] == 7
        assert record["phantom"]["width_mm"] == 3.0


def test_power_doppler_is_not_blurred_ulm(animals: list) -> None:
    """0.55 to 0.75 in a rat and a mouse; phantoms must stay near that."""
    correlations = []
    for animal in animals:
        pair = animal.pair
        sigma = [fwhm / 2.355 / 10.0 for fwhm in pair.params.psf_um]
        blurred = area_mean(gaussian_filter(pair.ulm.values, sigma), pair.fus.shape)
        correlations.append(spearmanr(blurred.ravel(), pair.fus.values.ravel()).statistic)
    assert min(correlations) > 0.5
    assert max(correlations) < 0.9
    assert 0.55 < np.mean(correlations) < 0.85
