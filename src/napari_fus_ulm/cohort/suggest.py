"""How the recordings of a pair could be brought onto one field, found from the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from napari_fus_ulm.cohort.corrected import Corrected, corrected, read_pair, with_spacing
from napari_fus_ulm.cohort.correction import (
    AS_IT_IS,
    Correction,
    Matrix,
    Spacing,
    write_correction,
)
from napari_fus_ulm.cohort.table import PairFiles, survey
from napari_fus_ulm.errors import CohortError, UserError
from napari_fus_ulm.grey.reference import check_reference
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.registration.affine import register_affine
from napari_fus_ulm.registration.orientation import RELATED, agreement, orientation, register
from napari_fus_ulm.scan import check_image

How = Literal["none", "shift", "affine"]
ISOTROPIC = 0.01
"""By how much the factors of both axes may differ where one pixel size was mistaken."""
BY_SHIFT, BY_AFFINE = "by intensity, shift", "by intensity, affine"
SHIFT_UM = 9.0
"""What a shift by intensity leaves on 90 % of simulated pairs (`benchmarks/registration.py`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Suggestion:
    """A correction, and what speaks for it.

    Attributes
    ----------
    correction : Correction
    pair : Corrected
        The pair with it.
    before, after : float
        Correlation of the details of both images, −1 to 1; NaN before where the fields differ.
    """

    correction: Correction
    pair: Corrected
    before: float
    after: float

    @property
    def convincing(self) -> bool:
        """Whether the images show one section afterwards, and better than before."""
        better = np.isnan(self.before) or self.after > self.before
        return self.correction.changes and self.after >= RELATED and bool(better)


def suggest(fus: xr.DataArray, ulm: xr.DataArray, how: How = "shift") -> Suggestion:
    """Look for the correction of a pair: a mistaken pixel size, a turned image, a movement.

    Parameters
    ----------
    fus, ulm : xarray.DataArray
        2-D, as read.
    how : {"none", "shift", "affine"}
        Which movement of the ULM is looked for.

    Raises
    ------
    UserError
        If an image cannot be used.
    """
    before = _correlation(fus, ulm)
    correction = Correction(ulm_spacing_mm=_likely_spacing(fus, ulm))
    # Axes may still be exchanged, so that the fields differ.
    pair = Corrected(fus, with_spacing(ulm, correction.ulm_spacing_mm), correction)
    turned, _ = orientation(pair.fus, pair.ulm)
    if turned != AS_IT_IS:
        correction = replace(correction, ulm_turned=turned)
        pair = corrected(fus, ulm, correction)
    matrix = _movement(pair, how)
    if matrix is not None:
        method = BY_SHIFT if how == "shift" else BY_AFFINE
        residual = SHIFT_UM if how == "shift" else None
        correction = replace(correction, matrix=matrix, method=method, residual_um=residual)
        pair = corrected(fus, ulm, correction)
    return Suggestion(correction, pair, before, _correlation(pair.fus, pair.ulm))


def _likely_spacing(fus: xr.DataArray, ulm: xr.DataArray) -> Spacing | None:
    """Pixel size with which the ULM fills the fUS image's field; None where it has one as good."""
    field, own = Grid.of(fus), Grid.of(ulm)
    if field.same_extent(own) or field.same_extent(own.transposed()):
        return None
    for grid in (own, own.transposed()):
        down, right = np.divide(field.extent_mm, grid.extent_mm)
        if abs(down / right - 1.0) <= ISOTROPIC:
            factor = float(np.sqrt(down * right))
            return own.spacing_mm[0] * factor, own.spacing_mm[1] * factor
    return None


def _movement(pair: Corrected, how: How) -> Matrix | None:
    if how == "none":
        return None
    if how == "affine":
        found = register_affine(pair.fus, pair.ulm)
        return found.matrix if found.needed else None
    shift = register(pair.fus, pair.ulm)
    half = 500.0 * Grid.of(pair.fus).pixel_mm
    if not shift.sure or shift.distance_um <= half:
        return None
    # What is at y in fUS is at y + down in ULM: the ULM has to go back.
    return (1.0, 0.0, -shift.down_um / 1000.0), (0.0, 1.0, -shift.right_um / 1000.0)


def _correlation(fus: xr.DataArray, ulm: xr.DataArray) -> float:
    """Of the details of both, as they lie; NaN where their fields differ."""
    try:
        return agreement(fus, ulm)
    except UserError:
        return float("nan")


Outcome = Literal["fine", "corrected", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What was found for one pair.

    Attributes
    ----------
    pair : str
        Its name.
    outcome : {"fine", "corrected", "open"}
        Nothing to do; a correction that convinces; or something that a person has to look at.
    sentence : str
        What is done and what speaks for it, or what is left to do.
    files : PairFiles
    shown : Corrected or None
        The two images with what was found; None where they cannot be read.
    stored : bool
        Whether a correction is stored beside the pair.
    done, total : int
    """

    pair: str
    outcome: Outcome
    sentence: str
    files: PairFiles = field(repr=False)
    shown: Corrected | None = field(repr=False)
    stored: bool
    done: int
    total: int


def repair_cohort(
    folder: Path, how: How = "shift", *, only: str = "", apply: bool = False
) -> Iterator[Repaired]:
    """Look for the corrections of a cohort's pairs, and store those that convince.

    Parameters
    ----------
    folder : Path
        See :func:`~napari_fus_ulm.cohort.table.read_cohort`.
    how : {"none", "shift", "affine"}
        Which movement of the ULM is looked for.
    only : str
        Name of the only pair to look at.
    apply : bool
        Store corrections; otherwise they are only told. Those stored before are replaced; they
        stay where none convinces now.

    Yields
    ------
    Repaired
        One a pair.

    Raises
    ------
    CohortError
        If the folder has no pair, or none of that name.
    """
    pairs, faults = survey(folder)
    if not pairs:
        raise CohortError(faults[0].sentence)
    pairs = tuple(pair for pair in pairs if only in ("", pair.name))
    if not pairs:
        raise CohortError(f"{folder} has no pair called {only}.")
    for done, pair in enumerate(pairs, start=1):
        shown, stored = None, pair.correction is not None
        outcome: Outcome
        try:
            raw = read_pair(replace(pair, correction=None))
            check_image(raw.fus)
            check_reference(raw.ulm)
            suggestion = suggest(raw.fus, raw.ulm, how)
            outcome, sentence = _judged(suggestion)
            shown = suggestion.pair
        except UserError as error:
            outcome, sentence = "open", str(error)
        if apply and shown is not None and outcome == "corrected":
            write_correction(folder, pair, shown.correction)
            stored = True
        yield Repaired(
            pair=pair.name,
            outcome=outcome,
            sentence=sentence,
            files=pair,
            shown=shown,
            stored=stored,
            done=done,
            total=len(pairs),
        )


def _judged(suggestion: Suggestion) -> tuple[Outcome, str]:
    """Whether a correction convinces, in words."""
    correction, pair = suggestion.correction, suggestion.pair
    before = "unknown" if np.isnan(suggestion.before) else f"{suggestion.before:.2f}"
    if not correction.changes:
        if suggestion.after >= RELATED:
            return "fine", f"nothing to correct (correlation {before})."
        return "open", (
            f"the images hardly resemble each other (correlation {before}), and no correction "
            "helps; check that they show the same section, or mark landmarks."
        )
    words = f"{pair}: correlation {before} before, {suggestion.after:.2f} after"
    if suggestion.convincing:
        return "corrected", f"{words}."
    return "open", f"{words}, which does not convince; look at the two, or mark landmarks."
