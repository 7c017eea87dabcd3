"""Figures: panels true to scale, titles, scale bars, outlines, and what is written of them."""

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.output.figures import (
    GENERATED,
    OUTLINE,
    PANEL_MM,
    SCALE_BAR,
    Panel,
    Points,
    bar_length,
    blank_figure,
    cut_out,
    draw_panels,
    hot,
    in_rows,
    png,
    save_figure,
)

BLANK = np.zeros((60, 120))


def pixels(figure: Figure, folder: Path, dpi: float = 300.0) -> np.ndarray:
    with Image.open(save_figure(folder / "a.png", figure, dpi=dpi)) as picture:
        return np.asarray(picture.convert("RGB"))


def bars(figure: Figure) -> list:
    return figure.findobj(lambda artist: artist.get_gid() == SCALE_BAR)


def test_panels_lie_side_by_side_true_to_scale(tmp_path: Path) -> None:
    fine = np.zeros((100, 300))
    fine[:, 150:] = 1.0
    coarse = np.tile([1.0, 0.0], (10, 5))  # another size, other pixels
    figure = draw_panels([[Panel(fine, (4.0, 8.0)), Panel(coarse, (4.0, 8.0), colours="hot")]])
    first, second = (axes.get_window_extent() for axes in figure.axes)
    for box in (first, second):
        assert box.width / figure.dpi * 25.4 == pytest.approx(PANEL_MM)
        assert box.height / box.width == pytest.approx(0.5)
    assert first.y0 == pytest.approx(second.y0)
    assert second.x0 > first.x1
    picture = pixels(figure, tmp_path)
    rows, columns = picture.shape[:2]
    middle = picture[rows // 2]
    assert (middle[round(columns * 0.1)] == 0).all()
    assert (middle[round(columns * 0.4)] == 255).all()
    assert (middle[columns // 2] == 255).all()  # the gap
    coloured = middle[columns // 2 + columns // 20 :].astype(int)
    assert (np.ptp(coloured, axis=-1) > 5).any()


def test_what_is_grey_is_shown_between_black_and_white_whatever_its_range() -> None:
    figure = draw_panels([[Panel(BLANK + 0.5, (1.0, 2.0)), Panel(BLANK, (1.0, 2.0))]])
    assert {axes.images[0].get_clim() for axes in figure.axes} == {(0.0, 1.0)}


def test_every_panel_has_a_scale_bar_of_its_own() -> None:
    whole, part = (4.0, 8.0), (1.0, 1.0)
    rows = [[Panel(BLANK, whole)] * 3, [Panel(BLANK, part)] * 2]
    figure = draw_panels(rows)
    assert [bar.axes for bar in bars(figure)] == list(figure.axes)
    for bar, extent in zip(bars(figure), [whole] * 3 + [part] * 2, strict=True):
        share = bar.get_window_extent().width / bar.axes.get_window_extent().width
        assert share * extent[1] == pytest.approx(bar_length(extent[1]))
    tops = [axes.get_window_extent().y0 for axes in figure.axes]
    assert tops[0] > tops[3]


def test_a_generated_picture_says_so_within_itself() -> None:
    panels = [Panel(BLANK, (4.0, 8.0)), Panel(BLANK, (4.0, 8.0), generated=True)]
    figure = draw_panels([panels])
    (word,) = figure.findobj(lambda artist: artist.get_gid() == GENERATED)
    assert word.get_text() == "generated"
    assert word.axes is figure.axes[1]
    inner, outer = word.get_window_extent(), word.axes.get_window_extent()
    assert outer.x0 < inner.x0 < inner.x1 < outer.x1
    assert outer.y0 < inner.y0 < inner.y1 < outer.y1
    (bar,) = (one for one in bars(figure) if one.axes is word.axes)
    assert bar.get_window_extent().x1 < inner.x0


def test_points_lie_where_they_were_marked() -> None:
    points = Points(np.array([[1.0, 6.0], [3.0, 2.0]]), "o", OUTLINE)
    figure = draw_panels([[Panel(BLANK, (4.0, 8.0), points=(points,))]])
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[6.0, 1.0], [2.0, 3.0]]


def test_titles_are_folded_and_stay_between_their_neighbours() -> None:
    long = "Diffusion Detailed, drawn from a picture with a long and telling name"
    figure = draw_panels([[Panel(BLANK, (1.0, 2.0), long), Panel(BLANK, (1.0, 2.0), "ULM")]])
    titles = [text for text in figure.texts if text.get_text()]
    assert titles[0].get_text().replace("\n", " ") == long
    for title, axes in zip(titles, figure.axes, strict=True):
        words, panel = title.get_window_extent(), axes.get_window_extent()
        assert panel.x0 <= words.x0
        assert words.x1 <= panel.x1
        assert words.y0 >= panel.y1 - 1.0
        assert words.y1 <= figure.bbox.y1


def test_lines_below_a_panel_do_not_run_into_the_next_row() -> None:
    panel = Panel(BLANK, (1.0, 2.0), "title", below="MSE 0.1\nSSIM 0.9")
    figure = draw_panels([[panel], [panel]], foot="Generated images are not measurements.")
    lines = [text for text in figure.texts if "MSE" in text.get_text()]
    below = [text for text in figure.texts if text.get_text() == "title"][1]
    assert lines[0].get_window_extent().y0 > below.get_window_extent().y1
    (foot,) = (text for text in figure.texts if "Generated" in text.get_text())
    assert lines[1].get_window_extent().y0 > foot.get_window_extent().y1


def test_a_part_is_outlined_where_it_lies(tmp_path: Path) -> None:
    box = (0.5, 1.0, 0.25, 0.5)  # top, left, height, width in mm
    figure = draw_panels([[Panel(BLANK, (1.0, 2.0)), Panel(BLANK, (1.0, 2.0), box_mm=box)]])
    assert not [p for p in figure.axes[0].patches if p.get_gid() is None and not p.get_fill()]
    (outline,) = (patch for patch in figure.axes[1].patches if not patch.get_fill())
    assert outline.get_bbox().bounds == pytest.approx((1.0, 0.5, 0.5, 0.25))
    panel = figure.axes[1].get_window_extent()
    scale, picture = 300.0 / figure.dpi, pixels(figure, tmp_path)
    row = picture.shape[0] - round((panel.y0 + panel.height / 2) * scale)  # its upper side
    columns = round((panel.x0 + panel.width * 0.625) * scale)
    near = picture[row - 4 : row + 5, columns].astype(int)
    wanted = np.array([int(OUTLINE[i : i + 2], 16) for i in (1, 3, 5)])
    assert (np.abs(near - wanted).sum(axis=-1) < 60).any()


def test_the_width_can_be_chosen_within_reason() -> None:
    figure = draw_panels([[Panel(BLANK, (1.0, 2.0))] * 3], width_mm=90.0)
    assert figure.get_figwidth() * 25.4 == pytest.approx(90.0)
    with pytest.raises(SettingsError, match="at least 40 mm"):
        draw_panels([[Panel(BLANK, (1.0, 2.0))]], width_mm=20.0)
    with pytest.raises(MeasureError, match="no image"):
        draw_panels([])
    with pytest.raises(SettingsError, match="“grey” or “hot”"):
        Panel(BLANK, (1.0, 2.0), colours="blue")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "rows"), [(0, []), (3, [3]), (4, [4]), (5, [3, 2]), (9, [3] * 3)]
)
def test_panels_are_broken_into_rows_as_equal_as_may_be(count: int, rows: list[int]) -> None:
    assert [len(row) for row in in_rows([Panel(BLANK, (1.0, 2.0))] * count)] == rows


def test_a_part_is_cut_out_in_whole_pixels() -> None:
    image = np.arange(20.0 * 40).reshape(20, 40)
    part = cut_out(image, (2.0, 4.0), (0.5, 1.0, 1.0, 1.5))
    np.testing.assert_array_equal(part, image[5:15, 10:25])


def test_hot_runs_from_black_to_white_with_rising_lightness() -> None:
    colours = hot(np.linspace(-0.1, 1.1, 241)).astype(float)
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert lightness[0] < 2.0
    assert lightness[-1] > 240.0
    assert (np.diff(lightness) >= -1e-9).all()
    assert hot(np.zeros((4, 5))).shape == (4, 5, 3)


def test_a_picture_as_png_keeps_its_pixels() -> None:
    picture = hot(np.random.default_rng(0).random((20, 30)))
    with Image.open(io.BytesIO(png(picture))) as again:
        np.testing.assert_array_equal(np.asarray(again.convert("RGB")), picture)


def test_a_figure_is_written_where_asked_and_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    path = save_figure(tmp_path / "new" / "a.pdf", blank_figure(50.0, 40.0))
    assert path.read_bytes().startswith(b"%PDF")
    assert pyplot.get_fignums() == before
    with pytest.raises(SettingsError, match=r"“a\.jpg” is not a valid name for a figure"):
        save_figure(tmp_path / "a.jpg", blank_figure(50.0, 40.0))
