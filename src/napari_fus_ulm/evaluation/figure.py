"""Images of one section beside each other for print, and their measures as a table.

Images are 2-D scans with names: power Doppler, generated images, ULM. They are shown as grey
levels in [0, 1] on one grid, with the same limits and colours for all.
"""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.evaluation.scores import Scores, score
from napari_fus_ulm.grey.image import measured_image
from napari_fus_ulm.grey.intensity import fus_to_grey
from napari_fus_ulm.grey.reference import binned_reference
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.io.atomic import write_file
from napari_fus_ulm.scan import spacing_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Grey = npt.NDArray[np.float32]
Colours = Literal["grey", "hot"]

PIXEL_UM = 20.0
"""Pixel of the common grid where no image is generated: that of the bundled weights."""
FORMATS = (".png", ".svg", ".pdf")
COLUMNS = (
    "image",
    "generator",
    "mode",
    "ground_truth",
    "mse",
    "ssim",
    "psnr_db",
    "lpips",
    "r",
    "cl_dice",
    "recall",
    "precision",
)
"""Of the table of measures, in order."""
SCALE_BAR, SCALE_BAR_TEXT = "scale-bar", "scale-bar-text"
"""Names (gid) of the scale bar's parts in a figure and in an SVG."""
CAUTION = "Generated images are not measurements."

_MM = 1 / 25.4
_MARGIN_MM, _GAP_MM = 2.0, 3.0
_LINE_MM, _SMALL_LINE_MM = 3.1, 2.7
_TITLE_PT, _SMALL_PT = 7.0, 6.0
_LETTER_MM, _SMALL_LETTER_MM = 1.35, 1.16
"""Width of a letter, on average; words in which it is more stay within the margins."""
_MOST_COLUMNS = 4
_NARROWEST_MM = 40.0
_BAR_SHARE = 0.25


# ---------------------------------------------------------------- on one grid


def check_one_field(images: Sequence[xr.DataArray]) -> None:
    """Refuse images that do not cover the same field of view.

    Half a pixel of the coarsest one is forgiven, as everywhere.

    Raises
    ------
    ValueError
        If two differ; the sentence names both and gives their extents in mm.
    """
    if not images:
        return
    for image in images:
        if image.ndim != 2:
            raise MeasureError(
                f"“{image.name}” has the axes {tuple(map(str, image.dims))}; images are compared "
                "plane by plane: choose one slice and one time."
            )
    coarsest = max(images, key=lambda image: max(spacing_of(image)))
    field = Grid.of(coarsest)
    for image in images:
        if not field.same_extent(Grid.of(image)):
            a, b = field.extent_mm, Grid.of(image).extent_mm
            raise MeasureError(
                f"“{coarsest.name}” covers {a[1]:.4g} × {a[0]:.4g} mm and “{image.name}” "
                f"{b[1]:.4g} × {b[0]:.4g} mm (width × height), so they cannot be compared. Correct "
                "the pixel size that is wrong, or crop one of them to the field of the other."
            )


def common_grid(images: Sequence[xr.DataArray]) -> Grid:
    """Return the grid on which images are compared: that of the finest generated one.

    Without a generated image, pixels of 20 µm: counts of bubbles have more pixels than that, but
    hardly more than one bubble in each.
    """
    generated = [image for image in images if image.attrs.get("values") == "grey"]
    if generated:
        return Grid.of(min(generated, key=lambda image: math.prod(spacing_of(image))))
    return Grid.of(images[0]).with_pixel_um(PIXEL_UM)


def grey_on_grid(image: xr.DataArray, shape: tuple[int, int]) -> Grey:
    """Grey levels in [0, 1] of an image on a grid over its own extent.

    Generated images keep their grey levels, power Doppler is shown by the logarithm of its power
    between robust percentiles, counts of bubbles are binned and shown by their logarithm.

    Parameters
    ----------
    image : xarray.DataArray
        2-D.
    shape : tuple of int
        Rows and columns of the grid.
    """
    grey = image.attrs.get("values") == "grey"
    if grey or image.attrs.get("modality") == "fus":
        values = image.values
        if not grey:
            values = fus_to_grey(values, str(image.attrs.get("values", "linear")))
        if values.shape != shape:
            values = resample(np.asarray(values, np.float32), shape)
        return np.asarray(np.clip(values, 0.0, 1.0), np.float32)
    return binned_reference(image, shape)


def greys(images: Sequence[xr.DataArray]) -> list[Grey]:
    """Grey levels of images of one field of view, all on `common_grid`.

    Raises
    ------
    ValueError
        As `check_one_field` does.
    """
    check_one_field(images)
    shape = common_grid(images).shape
    return [grey_on_grid(image, shape) for image in images]


