"""Pictures for people without a viewer: true to scale, with captions and a bar of 1 mm."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_fus_ulm.output.panels import (
    CAPTION,
    GAP,
    OUTLINE,
    Panel,
    below,
    hot,
    save_picture,
    side_by_side,
)


def test_panels_lie_side_by_side_true_to_scale() -> None:
    fine = np.zeros((100, 300))
    fine[:, 150:] = 1.0
    coarse = np.tile([1.0, 0.0], (10, 5))  # another size, other pixels
    picture = side_by_side([Panel(fine, "one"), Panel(coarse, "two", hot=True)], (4.0, 8.0))
    width, height = 300, 150  # the widest panel at the proportions of the field of view
    assert picture.shape == (height + CAPTION, 2 * width + GAP, 3)
    assert picture.dtype == np.uint8
    left = picture[CAPTION:, :width]
    assert (left[:100, 200:] == 255).all()
    assert (left[:100, :100] == 0).all()
    assert (picture[CAPTION:, width : width + GAP] == 255).all()
    right = picture[CAPTION:, width + GAP :]
    assert len(np.unique(right[50].reshape(-1, 3), axis=0)) > 10
    assert (np.ptp(right.astype(int), axis=-1) > 50).any()  # colours, where the left is grey


def test_captions_are_written_above_each_panel() -> None:
    blank = np.zeros((60, 200))
    picture = side_by_side([Panel(blank, "fUS"), Panel(blank, "")], (1.0, 2.0))
    assert (picture[:CAPTION, :200] < 128).any()
    assert (picture[:CAPTION, 200 + GAP :] == 255).all()


@pytest.mark.parametrize("width_mm", [2.0, 8.0])
def test_the_bar_is_one_millimetre_long(width_mm: float) -> None:
    picture = side_by_side([Panel(np.zeros((100, 400)), "")], (width_mm / 4, width_mm))
    white = (picture[-18 : -14 + 1] == 255).all(axis=-1)
    longest = max(int(row.sum()) for row in white)
    assert longest == pytest.approx(400 / width_mm, abs=2)


def test_the_length_of_the_bar_and_the_width_of_a_panel_can_be_chosen() -> None:
    picture = side_by_side([Panel(np.zeros((50, 100)), "")], (1.0, 2.0), bar_mm=0.5, width=400)
    assert picture.shape == (200 + CAPTION, 400, 3)
    white = (picture[-18 : -14 + 1] == 255).all(axis=-1)
    assert max(int(row.sum()) for row in white) == pytest.approx(100, abs=2)


def test_a_part_is_outlined_where_it_lies() -> None:
    box = (0.5, 1.0, 0.25, 0.5)  # top, left, height, width in mm
    panels = [Panel(np.zeros((100, 200)), ""), Panel(np.zeros((100, 200)), "", box_mm=box)]
    picture = side_by_side(panels, (1.0, 2.0))
    rows, columns = np.nonzero((picture == OUTLINE).all(axis=-1))
    assert (rows.min() - CAPTION, rows.max() + 1 - CAPTION) == (50, 75)
    assert (columns.min() - 200 - GAP, columns.max() + 1 - 200 - GAP) == (100, 150)
    inside = picture[CAPTION + 55 : CAPTION + 70, 200 + GAP + 105 : 200 + GAP + 145]
    assert not (inside == OUTLINE).all(axis=-1).any()


def test_a_caption_that_is_too_long_stays_in_its_column() -> None:
    blank = np.zeros((60, 120))
    long = "a caption that is far too long for its panel"
    picture = side_by_side([Panel(blank, long), Panel(blank, "")], (1.0, 2.0))
    assert (picture[:CAPTION, :120] < 128).any()
    assert (picture[:CAPTION, 120:] == 255).all()


def test_pictures_below_each_other_are_filled_up_with_white() -> None:
    wide, narrow = np.zeros((10, 30, 3), np.uint8), np.full((20, 10, 3), 7, np.uint8)
    both = below([wide, narrow])
    assert both.shape == (10 + GAP + 20, 30, 3)
    assert (both[:10] == 0).all()
    assert (both[10 : 10 + GAP] == 255).all()
    assert (both[10 + GAP :, :10] == 7).all()
    assert (both[10 + GAP :, 10:] == 255).all()


def test_hot_runs_from_black_to_white_with_rising_lightness() -> None:
    colours = hot(np.linspace(-0.1, 1.1, 241)).astype(float)
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert lightness[0] < 2.0
    assert lightness[-1] > 240.0
    assert (np.diff(lightness) >= -1e-9).all()
    assert hot(np.zeros((4, 5))).shape == (4, 5, 3)


def test_a_picture_is_written_where_asked(tmp_path: Path) -> None:
    picture = hot(np.random.default_rng(0).random((20, 30)))
    save_picture(tmp_path / "new" / "picture.png", picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "new" / "picture.png")), picture)
