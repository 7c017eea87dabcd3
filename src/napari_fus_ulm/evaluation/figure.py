"""Images of one section side by side for print, and their measures as a table.

Images are 2-D scans with names: power Doppler, generated images, ULM. They are shown as grey
levels in [0, 1] on one grid, with the same limits and colours for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import ndimage

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.evaluation.scores import Scores, score
from napari_fus_ulm.grey.image import measured_image
from napari_fus_ulm.grey.intensity import fus_to_grey
from napari_fus_ulm.grey.reference import binned_reference
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.naming import caption_of
from napari_fus_ulm.output.figures import Colours, Panel, draw_panels, in_rows
from napari_fus_ulm.registration.beside import beside, laid
from napari_fus_ulm.registration.lay import lay_on
from napari_fus_ulm.scan import laid_mm, spacing_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Grey = npt.NDArray[np.float32]

PIXEL_UM = 20.0
"""Pixel of the common grid where no image is generated: that of the bundled weights."""
COLUMNS = (
    "image",
    "generator",
    "mode",
    "ground_truth",
    "moved_down_um",
    "moved_right_um",
    "mse",
    "ssim",
    "psnr_db",
    "lpips",
    "r",
    "cl_dice",
    "recall",
    "precision",
)
"""Of the table of measures, in order; moved is the ground truth, from where its file puts it."""
MEASURES = COLUMNS[COLUMNS.index("mse") :]
CAUTION = "Generated images are not measurements."


# ---------------------------------------------------------------- on one grid


def check_one_field(images: Sequence[xr.DataArray]) -> None:
    """Refuse images that do not cover the same field of view.

    Half a pixel of the coarsest one is tolerated, as everywhere.

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
                f"“{image.name}” has the axes {', '.join(map(str, image.dims))}; images are "
                "compared plane by plane: choose one slice and one time."
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
    grid = common_grid(images) if images else None
    return [] if grid is None else [_where_it_lies(image, grid) for image in images]


def _where_it_lies(image: xr.DataArray, grid: Grid) -> Grey:
    """Grey levels of an image; of one that was laid on another, that far beside."""
    grey = grey_on_grid(image, grid.shape)
    if not any(laid_mm(image)):
        return grey
    shift = np.divide(laid_mm(image), grid.spacing_mm)
    return np.asarray(ndimage.shift(grey, shift, order=1), np.float32)


# ---------------------------------------------------------------- measures


def measure(image: xr.DataArray, truth: xr.DataArray) -> Scores:
    """Measure an image by its ground truth, on the image's own grid, as everywhere.

    Parameters
    ----------
    image, truth : xarray.DataArray
        2-D scans over the same extent. Power Doppler is measured by its logarithm; pass what
        `napari_fus_ulm.inference.enhance.input_on_grid` gives for the baseline row.

    Raises
    ------
    ValueError
        If they do not cover the same field of view, or are too small.
    """
    check_one_field([image, truth])
    picture = measured_image(image, PIXEL_UM)
    if not any(laid_mm(truth)):
        return score(picture.grey, grey_on_grid(truth, picture.grid.shape), picture.grid.pixel_mm)
    blank = xr.DataArray(picture.grey, dims=("j", "i"), coords=picture.grid.coords())
    there = lay_on(blank, truth)
    return score(picture.grey[there.box], there.reference[there.box], picture.grid.pixel_mm)


def places_of(truth: xr.DataArray, images: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """A ground truth as it is, and elsewhere where that matters.

    Elsewhere is on the first power Doppler among the images, where it lies more than half a pixel
    beside it, or where its file puts it, if it has been laid.
    """
    if any(laid_mm(truth)):
        return [truth, laid(truth, None)]
    for image in images:
        if image.attrs.get("modality") == "fus" and image.name != truth.name:
            try:
                found = beside(image, truth)
            except MeasureError:
                break
            return [truth, laid(truth, found.shift_mm)] if found.apart else [truth]
    return [truth]


def values_of(scores: Scores) -> dict[str, float]:
    """The measures of the table, by the names of their columns."""
    near, vessels = scores.fidelity, scores.vessels
    values = (
        *(near.mse, near.ssim, near.psnr, near.lpips, scores.r),
        *(vessels.cl_dice, vessels.recall, vessels.precision),
    )
    return dict(zip(MEASURES, values, strict=True))


def made_by(image: xr.DataArray) -> tuple[str, str]:
    """Generator and mode of an image; empty where it was measured or they are unknown."""
    provenance = _provenance(image)
    mode = (
        str(provenance.get("settings", {}).get("mode", ""))
        if provenance.get("has_modes", True)
        else ""
    )
    return str(provenance.get("generator_title", "")), mode if provenance else ""


def title_of(image: xr.DataArray) -> str:
    """An image's name for a figure: a result's with its generator's, without its input's."""
    made, name = _provenance(image), str(image.name)
    return caption_of(name, made) if "generator_title" in made else name


def _provenance(image: xr.DataArray) -> dict[str, Any]:
    """How an image was generated; empty for any other."""
    provenance = image.attrs.get("provenance")
    known = isinstance(provenance, dict) and image.attrs.get("generated")
    return provenance if known and isinstance(provenance, dict) else {}


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
    """Draw images of one field of view side by side, true to scale, for print.

    A scale bar in each panel, the word “generated” where it is so, the same limits and colours for
    all, the measures below each panel where there are any, and below all the caution that generated
    images are not measurements.

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
    scores = scores or {}
    pictures = greys(images) if images else []
    panels = [
        Panel(
            picture,
            Grid.of(images[0]).extent_mm,
            title_of(image),
            below=_below(str(image.name), scores, truth),
            colours=colours,
            generated=bool(image.attrs.get("generated")),
        )
        for image, picture in zip(images, pictures, strict=True)
    ]
    return draw_panels(in_rows(panels), width_mm=width_mm, foot=_foot(images, note))


def _below(name: str, scores: Mapping[str, Scores], truth: str) -> str:
    """What stands below a panel: its measures, or that it is what the others are measured by."""
    if name in scores:
        return _measures(scores[name])
    return "ground truth" if scores and name == truth else ""


def _measures(scores: Scores) -> str:
    near = scores.fidelity
    psnr = "∞" if math.isinf(near.psnr) else f"{near.psnr:.1f}"
    return f"MSE {near.mse:.4f} · SSIM {near.ssim:.3f}\nPSNR {psnr} dB · LPIPS {near.lpips:.3f}"


def _foot(images: Sequence[xr.DataArray], note: str) -> str:
    """The caption that a reader of the figure needs."""
    sentences = []
    provenances = [_provenance(image) for image in images if image.attrs.get("generated")]
    if provenances:
        trained = (
            " Trained on phantoms." if any(m.get("phantom_trained") for m in provenances) else ""
        )
        sentences.append(f"{CAUTION}{trained}")
    if any(m.get("familiarity", {}).get("light") == "red" for m in provenances):
        sentences.append("What was enhanced does not look like a fUS image.")
    sentences.append(
        "The same grey levels, 0 to 1, for all: logarithm of power (fUS) and of counts (ULM)."
    )
    return " ".join([*sentences, note])