# ---------------------------------------------------------------- measures


def measure(image: xr.DataArray, truth: xr.DataArray) -> Scores:
    """Measure an image by its ground truth, on the image's own grid, as everywhere.

    Parameters
    ----------
    image, truth : xarray.DataArray
        2-D scans over the same extent. Power Doppler is measured by its logarithm; pass what
        `napari_fus_ulm.inference.enhance.input_on_grid` gives for the row to beat.

    Raises
    ------
    ValueError
        If they do not cover the same field of view, or are too small.
    """
    check_one_field([image, truth])
    picture = measured_image(image, PIXEL_UM)
    return score(picture.grey, grey_on_grid(truth, picture.grid.shape), picture.grid.pixel_mm)


def metrics_table(images: Sequence[xr.DataArray], scores: Mapping[str, Scores], truth: str) -> str:
    """Return the measures as CSV: a row per image that was measured, every digit kept.

    Parameters
    ----------
    images : sequence of xarray.DataArray
        In the order to write.
    scores : mapping of str to Scores
        By the images' names.
    truth : str
        Name of the ground truth.

    Returns
    -------
    str
        With `COLUMNS`. A measure without a value is empty, an infinite one is "inf".
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image in images:
        found = scores.get(str(image.name))
        if found is None:
            continue
        near, vessels = found.fidelity, found.vessels
        measures = (
            *(near.mse, near.ssim, near.psnr, near.lpips, found.r),
            *(vessels.cl_dice, vessels.recall, vessels.precision),
        )
        cells = ["" if math.isnan(value) else value for value in measures]
        writer.writerow([image.name, *made_by(image), truth, *cells])
    return buffer.getvalue()


def made_by(image: xr.DataArray) -> tuple[str, str]:
    """Generator and mode of an image; empty for what was measured or is not known."""
    made = _made(image)
    mode = str(made.get("settings", {}).get("mode", "")) if made.get("has_modes", True) else ""
    return str(made.get("generator_title", "")), mode if made else ""


def title_of(image: xr.DataArray) -> str:
    """An image's name for a figure, without the name of the input it was made from."""
    before = str(_made(image).get("input_name", ""))
    name = str(image.name)
    return name.removeprefix(f"{before} · ") if before else name


def _made(image: xr.DataArray) -> dict[str, Any]:
    """How an image was generated; empty for any other."""
    found = image.attrs.get("provenance")
    known = isinstance(found, dict) and image.attrs.get("generated")
    return found if known and isinstance(found, dict) else {}


# ---------------------------------------------------------------- the figure


