"""The one place that draws figures: panels true to scale, with titles and a scale bar, for print.

Drawn by matplotlib without its global state, so that threads and viewers are not disturbed.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.io.atomic import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Colours = Literal["grey", "hot"]
Box = tuple[float, float, float, float]
"""Top, left, height and width of a part, mm from the outer corner."""

FORMATS = (".png", ".svg", ".pdf")
PANEL_MM = 50.0
"""Width of a panel where that of the figure is not given: 590 pixels of a PNG."""
OUTLINE = "#40e0ff"
SCALE_BAR, SCALE_BAR_TEXT = "scale-bar", "scale-bar-text"
"""Names (gid) of the scale bar's parts in a figure and in an SVG."""
GENERATED = "generated"
"""Name (gid) of the word."""

_MM = 1 / 25.4
_MARGIN_MM, _GAP_MM = 2.0, 3.0
_LINE_MM, _SMALL_LINE_MM = 3.1, 2.7
_TITLE_PT, _SMALL_PT = 7.0, 6.0
_LETTER_MM, _SMALL_LETTER_MM = 1.35, 1.16
"""Width of a letter, on average; words in which it is more stay within the margins."""
_NARROWEST_MM = 40.0
_BAR_SHARE = 0.25
_DIMMED = 0.8
"""Of an image on which classes are outlined, so that their colours stand out."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one kind over an image.

    Attributes
    ----------
    places_mm : (n, 2) array
        Down and across from the outer corner.
    marker : str
        Of matplotlib.
    colour : str
    """

    places_mm: npt.NDArray[np.floating]
    marker: str
    colour: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One image of a figure.

    Attributes
    ----------
    image : (height, width) or (height, width, 3) array
        Grey levels, or red, green and blue, in [0, 1].
    extent_mm : tuple of float
        Height and width of the field of view.
    title : str
        Above the image; long ones are wrapped.
    colours : {"grey", "hot"}
        Of grey levels: black to white, or over red and yellow, as vascular maps are shown.
    box_mm : tuple of float, optional
        A part to outline.
    below : str
        Lines below the image.
    generated : bool
        The image says so in its corner, also where it is cut out of the figure.
    points : tuple of Points
        Over the image.
    """

    image: npt.NDArray[np.floating]
    extent_mm: tuple[float, float]
    title: str = ""
    colours: Colours = "grey"
    box_mm: Box | None = None
    below: str = ""
    generated: bool = False
    points: tuple[Points, ...] = ()

    def __post_init__(self) -> None:
        if self.colours not in get_args(Colours):
            raise SettingsError(f"The colours are “{self.colours}”; they must be “grey” or “hot”.")


@dataclass(frozen=True, slots=True)
class _Row:
    """Panels beside each other, and the heights (mm) of what stands in the row."""

    panels: Sequence[Panel]
    titles: Sequence[str]
    above: float
    tall: float
    below: float

    @classmethod
    def of(cls, panels: Sequence[Panel], wide: float) -> _Row:
        titles = [_wrapped(panel.title, wide) for panel in panels]
        lines = max(title.count("\n") + 1 if title else 0 for title in titles)
        small = max(panel.below.count("\n") + 1 if panel.below else 0 for panel in panels)
        return cls(
            panels,
            titles,
            above=_LINE_MM * lines + 0.5 if lines else 0.0,
            tall=max(wide * panel.extent_mm[0] / panel.extent_mm[1] for panel in panels),
            below=_SMALL_LINE_MM * small + 0.5 if small else 0.0,
        )

    @property
    def height(self) -> float:
        return self.above + self.tall + self.below


def draw_panels(
    rows: Sequence[Sequence[Panel]],
    *,
    width_mm: float | None = None,
    foot: str = "",
) -> Figure:
    """Draw rows of panels, each true to scale with a scale bar, all equally wide.

    Parameters
    ----------
    rows : sequence of sequences of Panel
        A row may be shorter than the others.
    width_mm : float, optional
        Of the whole figure, 40 mm or more; by default `PANEL_MM` for each panel of a row.
    foot : str
        Sentences below all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MeasureError
        If there are no panels.
    SettingsError
        If the figure is too narrow.
    """
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        raise MeasureError("There is no image to draw; choose at least one.")
    if width_mm is None:
        width_mm = 2 * _MARGIN_MM + columns * PANEL_MM + (columns - 1) * _GAP_MM
    if width_mm < _NARROWEST_MM:
        raise SettingsError(
            f"The figure is {width_mm:g} mm wide; at least {_NARROWEST_MM:g} mm are needed."
        )
    wide = (width_mm - 2 * _MARGIN_MM - (columns - 1) * _GAP_MM) / columns
    laid = [_Row.of(row, wide) for row in rows if row]
    notes = textwrap.wrap(foot, int((width_mm - 2 * _MARGIN_MM) / _SMALL_LETTER_MM))
    height = 2 * _MARGIN_MM + sum(row.height for row in laid) + (len(laid) - 1) * _GAP_MM
    height += _SMALL_LINE_MM * len(notes) + 1.0 if notes else 0.0

    figure = blank_figure(width_mm, height)
    top = height - _MARGIN_MM
    for row in laid:
        top -= row.above
        for column, (panel, title) in enumerate(zip(row.panels, row.titles, strict=True)):
            left = _MARGIN_MM + column * (wide + _GAP_MM)
            tall = wide * panel.extent_mm[0] / panel.extent_mm[1]
            place = (left / width_mm, (top - tall) / height, wide / width_mm, tall / height)
            axes = figure.add_axes(place)
            _draw(axes, panel)
            _add_scale_bar(axes, panel.extent_mm, wide)
            if panel.generated:
                _add_word(axes, panel.extent_mm, wide)
            middle = (left + wide / 2) / width_mm
            figure.text(middle, (top + 0.8) / height, title, size=_TITLE_PT, ha="center")
            under = figure.text(middle, (top - tall - 0.8) / height, panel.below, size=_SMALL_PT)
            under.set(ha="center", va="top", linespacing=1.3)
        top -= row.tall + row.below + _GAP_MM
    at = (_MARGIN_MM / width_mm, _MARGIN_MM / height)
    figure.text(*at, "\n".join(notes), size=_SMALL_PT, color="0.25", linespacing=1.3)
    return figure


def blank_figure(
    width_mm: float, height_mm: float, layout: Literal["constrained"] | None = None
) -> Figure:
    """Return a white figure with nothing in it, apart from matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (width_mm * _MM, height_mm * _MM)
    figure = Figure(figsize=size, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(path: Path | str, figure: Figure, *, dpi: float = 300.0) -> Path:
    """Write a figure as PNG, SVG or PDF, by the suffix. In SVG and PDF text stays text.

    Parameters
    ----------
    path : Path or str
    figure : matplotlib.figure.Figure
    dpi : float
        Dots per inch of a PNG, and of the images in an SVG or PDF.

    Raises
    ------
    SettingsError
        If the suffix is none of these.
    ScanError
        If the system refuses to write.
    """
    import matplotlib as mpl

    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise SettingsError(
            f"“{path.name}” is not a valid name for a figure; it must end in {', '.join(FORMATS)}."
        )
    with mpl.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        return write_file(path, lambda aside: figure.savefig(aside, dpi=dpi))


def cut_out(
    image: npt.NDArray[np.floating], extent_mm: tuple[float, float], box_mm: Box
) -> npt.NDArray[np.floating]:
    """Return the part of an image that a box covers, in whole pixels."""
    down, across = (n / side for n, side in zip(image.shape, extent_mm, strict=False))
    top, left, height, width = box_mm
    rows, columns = round(height * down), round(width * across)
    first, begin = round(top * down), round(left * across)
    return image[first : first + rows, begin : begin + columns]


def on_dimmed(
    grey: npt.NDArray[np.floating], labels: npt.NDArray[Any], colours: Mapping[int, str]
) -> npt.NDArray[np.floating]:
    """Return a dimmed image with the pixels of each label in the label's colour.

    Parameters
    ----------
    grey : (height, width) array
        Grey levels in [0, 1].
    labels : (n · height, n · width) array of int
        On the same or a finer grid.
    colours : mapping of int to str
        By label, as “#rrggbb”; other pixels stay grey.

    Returns
    -------
    (n · height, n · width, 3) array
        Red, green and blue in [0, 1].
    """
    finer = labels.shape[0] // grey.shape[0]
    dimmed = np.kron(_DIMMED * np.clip(grey, 0.0, 1.0), np.ones((finer, finer)))
    picture = np.repeat(dimmed[..., None], 3, axis=-1)
    for label, colour in colours.items():
        picture[labels == label] = [int(colour[at : at + 2], 16) / 255.0 for at in (1, 3, 5)]
    return picture


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture of (height, width, 3) pixels as the content of a PNG file."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()


def hot(grey: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Black over red and yellow to white, lightness rising evenly: (…,) -> (…, 3)."""
    level = np.clip(grey, 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, 6)
    red = np.interp(level, stops, [0, 84, 187, 249, 252, 252])
    green = np.interp(level, stops, [0, 15, 55, 142, 220, 255])
    blue = np.interp(level, stops, [4, 109, 84, 9, 90, 245])
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def bar_length(width_mm: float) -> float:
    """Length in mm of a scale bar for a field of view: 1, 2 or 5 times a power of ten."""
    most = width_mm * _BAR_SHARE
    decade = 10.0 ** math.floor(math.log10(most))
    return max(step * decade for step in (1, 2, 5) if step * decade <= most * (1 + 1e-9))


def in_rows(panels: Iterable[Panel], most: int = 4) -> list[list[Panel]]:
    """Break panels into rows of at most ``most``, as equal as may be."""
    panels = list(panels)
    columns = math.ceil(len(panels) / math.ceil(len(panels) / most)) if panels else 1
    return [panels[start : start + columns] for start in range(0, len(panels), columns)]


def _draw(axes: Axes, panel: Panel) -> None:
    """One panel; its axes are in mm from the outer corner."""
    height, width = panel.extent_mm
    axes.imshow(
        np.clip(panel.image, 0.0, 1.0),
        extent=(0, width, height, 0),
        cmap=_colormap(panel.colours),
        vmin=0.0,
        vmax=1.0,
    )
    axes.set_axis_off()
    for one in panel.points:
        down, across = np.reshape(one.places_mm, (-1, 2)).T
        (line,) = axes.plot(across, down, linestyle="", color=one.colour, fillstyle="none")
        line.set(marker=one.marker, markersize=4, markeredgewidth=0.9)
    if panel.box_mm is not None:
        from matplotlib.patches import Rectangle

        top, left, tall, wide = panel.box_mm
        axes.add_patch(
            Rectangle((left, top), wide, tall, fill=False, edgecolor=OUTLINE, linewidth=0.8)
        )


def _add_word(axes: Axes, extent: tuple[float, float], wide: float) -> None:
    """Say at the lower right that the image is generated, on a darkened ground."""
    mm = extent[1] / wide
    word = axes.text(extent[1] - 1.5 * mm, extent[0] - 1.5 * mm, "generated", color="white")
    ground = {"facecolor": "black", "alpha": 0.55, "linewidth": 0, "pad": 1.2}
    word.set(ha="right", va="bottom", size=_SMALL_PT, gid=GENERATED, bbox=ground)


def _add_scale_bar(axes: Axes, extent: tuple[float, float], wide: float) -> None:
    """A bar and its length at the lower left, on a darkened ground: fUS may be bright there."""
    from matplotlib.patches import Rectangle

    length, mm = bar_length(extent[1]), extent[1] / wide  # of the field in one of the page
    left, bottom = 1.5 * mm, extent[0] - 1.5 * mm
    ground = (left - 0.8 * mm, bottom + 0.8 * mm)
    box = Rectangle(ground, length + 1.6 * mm, -4.6 * mm, color="black", alpha=0.55, linewidth=0)
    bar = Rectangle((left, bottom), length, -0.6 * mm, color="white", linewidth=0)
    bar.set_gid(SCALE_BAR)
    for patch in (box, bar):
        axes.add_patch(patch)
    label = f"{length:g} mm" if length >= 0.1 else f"{1000 * length:g} µm"
    text = axes.text(left + length / 2, bottom - 1.1 * mm, label, color="white", size=_SMALL_PT)
    text.set(ha="center", va="bottom", gid=SCALE_BAR_TEXT)


def _colormap(colours: Colours) -> Colormap:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    if colours == "hot":
        return ListedColormap(hot(np.linspace(0.0, 1.0, 256)) / 255.0, name="vessels")
    return colormaps["gray"]


def _wrapped(title: str, wide_mm: float) -> str:
    return "\n".join(textwrap.wrap(title, max(8, int(wide_mm / _LETTER_MM))))
