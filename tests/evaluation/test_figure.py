"""The study's figure and its table: constructed images, and what a reader must find in them."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.evaluation.figure import (
    COLUMNS,
    figure,
    grey_on_grid,
    greys,
    measure,
    title_of,
)
from napari_fus_ulm.evaluation.pairs import EvaluationPair
from napari_fus_ulm.grey.intensity import fus_to_grey
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.metrics.fidelity import fidelity
from napari_fus_ulm.metrics.vessels import vessel_scores
from napari_fus_ulm.output.figures import SCALE_BAR, bar_length, save_figure
from napari_fus_ulm.registration.beside import laid
from napari_fus_ulm.scan import extent_of, make_scan
from napari_fus_ulm.tasks.compare import (
    Compared,
    MeasuredImage,
    metrics_events,
    moved_words,
    rows_csv,
    rows_markdown,
)

MADE = {"generator_title": "Diffusion", "has_modes": True, "phantom_trained": True}


def generated(
    grey: np.ndarray, spacing: tuple[float, float], mode: str = "detailed"
) -> xr.DataArray:
    name = f"{mode.capitalize()} ×5 · seed 0 · rat power Doppler (generated)"
    provenance = {**MADE, "input_name": "rat power Doppler", "settings": {"mode": mode}}
    scan = make_scan(grey, spacing=spacing, modality="ulm", values_kind="grey", name=name)
    return scan.assign_attrs(generated=True, provenance=provenance)


@pytest.fixture(scope="module")
def images(pairs: list[EvaluationPair]) -> list[xr.DataArray]:
    """Power Doppler, two results of 20 µm, and counts of 10 µm of one phantom."""
    pair = pairs[0]
    rng = np.random.default_rng(0)
    shape = tuple(round(side / 0.02) for side in extent_of(pair.fus))
    step = tuple(side / n for side, n in zip(extent_of(pair.fus), shape, strict=True))
    truth = grey_on_grid(pair.ulm, shape)
    noisy = np.clip(truth + 0.1 * rng.standard_normal(shape), 0, 1).astype(np.float32)
    return [
        pair.fus.rename("rat power Doppler"),
        generated(noisy, step),
        generated(0.5 * truth, step, "accurate"),
        pair.ulm.rename("rat ULM"),
    ]


def test_all_are_brought_to_the_grid_of_the_finest_result(images: list[xr.DataArray]) -> None:
    fus, first, _, ulm = images
    pictures = greys(images)
    assert {one.shape for one in pictures} == {first.shape}
    assert all(0 <= one.min() <= one.max() <= 1 for one in pictures)
    np.testing.assert_array_equal(pictures[1], first.values)
    np.testing.assert_array_equal(pictures[3], reference_on_grid(ulm, Grid.of(first)))
    # Power Doppler is interpolated from its logarithm; averaged again it is what it was.
    rows, columns = fus.shape
    inner = grey_on_grid(fus, (4 * rows, 4 * columns))
    back = inner.reshape(rows, 4, columns, 4).mean(axis=(1, 3))
    assert np.abs(back - fus_to_grey(fus.values, fus.attrs["values"])).mean() < 0.02


def test_without_a_result_pixels_are_20_um(images: list[xr.DataArray]) -> None:
    fus, first, _, ulm = images
    assert greys([fus, ulm])[0].shape == first.shape


def test_images_of_another_field_are_refused_by_name_and_mm(images: list[xr.DataArray]) -> None:
    fus, first, _, ulm = images
    part = ulm.isel(i=slice(0, 200))
    wide, tall = f"{extent_of(fus)[1]:.4g}", f"{extent_of(fus)[0]:.4g}"
    for refused in (lambda: figure([fus, first, part]), lambda: greys([fus, part])):
        with pytest.raises(ValueError, match="cannot be compared") as error:
            refused()
        assert "“rat power Doppler” covers" in str(error.value)
        assert f"{wide} × {tall} mm" in str(error.value)
        assert "“rat ULM” 2 × " in str(error.value)
    with pytest.raises(ValueError, match="cannot be compared"):
        measure(first, part)
    stack = first.expand_dims("k")
    with pytest.raises(ValueError, match="one slice and one time"):
        figure([stack])


@pytest.mark.parametrize("width_mm", [88.0, 180.0])
def test_the_scale_bar_is_as_long_as_it_says(images: list[xr.DataArray], width_mm: float) -> None:
    drawn = figure(images, width_mm=width_mm)
    assert drawn.get_figwidth() * 25.4 == pytest.approx(width_mm)
    bar, *others = drawn.findobj(lambda artist: artist.get_gid() == SCALE_BAR)
    assert len(others) == len(images) - 1
    axes = bar.axes
    ends = bar.get_window_extent()
    panel = axes.get_window_extent()
    mm = extent_of(images[0])[1] * ends.width / panel.width
    assert mm == pytest.approx(bar_length(extent_of(images[0])[1]), rel=1e-6)
    assert f"{mm:g} mm" in [text.get_text() for text in axes.texts]
    # True to scale: a panel is as tall as it is wide in mm.
    assert panel.height / panel.width == pytest.approx(
        extent_of(images[0])[0] / extent_of(images[0])[1]
    )
    assert len({(p.images[0].get_clim(), p.images[0].get_cmap().name) for p in drawn.axes}) == 1
    assert drawn.axes[0].images[0].get_clim() == (0.0, 1.0)


@pytest.mark.parametrize(("wide", "bar_mm"), [(12.8, 2.0), (4.0, 1.0), (0.9, 0.2), (2.0, 0.5)])
def test_the_bar_is_a_round_number_within_a_quarter(wide: float, bar_mm: float) -> None:
    assert bar_length(wide) == pytest.approx(bar_mm)


def test_text_stays_text_in_an_svg(images: list[xr.DataArray], tmp_path: Path) -> None:
    _, first, second, ulm = images
    scores = {str(image.name): measure(image, ulm) for image in (first, second)}
    drawn = figure(images, scores=scores, truth="rat ULM", note="A note of mine.")
    text = save_figure(tmp_path / "deep" / "a.svg", drawn).read_text()
    words = re.sub(r"\s+", " ", " ".join(re.findall(r">([^<>]+)</(?:text|tspan)>", text)))
    for word in ("rat power Doppler", "Diffusion Detailed ×5", "(generated)", "rat ULM", "0.5 mm"):
        assert word in words
    near = scores[str(first.name)].fidelity
    assert f"MSE {near.mse:.4f} · SSIM {near.ssim:.3f}" in words
    assert f"PSNR {near.psnr:.1f} dB · LPIPS {near.lpips:.3f}" in words
    assert "ground truth" in words
    assert "Generated images are not measurements. Trained on phantoms." in words
    assert "A note of mine." in words
    assert f'id="{SCALE_BAR}"' in text


def test_measured_images_alone_need_no_caution(images: list[xr.DataArray]) -> None:
    words = " ".join(text.get_text() for text in figure([images[0], images[3]]).texts)
    assert "not measurements" not in words


def test_a_png_has_its_size_in_print(images: list[xr.DataArray], tmp_path: Path) -> None:
    from PIL import Image

    path = save_figure(tmp_path / "a.png", figure(images, width_mm=90, colours="hot"))
    with Image.open(path) as png:
        assert png.width == pytest.approx(90 / 25.4 * 300, abs=1)
        assert png.info["dpi"][0] == pytest.approx(300, abs=0.5)
    with pytest.raises(ValueError, match="must end in"):
        save_figure(tmp_path / "a.jpg", figure(images))


def test_nothing_and_too_narrow_are_refused(images: list[xr.DataArray]) -> None:
    with pytest.raises(ValueError, match="no image"):
        figure([])
    with pytest.raises(ValueError, match="at least 40 mm"):
        figure(images, width_mm=20)
    with pytest.raises(ValueError, match="“grey” or “hot”"):
        figure(images, colours="blue")  # type: ignore[arg-type]


def rows_of(*images: xr.DataArray, truth: xr.DataArray) -> list[MeasuredImage]:
    events = metrics_events(Compared(images, truth, EnhanceSettings()))
    return [event for event in events if isinstance(event, MeasuredImage)]


def test_the_table_holds_what_the_measures_say(images: list[xr.DataArray]) -> None:
    fus, first, second, ulm = images
    measured = rows_of(fus, first, second, ulm, truth=ulm)
    assert [one.is_input for one in measured] == [True, False, False]
    rows = list(csv.DictReader(io.StringIO(rows_csv(measured))))[1:]
    assert [row["image"] for row in rows] == [first.name, second.name]
    assert tuple(rows[0]) == COLUMNS
    assert [row["mode"] for row in rows] == ["detailed", "accurate"]
    assert {row["generator"] for row in rows} == {"Diffusion"}
    assert {(row["ground_truth"], float(row["moved_right_um"])) for row in rows} == {("rat ULM", 0)}
    for row, image in zip(rows, (first, second), strict=True):
        truth = reference_on_grid(ulm, Grid.of(image))
        near, pixel = fidelity(image.values, truth), extent_of(image)[0] / image.shape[0]
        vessels = vessel_scores(image.values, truth, pixel)
        assert float(row["mse"]) == near.mse
        assert float(row["ssim"]) == near.ssim
        assert float(row["psnr_db"]) == near.psnr
        assert float(row["lpips"]) == near.lpips
        assert float(row["r"]) == pytest.approx(
            np.corrcoef(image.values.ravel(), truth.ravel())[0, 1]
        )
        for name in ("cl_dice", "recall", "precision"):
            assert float(row[name]) == pytest.approx(getattr(vessels, name), rel=1e-3)
    text = rows_markdown(measured, ["input", "Detailed", "Accurate"])
    assert "| Detailed |" in text
    assert "as stored" not in text


def test_a_perfect_image_is_infinite_in_the_table(images: list[xr.DataArray]) -> None:
    _, first, _, ulm = images
    perfect = first.copy(data=reference_on_grid(ulm, Grid.of(first)))
    (row,) = csv.DictReader(io.StringIO(rows_csv(rows_of(perfect, truth=ulm))))
    assert (row["mse"], row["psnr_db"]) == ("0.0", "inf")


def test_a_ulm_that_lies_beside_its_fus_measures_twice(images: list[xr.DataArray]) -> None:
    fus, first, _, ulm = images
    pixels = 12  # of 10 µm: more than half a pixel of the fUS
    beside = ulm.copy(data=np.roll(ulm.values, pixels, axis=1))
    measured = rows_of(fus, first, truth=beside)
    assert [one.moved for one in measured] == [False, False, True, True]
    step = 1000.0 * extent_of(ulm)[1] / ulm.shape[1]
    assert measured[2].moved_um[1] == pytest.approx(-pixels * step, abs=1.5 * step)
    as_stored, moved, (there,) = measured[1], measured[3], rows_of(first, truth=ulm)
    assert as_stored.values["r"] < moved.values["r"] - 0.1
    assert moved.values["r"] == pytest.approx(there.values["r"], abs=0.05)
    assert moved_words(moved).startswith("laid, 1")
    assert "as stored" in rows_markdown(measured, ["a", "b", "a", "b"])
    # One that was laid already is measured where its file puts it, too.
    again = laid(beside, (moved.moved_um[0] / 1000, moved.moved_um[1] / 1000))
    assert [one.moved for one in rows_of(first, truth=again)] == [True, False]
    shifted, plain = greys([first, again])[1], greys([first, ulm])[1]
    inner = (slice(20, -20), slice(20, -20))
    assert np.corrcoef(shifted[inner].ravel(), plain[inner].ravel())[0, 1] > 0.9


def test_titles_leave_the_input_out(images: list[xr.DataArray]) -> None:
    assert title_of(images[1]) == "Diffusion Detailed ×5 · seed 0 (generated)"
    assert title_of(images[3]) == "rat ULM"
