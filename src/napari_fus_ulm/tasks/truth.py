"""Missed and invented vessels: a result beside its ground truth, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.registration import Alignment
from napari_fus_ulm.tasks.events import Take, plane_of

if TYPE_CHECKING:
    from napari_fus_ulm.diagnostics.truth import TruthComparison


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthSettings:
    """How the ground truth is laid on the result.

    Parameters
    ----------
    aligned : {"none", "shift", "affine"}
        Leave it where it is; move it; or move, turn, stretch and shear it.

    Raises
    ------
    SettingsError
        If it is none of these.
    """

    aligned: Alignment = "none"

    def __post_init__(self) -> None:
        if self.aligned not in get_args(Alignment):
            raise SettingsError(
                f"aligned is {self.aligned!r}; it must be one of {', '.join(get_args(Alignment))}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class TruthReady:
    """The comparison is there."""

    comparison: TruthComparison

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
) -> Iterator[Progress | TruthReady]:
    """Judge a result by its ground truth.

    Parameters
    ----------
    take_result, take_truth : callable
        Read one plane each; axes of length 1 are left out.
    settings : TruthSettings

    Yields
    ------
    Progress, TruthReady

    Raises
    ------
    SettingsError
        See `napari_fus_ulm.diagnostics.truth.against_truth`.
    """
    still = settings.aligned == "none"
    yield Progress(0, 0, "Comparing…" if still else "Aligning and comparing…")
    from napari_fus_ulm.diagnostics.truth import against_truth

    result, truth = plane_of(take_result()), plane_of(take_truth())
    yield TruthReady(against_truth(result, truth, aligned=settings.aligned))


def _in_words(calibre: str) -> str:
    """“below_60_um” as a person writes it."""
    words = calibre.removesuffix("_um").split("_")
    if words[0] == "below":
        return f"< {words[1]} µm"
    return f"≥ {words[1]} µm" if words[0] == "from" else f"{words[0]}–{words[2]} µm"
