"""The rows beside the generators: what they are fitted on, and that they do what they are named."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from napari_fus_ulm.evaluation.baselines import ATLAS, DECONVOLVED, OTHER, baselines, the_ulm
from napari_fus_ulm.evaluation.deconvolution import PSF_UM, gaussian_psf, sharpened
from napari_fus_ulm.evaluation.generated import bundled, generators
from napari_fus_ulm.evaluation.methods import INPUT, Fitted, Method, chosen
from napari_fus_ulm.evaluation.pairs import EvaluationPair, make_pair
from napari_fus_ulm.scan import make_scan

METHODS = {method.key: method for method in baselines()}


def recorded(power: np.ndarray, counts: np.ndarray, name: str = "a") -> EvaluationPair:
    """A pair of 3 × 3 mm: power Doppler of 100 µm pixels, ULM of 20 µm."""
    fus = make_scan(power, spacing=3.0 / 30, modality="fus", values_kind="linear")
    ulm = make_scan(counts, spacing=3.0 / 150, modality="ulm", values_kind="linear")
    return make_pair(name, name, fus, ulm)


def test_the_input_passes_a_monotone_map_that_knows_the_training_side_only(
    pairs: list[EvaluationPair],
) -> None:
    train, test = pairs[:3], pairs[4]
    picture = METHODS[INPUT].fit(train, []).picture
    made = picture(test)
    order = np.argsort(test.condition, axis=None)
    assert (np.diff(made.ravel()[order]) >= -1e-6).all()
    # Its mean error on what it was fitted to cannot be beaten by the raw grey levels.
    fitted = np.mean([np.mean((picture(pair) - pair.truth) ** 2) for pair in train])
    raw = np.mean([np.mean((pair.condition - pair.truth) ** 2) for pair in train])
    assert fitted < raw
    other = dataclasses.replace(test, truth=1.0 - test.truth)
    assert np.array_equal(picture(other), made)  # the ULM that is judged by is not looked at


def test_every_baseline_looks_at_the_test_pairs_fus_only(pairs: list[EvaluationPair]) -> None:
    train, validation, test = pairs[:3], pairs[3:4], pairs[4]
    blind = dataclasses.replace(test, truth=np.zeros_like(test.truth), vessels=None)
    for method in METHODS.values():
        assert method.learns
        picture = method.fit(train, validation).picture
        made = picture(test)
        assert made.shape == test.truth.shape
        assert 0.0 <= made.min() <= made.max() <= 1.0
        assert np.array_equal(picture(blind), made), method.key


def test_the_atlas_is_the_mean_of_the_training_images() -> None:
    rng = np.random.default_rng(0)
    power = rng.gamma(5.0, size=(30, 30))
    shared = np.expm1(6.0 * rng.random((150, 150)))  # every grey level
    train = [recorded(power, shared, name) for name in "abc"]
    picture = METHODS[ATLAS].fit(train, []).picture
    test = recorded(rng.gamma(5.0, size=(30, 30)), rng.poisson(3.0, (150, 150)), "d")
    made = picture(test)
    # All animals are alike, so their mean is each of them, up to the 33 knots of the map.
    assert np.abs(made - train[0].truth).max() < 0.05
    with pytest.raises(ValueError, match="two training animals"):
        METHODS[ATLAS].fit(train[:1], [])


def test_the_atlas_map_is_fitted_with_each_animal_left_out() -> None:
    """Animals that share nothing leave a mean that predicts nothing: the map must be flat."""
    rng = np.random.default_rng(1)
    power = rng.gamma(5.0, size=(30, 30))
    train = [recorded(power, rng.poisson(2.0, (150, 150)), name) for name in "abcdef"]
    made = METHODS[ATLAS].fit(train, []).picture(train[0])
    assert made.std() < 0.1 * train[0].truth.std()


def test_another_animals_ulm_is_stretched_to_the_field_of_view(pairs: list[EvaluationPair]) -> None:
    fitted = METHODS[OTHER].fit(pairs[:3], [])
    assert np.array_equal(fitted.picture(pairs[4]), pairs[0].truth)
    assert pairs[0].name in fitted.note
    wide = recorded(np.random.default_rng(0).random((30, 30)), np.eye(150))
    assert fitted.picture(wide).shape == wide.truth.shape


def test_deconvolution_undoes_a_known_blur() -> None:
    """A narrow line that was blurred by the point spread function becomes narrow again."""
    fine = np.full((150, 150), 1e-3)
    fine[:, 75] = 1.0
    sigma = [fwhm / 2.3548 / 20.0 for fwhm in PSF_UM]
    blurred = ndimage.gaussian_filter(fine, sigma)
    power = blurred.reshape(30, 5, 30, 5).mean(axis=(1, 3))
    pair = recorded(power, np.zeros((150, 150)))

    def width(profile: np.ndarray) -> int:
        return int((profile > 0.5 * profile.max()).sum())

    before = width(ndimage.zoom(power, 5, order=3, grid_mode=True, mode="nearest")[75])
    few, many = (width(sharpened(pair, 1.0, n)[75]) for n in (3, 30))
    assert many < few <= before
    assert many <= before - 3
    assert int(np.argmax(sharpened(pair, 1.0, 30)[75])) in range(73, 79)


def test_the_point_spread_function_has_its_widths() -> None:
    psf = gaussian_psf([6.0, 10.0])
    assert psf.sum() == pytest.approx(1.0, abs=1e-5)
    middle = [side // 2 for side in psf.shape]
    assert psf[middle[0] + 3, middle[1]] == pytest.approx(psf.max() / 2, rel=1e-4)
    assert psf[middle[0], middle[1] + 5] == pytest.approx(psf.max() / 2, rel=1e-4)


def test_the_deconvolution_is_tuned_on_the_validation_side(pairs: list[EvaluationPair]) -> None:
    fitted = METHODS[DECONVOLVED].fit(pairs[:2], pairs[3:4])
    assert "1 validation pair" in fitted.note
    assert "2 training pairs" in METHODS[DECONVOLVED].fit(pairs[:2], []).note


def test_generators_are_rows_for_every_mode_there_are_weights_for() -> None:
    rows = generators()
    assert [row.key for row in rows[:3]] == [
        "diffusion-accurate",
        "diffusion-balanced",
        "diffusion-detailed",
    ]
    assert all(not row.learns and "generated" in row.title for row in rows)
    (file,) = [path for path in bundled() if path.stem == "diffusion"]
    twice = generators([file, file])
    assert len({row.key for row in twice}) == len(twice)


def test_methods_are_chosen_by_key_generator_or_mode() -> None:
    rows = (*baselines(), *generators(), the_ulm())
    keys = [row.key for row in chosen(rows, ["accurate", "input"])]
    assert keys == ["input", "diffusion-accurate"]
    assert len(chosen(rows, ["diffusion"])) == 3
    assert chosen(rows, []) == rows
    with pytest.raises(ValueError, match="no method 'rll'; there is: input, rl, atlas"):
        chosen(rows, ["rll"])


def test_a_method_may_be_anything_with_a_fit() -> None:
    mine = Method("mine", "mine", "", lambda train, validation: Fitted(lambda pair: pair.condition))
    assert chosen([mine], ["mine"]) == (mine,)
