"""Colour pictures: grey as they are, known maps undone, all others refused."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from matplotlib import colormaps
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import read_one
from napari_fus_ulm.io.colours import _POINTS, MAPS, grey_levels


@pytest.fixture(scope="module")
def vessels() -> np.ndarray:
    """Grey levels from 0 to 1, of which the brightest and the darkest are small."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(90, 110)), 2.0)
    return (noise - noise.min()) / np.ptp(noise)


def coloured(levels: np.ndarray, name: str) -> np.ndarray:
    return (255 * colormaps[name](levels)[..., :3]).round().astype(np.uint8)


def jpeg(picture: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", [name for name in MAPS[1:] if name in colormaps])
def test_known_maps_are_undone(vessels: np.ndarray, name: str):
    levels, note = grey_levels(coloured(vessels, name), "a.png")
    np.testing.assert_allclose(levels / 255, vessels, atol=0.02)
    assert f"“{name}”" in note
    levels, note = grey_levels(jpeg(coloured(vessels, name)), "a.jpg")
    assert np.corrcoef(levels.ravel(), vessels.ravel())[0, 1] > 0.97
    assert f"“{name}”" in note


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_ramps_to_one_colour_are_undone(vessels: np.ndarray, channel: int):
    picture = np.zeros((*vessels.shape, 3), np.uint8)
    picture[..., channel] = np.round(255 * vessels)
    levels, _ = grey_levels(picture, "a.png")
    np.testing.assert_allclose(levels, picture[..., channel], atol=1)


@pytest.mark.parametrize("name", ["parula", "fire"])
def test_maps_of_matlab_and_imagej_are_undone(vessels: np.ndarray, name: str):
    points = np.array(_POINTS[name])
    at = np.linspace(0, 1, len(points))
    picture = np.stack([np.interp(vessels, at, one) for one in points.T], -1).astype(np.uint8)
    levels, note = grey_levels(picture, "a.png")
    np.testing.assert_allclose(levels / 255, vessels, atol=0.06)
    assert f"“{name}”" in note


def test_letters_on_a_coloured_picture_are_counted(vessels: np.ndarray):
    picture = coloured(vessels, "jet")
    picture[:10, :20] = 255
    levels, note = grey_levels(picture, "a.png")
    np.testing.assert_allclose(levels[10:] / 255, vessels[10:], atol=0.02)
    assert "2.0 % of it has other colours" in note


def test_grey_saved_in_colours_is_exact(vessels: np.ndarray):
    grey = np.round(255 * vessels).astype(np.uint8)
    levels, note = grey_levels(np.stack([grey] * 3, -1), "a.png")
    np.testing.assert_array_equal(levels, grey)
    assert note == ""
    levels, note = grey_levels(jpeg(np.stack([grey] * 3, -1)), "a.jpg")
    np.testing.assert_allclose(levels, grey, atol=8)


def test_other_colours_are_refused(vessels: np.ndarray):
    composite = np.zeros((*vessels.shape, 3), np.uint8)
    composite[20:40, :, 0] = 200
    composite[:, 50:70, 1] = 220
    noise = np.random.default_rng(0).integers(0, 255, composite.shape, np.uint8)
    diverging = coloured(vessels, "bwr")
    for picture in (composite, noise, diverging):
        with pytest.raises(ScanError, match=r"“a\.png”.*no known colour map"):
            grey_levels(picture, "a.png")


def test_files_in_colours_say_what_was_undone(tmp_path: Path, vessels: np.ndarray):
    picture = coloured(vessels, "jet")
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture).quantize(256).save(tmp_path / "b.png")
    tifffile.imwrite(tmp_path / "c.tif", picture, photometric="rgb")
    tifffile.imwrite(
        tmp_path / "d.tif", np.moveaxis(picture, -1, 0), photometric="rgb", planarconfig="separate"
    )
    np.save(tmp_path / "e.npy", picture)
    for path in sorted(tmp_path.iterdir()):
        scan = read_one(path)
        np.testing.assert_allclose(scan.values / 255, vessels, atol=0.1)
        assert scan.attrs["values"] == "display"
        assert "“jet”" in scan.attrs["doubts"]["colours"]


def test_an_indexed_tiff_shows_its_palette(tmp_path: Path, vessels: np.ndarray):
    index = np.round(255 * vessels).astype(np.uint8)
    table = (65535 * colormaps["hot"](np.arange(256))[:, :3].T).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=table)
    np.testing.assert_allclose(read_one(tmp_path / "a.tif").values, index, atol=1)


def test_pictures_are_turned_as_viewers_show_them(tmp_path: Path, vessels: np.ndarray):
    picture = Image.fromarray(np.round(255 * vessels).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    shown = read_one(tmp_path / "a.jpg").values
    np.testing.assert_allclose(shown / 255, np.rot90(vessels, -1), atol=0.1)


def test_transparent_pixels_are_black(tmp_path: Path):
    grey = np.full((12, 15), 200, np.uint8)
    grey[:, :5] = 7
    Image.fromarray(grey).save(tmp_path / "a.png", transparency=7)
    values = read_one(tmp_path / "a.png").values
    assert values[0, 0] == 0
    assert values[0, -1] == 200


@pytest.mark.parametrize(("kind", "shown"), [("unassalpha", 0), ("assocalpha", 200), (0, 200)])
def test_only_alpha_that_is_to_be_applied_hides(tmp_path: Path, kind, shown: int):
    grey = np.full((12, 15), 200, np.uint8)
    alpha = np.full_like(grey, 255)
    alpha[:, :5] = 0
    picture = np.stack([grey, grey, grey, alpha], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", extrasamples=[kind])
    assert read_one(tmp_path / "a.tif").values[0].tolist() == [shown] * 5 + [200] * 10
