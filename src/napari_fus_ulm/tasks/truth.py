"""Missed and invented vessels: a result beside its ground truth, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import xarray as xr

from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.registration import Alignment
from napari_fus_ulm.tasks.events import Take, plane_of
from napari_fus_ulm.tasks.looks import BAD, DOTS, GOOD, OPEN, Look, drawn_on, in_words
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from napari_fus_ulm.diagnostics.truth import TruthComparison

CLASSES = (
    Look(1, "hit", GOOD, "solid", "in both"),
    Look(2, "missed", OPEN, "dashed", "only in the ULM"),
    Look(3, "invented", BAD, "hatched", "only in the result"),
)
Aligned = Annotated[
    Alignment, Setting(label="Ground truth", help="How the ULM is aligned to the result.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthSettings:
    """How the ground truth is aligned to the result.

    Parameters
    ----------
    aligned : {"none", "shift", "affine"}
        Leave it where it is; move it; or move, turn, stretch and shear it.

    Raises
    ------
    SettingsError
        If it is none of these.
    """

    aligned: Aligned = "none"

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True, slots=True, eq=False)
class TruthReady:
    """The comparison is there, and the plane that was judged."""

    comparison: TruthComparison
    result: xr.DataArray

    @property
    def sentence(self) -> str:
        """What was done to the ground truth, and what *invented* means."""
        from napari_fus_ulm.diagnostics.truth import CAVEAT

        return " ".join((*self.comparison.notes, CAVEAT))

    @property
    def markdown(self) -> str:
        """The table: mm of each class, recall and precision, by calibre and in all."""
        from napari_fus_ulm.diagnostics.truth import markdown

        return markdown(self.comparison)

    @property
    def shares(self) -> tuple[tuple[str, float, float], ...]:
        """Calibre, recall and precision (0 to 1, NaN where there is none); all vessels last."""
        from napari_fus_ulm.metrics.vessels import calibre_classes

        overlay = self.comparison.overlay
        names = [_in_words(one) for one in calibre_classes(overlay.calibre_um)]
        recalls = (*overlay.recall_by_calibre, overlay.recall)
        precisions = (*overlay.precision_by_calibre, overlay.precision)
        return tuple(zip((*names, "all"), recalls, precisions, strict=True))


def truth_run(
    take_result: Take, take_truth: Take, settings: TruthSettings
) -> Iterator[Progress | Notice | TruthReady]:
    """Judge a result by its ground truth.

    Parameters
    ----------
    take_result, take_truth : callable
        Read one plane each; axes of length 1 are left out.
    settings : TruthSettings

    Yields
    ------
    Progress, Notice, TruthReady

    Raises
    ------
    SettingsError
        See `napari_fus_ulm.diagnostics.truth.against_truth`.
    """
    still = settings.aligned == "none"
    yield Progress(0, 0, "Comparing…" if still else "Aligning and comparing…")
    from napari_fus_ulm.diagnostics.truth import against_truth
    from napari_fus_ulm.grey.reference import doubtful_truth

    result, truth = plane_of(take_result()), plane_of(take_truth())
    if about := doubtful_truth(truth):
        yield Notice(about)
    yield TruthReady(against_truth(result, truth, aligned=settings.aligned), result)


def _in_words(calibre: str) -> str:
    """“below_60_um” as a person writes it."""
    words = calibre.removesuffix("_um").split("_")
    if words[0] == "below":
        return f"< {words[1]} µm"
    return f"≥ {words[1]} µm" if words[0] == "from" else f"{words[0]}–{words[2]} µm"


def save_truth(ready: TruthReady, folder: Path) -> list[Path]:
    """Write ``missed.png``, ``table.md`` and the maps: vessels, error and local SSIM (OME-TIFF)."""
    from napari_fus_ulm.io import write
    from napari_fus_ulm.io.atomic import write_text
    from napari_fus_ulm.output.figures import Panel, draw_panels, save_figure

    comparison = ready.comparison
    reference = np.nan_to_num(comparison.reference.values)
    drawn = drawn_on(reference, comparison.vessels.values, CLASSES)
    extent = Grid.of(ready.result).extent_mm
    panels = [
        Panel(ready.result.values, extent, "result", "hot", generated=True),
        Panel(reference, extent, "ground truth", "hot"),
        Panel(drawn, extent, in_words(CLASSES)),
    ]
    picture, table = folder / "missed.png", folder / "table.md"
    save_figure(picture, draw_panels([panels]), dpi=DOTS)
    write_text(table, ready.markdown)
    maps = {"vessels": comparison.vessels, "error": comparison.error, "ssim": comparison.ssim}
    written = [
        write(folder / f"{name}.ome.tif", image.copy(data=np.nan_to_num(image.values)))
        for name, image in maps.items()
    ]
    return [picture, table, *written]


def _run(
    images: Mapping[str, Take], settings: TruthSettings
) -> Iterator[Progress | Notice | TruthReady]:
    return truth_run(images["result"], images["ulm"], settings)


MISSED = Task(
    "missed",
    TruthSettings,
    ("result", "ulm"),
    _run,
    save_truth,
    files=("missed.png", "table.md", "vessels.ome.tif", "error.ome.tif", "ssim.ome.tif"),
)
