"""The baselines: what they are fitted on, and that they do what their names say."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.evaluation import generated
from napari_fus_ulm.evaluation.baselines import (
    ATLAS,
    DECONVOLVED,
    OTHER,
    baselines,
    the_ulm,
    where_fus_has_it,
)
from napari_fus_ulm.evaluation.deconvolution import PSF_UM, gaussian_psf, sharpened
from napari_fus_ulm.evaluation.generated import bundled, generators
from napari_fus_ulm.evaluation.methods import INPUT, Fitted, Method, chosen
from napari_fus_ulm.evaluation.pairs import EvaluationPair, make_pair
from napari_fus_ulm.generators.base import Generator
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference import enhance
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.registration.orientation import register
from napari_fus_ulm.scan import make_scan


@dataclasses.dataclass
class Result:
    """What a generator gives back, as far as it is looked at."""

    image: xr.DataArray


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
    image = picture(test)
    order = np.argsort(test.condition, axis=None)
    assert (np.diff(image.ravel()[order]) >= -1e-6).all()
    # Its mean error on what it was fitted to cannot be beaten by the raw grey levels.
    fitted = np.mean([np.mean((picture(pair) - pair.truth) ** 2) for pair in train])
    raw = np.mean([np.mean((pair.condition - pair.truth) ** 2) for pair in train])
    assert fitted < raw
    other = dataclasses.replace(test, truth=1.0 - test.truth)
    assert np.array_equal(picture(other), image)  # the ULM that is judged by is not looked at


def test_every_baseline_looks_at_the_test_pairs_fus_only(pairs: list[EvaluationPair]) -> None:
    train, validation, test = pairs[:3], pairs[3:4], pairs[4]
    blind = dataclasses.replace(test, truth=np.zeros_like(test.truth), vessels=None)
    for method in METHODS.values():
        assert method.learns
        picture = method.fit(train, validation).picture
        image = picture(test)
        assert image.shape == test.truth.shape
        assert 0.0 <= image.min() <= image.max() <= 1.0
        assert np.array_equal(picture(blind), image), method.key


def test_the_atlas_is_the_mean_of_the_training_images() -> None:
    rng = np.random.default_rng(0)
    power = rng.gamma(5.0, size=(30, 30))
    shared = np.expm1(6.0 * rng.random((150, 150)))  # every grey level
    train = [recorded(power, shared, name) for name in "abc"]
    picture = METHODS[ATLAS].fit(train, []).picture
    test = recorded(rng.gamma(5.0, size=(30, 30)), rng.poisson(3.0, (150, 150)), "d")
    image = picture(test)
    # All animals are alike, so their mean is each of them, up to the 33 knots of the map.
    assert np.abs(image - train[0].truth).max() < 0.05
    with pytest.raises(ValueError, match="two training animals"):
        METHODS[ATLAS].fit(train[:1], [])


def test_the_atlas_map_is_fitted_with_each_animal_left_out() -> None:
    """Animals that share nothing leave a mean that predicts nothing: the map must be flat."""
    rng = np.random.default_rng(1)
    power = rng.gamma(5.0, size=(30, 30))
    train = [recorded(power, rng.poisson(2.0, (150, 150)), name) for name in "abcdef"]
    image = METHODS[ATLAS].fit(train, []).picture(train[0])
    assert image.std() < 0.1 * train[0].truth.std()


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


@pytest.mark.parametrize(("values", "root"), [("sqrt", 2.0), ("cbrt", 3.0)])
def test_deconvolution_works_on_power_however_it_was_stored(values: str, root: float) -> None:
    power = np.random.default_rng(2).gamma(2.0, size=(30, 30)) + 0.1
    linear = recorded(power, np.zeros((150, 150)))
    fus = make_scan(power ** (1 / root), spacing=0.1, modality="fus", values_kind=values)
    other = make_pair("b", "b", fus, linear.ulm)
    images = [sharpened(pair, 1.0, 6) for pair in (linear, other)]
    assert images[1] / images[1].mean() == pytest.approx(images[0] / images[0].mean(), rel=1e-3)


def test_display_values_used_as_power_are_noted() -> None:
    rng = np.random.default_rng(3)
    train = [recorded(rng.gamma(2.0, size=(30, 30)), rng.poisson(1.0, (150, 150)))]
    assert "display" not in METHODS[DECONVOLVED].fit(train, []).note
    shown = [dataclasses.replace(train[0], values="display")]
    assert "display values used as power" in METHODS[DECONVOLVED].fit(shown, []).note


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


@pytest.mark.parametrize(
    ("iterative", "stochastic", "modes"),
    [(False, False, 1), (False, True, 3), (True, True, 3)],
)
def test_a_generator_has_the_modes_in_which_its_pictures_differ(
    monkeypatch: pytest.MonkeyPatch, iterative: bool, stochastic: bool, modes: int
) -> None:
    def build(name: str, config: object) -> Generator:
        kind = {"iterative": iterative, "stochastic": stochastic, "title": "Pix2Pix"}
        return type("Other", (), kind)  # type: ignore[return-value]

    monkeypatch.setattr(generated, "build", build)
    rows = generators()[:modes]
    assert len(generators()) == modes * len(bundled())
    assert rows[0].key == f"diffusion-{'detailed' if modes == 1 else 'accurate'}"
    assert (rows[0].title == "Pix2Pix (generated)") == (modes == 1)


def test_a_generator_makes_its_picture_on_the_pairs_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field of view that no whole number of pixels fills must not be resampled twice."""
    fus = make_scan(np.random.default_rng(0).gamma(2.0, size=(24, 88)), spacing=(0.0879, 0.1005))
    ulm = make_scan(np.ones((211, 884)), spacing=(24 * 0.0879 / 211, 88 * 0.1005 / 884))
    pair = make_pair("a", "a", fus, ulm)
    assert Grid.of(fus).with_pixel_um(1000 * pair.grid.pixel_mm).shape != pair.truth.shape
    requests = []

    def spy(scan: object, settings: EnhanceSettings) -> Result:
        requests.append(Grid.of(fus).with_pixel_um(settings.pixel_um).shape)
        return Result(make_scan(np.zeros(requests[-1]), spacing=0.02))

    monkeypatch.setattr(enhance, "enhance", spy)
    (accurate,) = chosen(generators([bundled()[0]]), ["accurate"])
    accurate.fit([], []).picture(pair)
    assert requests == [pair.truth.shape]


