"""A part of a result has the pixels that the whole run gives it."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm import EnhanceSettings, enhance
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import enhance_events, input_on_grid
from napari_fus_ulm.inference.events import Preview
from napari_fus_ulm.inference.region import REACH, region_of, whole_grid
from napari_fus_ulm.phantom import PhantomPair
from napari_fus_ulm.scan import PART, extent_of

BOX = (3.0, 5.0, 1.2, 1.5)
"""In the middle, so that on each side something is left out."""


def both(fus: xr.DataArray, **settings: Any) -> tuple[xr.DataArray, xr.DataArray]:
    """The same pixels of the whole run, and of a run of the region."""
    chosen = EnhanceSettings(precision="float32", **settings)
    whole = enhance(fus, chosen).image
    part = enhance(fus, chosen, region=BOX).image
    top, left, rows, columns = part.attrs[PART]
    assert (rows, columns) == whole.shape[-2:]
    assert part.shape[-2] < rows / 3
    inside = whole[..., top : top + part.shape[-2], left : left + part.shape[-1]]
    for axis in "yx":
        np.testing.assert_allclose(part.coords[axis], inside.coords[axis], atol=1e-9)
    return inside, part


@pytest.mark.parametrize("mode", ["accurate", pytest.param("detailed", marks=pytest.mark.slow)])
def test_the_pixels_are_those_of_the_whole_run(section: PhantomPair, mode: str) -> None:
    inside, part = both(section.fus, mode=mode)
    assert float(inside.std()) > 0.05
    assert float(np.abs(inside - part).max()) <= 1e-4


def test_of_patches_blended_at_the_end_they_are_the_same_to_the_last_bit(
    section: PhantomPair,
) -> None:
    inside, part = both(section.fus, generator="pix2pix")
    np.testing.assert_array_equal(inside.values, part.values)


def test_a_coarser_result_is_cut_after_it_was_binned(section: PhantomPair) -> None:
    inside, part = both(section.fus, mode="accurate", pixel_um=33.0)
    assert float(np.abs(inside - part).max()) <= 1e-4


def test_a_film_is_cut_in_every_frame(section: PhantomPair) -> None:
    film = xr.concat([section.fus, 2.0 * section.fus], dim="time", combine_attrs="override")
    film = film.assign_coords(time=[0.0, 1.0])
    inside, part = both(film, mode="accurate")
    assert part.dims == ("time", "j", "i")
    assert float(np.abs(inside - part).max()) <= 1e-4


def test_every_preview_has_the_size_of_the_result(section: PhantomPair) -> None:
    settings = EnhanceSettings(mode="balanced", samples=2, steps=1, region=BOX)
    shapes = {
        event.image.shape
        for event in enhance_events(section.fus, settings)
        if isinstance(event, Preview)
    }
    assert shapes == {enhance(section.fus, settings).image.shape}


def test_the_name_and_the_provenance_say_that_it_is_a_part(section: PhantomPair) -> None:
    result = enhance(section.fus, mode="accurate", region=BOX)
    assert "region" in result.title
    assert result.provenance["part"] == list(result.image.attrs[PART])
    assert result.provenance["settings"]["region"] == BOX


def test_the_input_beside_it_is_cut_too(section: PhantomPair) -> None:
    settings = EnhanceSettings(mode="accurate", region=BOX)
    part = input_on_grid(section.fus, settings)
    assert part.shape == enhance(section.fus, settings).image.shape
    assert whole_grid(part).extent_mm == pytest.approx(extent_of(section.fus))


def test_a_rectangle_along_pixel_edges_takes_no_neighbour() -> None:
    grid = Grid(shape=(400, 600), spacing_mm=(0.02, 0.02))
    region = region_of((0.1 * 3, 0.1 * 7, 0.2, 0.2), grid, grid)
    assert region is not None
    assert (region.rows, region.columns) == (slice(15, 25), slice(35, 45))


def test_what_is_sampled_begins_where_the_coarse_pixels_do() -> None:
    grid = Grid(shape=(1000, 1000), spacing_mm=(0.02, 0.02))
    region = region_of((9.9, 9.9, 0.3, 0.3), grid, grid)
    assert region is not None
    for side in region.sampled:
        assert side.start % 8 == 0
        assert side.start <= 495 - REACH
        assert side.stop == 510 + REACH


def test_the_whole_image_is_no_region() -> None:
    grid = Grid(shape=(40, 60), spacing_mm=(0.02, 0.02))
    assert region_of((-1.0, -1.0, 9.0, 9.0), grid, grid) is None


def test_a_rectangle_beside_the_image_is_refused(section: PhantomPair) -> None:
    with pytest.raises(SettingsError, match="outside the image"):
        enhance(section.fus, mode="accurate", region=(100.0, 0.0, 1.0, 1.0))


@pytest.mark.parametrize("box", [(0, 0, 0, 1), (0, 0, 1), (0, 0, 1, float("nan")), "all"])
def test_what_is_no_rectangle_is_refused(box: Any) -> None:
    with pytest.raises(SettingsError, match="top, left, height and width"):
        EnhanceSettings(region=box)


def test_settings_from_json_have_their_rectangle() -> None:
    assert EnhanceSettings.from_mapping({"region": [1.0, 2.0, 3.0, 4.0]}).region == (1, 2, 3, 4)