def figure(
    images: Sequence[xr.DataArray],
    *,
    scores: Mapping[str, Scores] | None = None,
    truth: str = "",
    width_mm: float = 180.0,
    colours: Colours = "grey",
    note: str = "",
) -> Figure:
    """Draw images of one field of view beside each other, true to scale, for print.

    One scale bar in the first panel, the same limits and colours for all, the measures below each
    panel where there are any, and below all that generated images are no measurements.

    Parameters
    ----------
    images : sequence of xarray.DataArray
        2-D scans with names, in the order to show.
    scores : mapping of str to Scores, optional
        By the images' names; see `measure`.
    truth : str
        Name of the ground truth; its panel says so.
    width_mm : float
        Width of the whole figure, 40 mm or more; a journal's page is 170 to 190 mm wide, a column
        80 to 90.
    colours : {"grey", "hot"}
        Of all panels: black to white, or over red and yellow.
    note : str
        A sentence for the foot, such as how power Doppler was measured.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no images, they do not share their extent, or the figure is too narrow.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not images:
        raise MeasureError("There is no image to draw; choose at least one.")
    if width_mm < _NARROWEST_MM:
        raise MeasureError(
            f"The figure is {width_mm:g} mm wide; at least {_NARROWEST_MM:g} mm are needed."
        )
    pictures = greys(images)
    extent = Grid.of(images[0]).extent_mm
    columns = math.ceil(len(images) / math.ceil(len(images) / _MOST_COLUMNS))
    rows = math.ceil(len(images) / columns)
    wide = (width_mm - 2 * _MARGIN_MM - (columns - 1) * _GAP_MM) / columns
    tall = wide * extent[0] / extent[1]
    titles = [_folded(title_of(image), wide) for image in images]
    above = _LINE_MM * max(title.count("\n") + 1 for title in titles) + 0.5
    below = 2 * _SMALL_LINE_MM + 0.5 if scores else 0.0
    notes = _notes(images, note, width_mm)
    foot = _SMALL_LINE_MM * len(notes) + 1.0
    cell = above + tall + below
    height = 2 * _MARGIN_MM + rows * cell + (rows - 1) * _GAP_MM + foot

    drawn = Figure(figsize=(width_mm * _MM, height * _MM), facecolor="white")
    FigureCanvasAgg(drawn)
    for number, (image, picture) in enumerate(zip(images, pictures, strict=True)):
        row, column = divmod(number, columns)
        left = _MARGIN_MM + column * (wide + _GAP_MM)
        top = height - _MARGIN_MM - row * (cell + _GAP_MM) - above
        place = (left / width_mm, (top - tall) / height, wide / width_mm, tall / height)
        axes = drawn.add_axes(place)
        _draw(axes, picture, extent, _colormap(colours))
        middle = (left + wide / 2) / width_mm
        drawn.text(middle, (top + 0.8) / height, titles[number], size=_TITLE_PT, ha="center")
        said = "ground truth" if scores and image.name == truth else ""
        if scores and image.name in scores:
            said = _measures(scores[str(image.name)])
        under = (top - tall - 0.8) / height
        drawn.text(middle, under, said, size=_SMALL_PT, ha="center", va="top", linespacing=1.3)
    _add_scale_bar(drawn.axes[0], extent, wide)
    at = (_MARGIN_MM / width_mm, _MARGIN_MM / height)
    drawn.text(*at, "\n".join(notes), size=_SMALL_PT, color="0.25", linespacing=1.3)
    return drawn


def save_figure(path: Path | str, drawn: Figure, *, dpi: float = 300.0) -> Path:
    """Write a figure as PNG, SVG or PDF, by the suffix. In SVG and PDF text stays text.

    Parameters
    ----------
    path : Path or str
    drawn : matplotlib.figure.Figure
    dpi : float
        Dots per inch of a PNG, and of the images in an SVG or PDF.

    Raises
    ------
    ValueError
        If the suffix is none of these.
    """
    import matplotlib as mpl

    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise MeasureError(
            f"{path.name} is no name for a figure: it must end in {', '.join(FORMATS)}."
        )
    with mpl.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        return write_file(path, lambda aside: drawn.savefig(aside, dpi=dpi))


def bar_length(width_mm: float) -> float:
    """Length in mm of a scale bar for a field of view: 1, 2 or 5 times a power of ten."""
    most = width_mm * _BAR_SHARE
    decade = 10.0 ** math.floor(math.log10(most))
    return max(step * decade for step in (1, 2, 5) if step * decade <= most * (1 + 1e-9))


def _draw(axes: Axes, picture: Grey, extent: tuple[float, float], colormap: Colormap) -> None:
    """One panel; its axes are in mm from the outer corner."""
    axes.imshow(picture, extent=(0, extent[1], extent[0], 0), cmap=colormap, vmin=0.0, vmax=1.0)
    axes.set_axis_off()


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
    told = f"{length:g} mm" if length >= 0.1 else f"{1000 * length:g} µm"
    text = axes.text(left + length / 2, bottom - 1.1 * mm, told, color="white", size=_SMALL_PT)
    text.set(ha="center", va="bottom", gid=SCALE_BAR_TEXT)


def _colormap(colours: Colours) -> Colormap:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    from napari_fus_ulm.output.panels import hot

    if colours not in get_args(Colours):
        raise SettingsError(f"The colours are {colours!r}; they must be 'grey' or 'hot'.")
    if colours == "hot":
        return ListedColormap(hot(np.linspace(0.0, 1.0, 256)) / 255.0, name="vessels")
    return colormaps["gray"]


def _folded(title: str, wide_mm: float) -> str:
    return "\n".join(textwrap.wrap(title, max(8, int(wide_mm / _LETTER_MM)))) or " "


def _measures(found: Scores) -> str:
    near = found.fidelity
    psnr = "∞" if math.isinf(near.psnr) else f"{near.psnr:.1f}"
    return f"MSE {near.mse:.4f} · SSIM {near.ssim:.3f}\nPSNR {psnr} dB · LPIPS {near.lpips:.3f}"


def _notes(images: Sequence[xr.DataArray], note: str, width_mm: float) -> list[str]:
    """What a reader of the figure must know, in lines that fit."""
    said = []
    made = [_made(image) for image in images if image.attrs.get("generated")]
    if made:
        trained = " Trained on phantoms." if any(m.get("phantom_trained") for m in made) else ""
        said.append(f"{CAUTION}{trained}")
    said.append(
        "The same grey levels, 0 to 1, for all: logarithm of power (fUS) and of counts (ULM)."
    )
    said.append(note)
    return textwrap.wrap(" ".join(said), int((width_mm - 2 * _MARGIN_MM) / _SMALL_LETTER_MM))