@pytest.mark.parametrize(("down_um", "right_um"), [(60.0, -80.0), (-40.0, 100.0), (0.0, 60.0)])
def test_the_ulm_is_moved_to_where_fus_has_it(
    pairs: list[EvaluationPair], down_um: float, right_um: float
) -> None:
    """A ULM that was shifted by hand comes back, as far as registration is precise."""
    pair = pairs[0]
    rows, columns = (round(um / 20.0) for um in (down_um, right_um))
    counts = ndimage.shift(pair.ulm.values, (2 * rows, 2 * columns), order=0)  # pixels of 10 µm
    moved = make_pair("m", "m", pair.fus, pair.ulm.copy(data=counts))
    back = where_fus_has_it(moved)
    assert back.shape == moved.truth.shape
    assert 0.0 <= back.min() <= back.max() <= 1.0
    still = where_fus_has_it(pair)

    def likeness(one: np.ndarray, two: np.ndarray) -> float:
        inner = (slice(8, -8), slice(8, -8))
        return float(np.corrcoef(one[inner].ravel(), two[inner].ravel())[0, 1])

    assert likeness(back, still) > 0.8
    assert likeness(back, still) > likeness(moved.truth, still) + 0.2
    # Nothing is left to be registered.
    grey = make_scan(back, spacing=pair.grid.spacing_mm, modality="ulm", values_kind="linear")
    assert register(pair.fus, grey).distance_um < 25.0


def test_methods_are_chosen_by_key_generator_or_mode() -> None:
    rows = (*baselines(), *generators(), the_ulm())
    keys = [row.key for row in chosen(rows, ["accurate", "input"])]
    assert keys == ["input", "diffusion-accurate", "mhvae-accurate"]
    assert len(chosen(rows, ["diffusion"])) == 3
    assert chosen(rows, []) == rows
    with pytest.raises(ValueError, match="no method “rll”; available: input, rl, hessian, dog"):
        chosen(rows, ["rll"])


def test_a_method_may_be_anything_with_a_fit() -> None:
    mine = Method("mine", "mine", "", lambda train, validation: Fitted(lambda pair: pair.condition))
    assert chosen([mine], ["mine"]) == (mine,)
