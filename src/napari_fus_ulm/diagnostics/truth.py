"""A generated picture beside its ground truth, pixel by pixel: maps to lay over it, and numbers.

Nothing is moved unless it is asked for, and what was moved is told. Counts are binned to the
result's pixel before their logarithm is taken. Where the ground truth covers only a part of the
result, the largest upright rectangle inside that part is judged, everything on the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError, SettingsError
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.metrics.fidelity import Fidelity, fidelity
from napari_fus_ulm.metrics.local import error_map, ssim_map
from napari_fus_ulm.metrics.overlay import VesselOverlay, matched_overlay
from napari_fus_ulm.metrics.vessels import (
    DEFAULT_RULE,
    VesselRule,
    VesselScores,
    calibre_classes,
    match_vessels,
    matched_scores,
)
from napari_fus_ulm.registration.affine import (
    Registered,
    corner_of,
    register_affine,
    register_shift,
)
from napari_fus_ulm.registration.shift import LEAST_SHARE, align
from napari_fus_ulm.scan import spacing_of

Alignment = Literal["no", "shift", "affine"]
Box = tuple[slice, slice]

CAVEAT = (
    "Invented means not in this ground truth, which may have missed it: black in a ULM map is no "
    "proof that there is no vessel."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TruthComparison:
    """A picture judged by a ground truth.

    Every map has the result's grid and coordinates.

    Parameters
    ----------
    reference : xarray.DataArray
        The ground truth as it was compared, grey levels in [0, 1]; NaN where nothing was judged.
    judged : xarray.DataArray of bool
        What was judged: a rectangle.
    vessels, centrelines : xarray.DataArray of uint8
        0 nothing (or not judged), 1 hit, 2 missed, 3 invented: see
        `napari_fus_ulm.metrics.overlay.VesselOverlay`.
    width_um : xarray.DataArray
        Apparent width on ``centrelines``, µm; 0 elsewhere.
    error : xarray.DataArray
        Result − ground truth, −1 to 1; NaN where nothing was judged.
    ssim : xarray.DataArray
        Local SSIM, −1 to 1; NaN where nothing was judged.
    overlay : VesselOverlay
        The same classes on the judged part alone, and their mm by calibre.
    fidelity : Fidelity
    scores : VesselScores
    registration : Registered or None
        How the ground truth was moved; None where no alignment was asked for.
    notes : tuple of str
        Sentences about what was done, to be shown beside the numbers.
    """

    reference: xr.DataArray
    judged: xr.DataArray
    vessels: xr.DataArray
    centrelines: xr.DataArray
    width_um: xr.DataArray
    error: xr.DataArray
    ssim: xr.DataArray
    overlay: VesselOverlay
    fidelity: Fidelity
    scores: VesselScores
    registration: Registered | None
    notes: tuple[str, ...]

    @property
    def judged_share(self) -> float:
        """Share of the result's pixels that were judged."""
        return float(self.judged.values.mean())


def against_truth(
    result: xr.DataArray,
    truth: xr.DataArray,
    *,
    aligned: Alignment = "no",
    rule: VesselRule = DEFAULT_RULE,
    lpips: bool = True,
) -> TruthComparison:
    """Judge a generated picture by a ground-truth ULM.

    Parameters
    ----------
    result : xarray.DataArray
        2-D, grey levels in [0, 1] (``values`` "grey"), nearly square pixels.
    truth : xarray.DataArray
        2-D ULM: counts, or grey levels. Of the result's extent it is laid on it as it is, any
        other by its coordinates.
    aligned : {"no", "shift", "affine"}
        Leave the ground truth where it is; move it by a translation in whole pixels (`align`,
        counts stay counts); or move, turn, stretch and shear its grey levels (`register_affine`).
    rule : VesselRule
        What counts as a vessel, in both.
    lpips : bool
        Measure LPIPS too, which imports torch.

    Raises
    ------
    ValueError
        If one of the two is not a plane, the result holds no grey levels, they hardly overlap,
        or less is left than can be measured (31 × 31 pixels, 11 × 11 without LPIPS).
    """
    _check(result, truth, aligned)
    box, reference, registration = _laid_on(result, truth, aligned)
    picture = np.clip(result.values[box], 0.0, 1.0)
    pixel_mm = math.sqrt(math.prod(spacing_of(result)))
    matched = match_vessels(picture, reference, pixel_mm, rule=rule)
    overlay = matched_overlay(matched)
    near = fidelity(picture, reference, lpips=lpips)

    def drawn(values: npt.NDArray[Any], name: str, outside: float = math.nan) -> xr.DataArray:
        return _on_grid(result, box, values, name, outside)

    judged = drawn(np.ones(picture.shape, bool), "judged", False)
    return TruthComparison(
        reference=drawn(reference, "ground truth"),
        judged=judged,
        vessels=drawn(overlay.vessels, "hit, missed, invented", 0),
        centrelines=drawn(overlay.centrelines, "centrelines: hit, missed, invented", 0),
        width_um=drawn(overlay.width_um.astype(np.float32), "apparent width (µm)", 0),
        error=drawn(error_map(picture, reference).astype(np.float32), "result − ground truth"),
        ssim=drawn(ssim_map(picture, reference).astype(np.float32), "local SSIM"),
        overlay=overlay,
        fidelity=near,
        scores=matched_scores(matched),
        registration=registration,
        notes=_notes(result, truth, registration, aligned, float(judged.values.mean())),
    )


def markdown(comparison: TruthComparison) -> str:
    """Return a table: mm of each class, recall and precision, by calibre and in all.

    Below it stand what was done to the ground truth and what *invented* means.
    """
    found = comparison.overlay
    lines = [
        "| vessels | hit (mm) | missed (mm) | invented (mm) | recall | precision |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = zip(
        calibre_classes(found.calibre_um),
        found.hit_mm_by_calibre,
        found.missed_mm_by_calibre,
        found.invented_mm_by_calibre,
        found.recall_by_calibre,
        found.precision_by_calibre,
        strict=True,
    )
    for name, *values in rows:
        lines.append(_row(name.replace("_um", "_µm").replace("_", " "), *values))
    whole = (found.hit_mm, found.missed_mm, found.invented_mm, found.recall, found.precision)
    lines += [_row("all", *whole), "", *(f"{note}\n" for note in (*comparison.notes, CAVEAT))]
    return "\n".join(lines)


def _row(name: str, hit: float, missed: float, invented: float, *shares: float) -> str:
    lengths = [f"{value:.2f}" for value in (hit, missed, invented)]
    told = ["–" if math.isnan(value) else f"{value:.3f}" for value in shares]
    return f"| {' | '.join([name, *lengths, *told])} |"


def largest_rectangle(mask: npt.NDArray[np.bool_]) -> Box:
    """Return the largest upright rectangle of true pixels, as slices; empty where there is none.

    Row by row, the largest rectangle under the histogram of true pixels above.
    """
    best, found = 0, (slice(0, 0), slice(0, 0))
    heights = np.zeros(mask.shape[1] + 1, int)  # the last stays 0 and closes what is open
    for row, line in enumerate(mask):
        heights[:-1] = np.where(line, heights[:-1] + 1, 0)
        open_: list[tuple[int, int]] = []
        for column, height in enumerate(heights.tolist()):
            start = column
            while open_ and open_[-1][1] >= height:
                start, tall = open_.pop()
                if tall * (column - start) > best:
                    best = tall * (column - start)
                    found = slice(row + 1 - tall, row + 1), slice(start, column)
            open_.append((start, height))
    return found


def _laid_on(
    result: xr.DataArray, truth: xr.DataArray, aligned: Alignment
) -> tuple[Box, npt.NDArray[np.float32], Registered | None]:
    """The judged part of the result, the grey ground truth on it, and how that was moved."""
    if aligned == "affine":
        registration = register_affine(result, truth)
        moved = registration.applied(truth)
        box = _enough(largest_rectangle(moved.known), result.shape)
        return box, moved.grey[box], registration
    if aligned == "shift":
        common = align(result, truth)
        registration = register_shift(result, truth, common)
        box = _box_of(common.image, result)
        return (
            _enough(box, result.shape),
            reference_on_grid(common.reference, Grid.of(common.image)),
            registration,
        )
    box, part = _overlap(result, truth)
    return box, reference_on_grid(part, Grid.of(result[box])), None


def _overlap(result: xr.DataArray, truth: xr.DataArray) -> tuple[Box, xr.DataArray]:
    """What both cover: whole pixels of the result, and the ground truth's to half a pixel."""
    grid = Grid.of(result)
    corner, step = np.array(corner_of(truth, grid)), np.array(spacing_of(truth))
    begin = (corner - grid.corner_mm) / grid.spacing_mm
    end = begin + step * truth.shape / grid.spacing_mm
    if corner_of(truth, grid) == grid.corner_mm and (abs(end - grid.shape) < 1).all():
        return (slice(0, grid.shape[0]), slice(0, grid.shape[1])), truth
    first = np.maximum(np.ceil(begin - 1e-6), 0).astype(int)
    last = np.minimum(np.floor(end + 1e-6), grid.shape).astype(int)
    box = _enough((slice(first[0], last[0]), slice(first[1], last[1])), grid.shape)
    edges = np.array([first, last]) * grid.spacing_mm + grid.corner_mm
    start, stop = np.rint((edges - corner) / step).astype(int)
    return box, truth.isel(j=slice(start[0], stop[0]), i=slice(start[1], stop[1]))


def _box_of(part: xr.DataArray, whole: xr.DataArray) -> Box:
    """Where a part that was cut from an image lies in it."""
    row, column = (
        int(np.argmin(np.abs(whole[axis].values - part[axis].values[0]))) for axis in "yx"
    )
    return slice(row, row + part.shape[0]), slice(column, column + part.shape[1])


def _enough(box: Box, shape: tuple[int, ...]) -> Box:
    sides = [max(0, part.stop - part.start) for part in box]
    if math.prod(sides) < LEAST_SHARE * math.prod(shape):
        raise MeasureError(
            f"The ground truth covers {sides[0]} × {sides[1]} of the result's {shape[0]} × "
            f"{shape[1]} pixels, too little to judge it by. Correct the pixel size or the origin "
            "of the one that is wrong, or let the ground truth be aligned."
        )
    return box


def _on_grid(
    result: xr.DataArray, box: Box, values: npt.NDArray[Any], name: str, outside: float
) -> xr.DataArray:
    """A map on the result's grid, with its coordinates."""
    whole = np.full(result.shape, outside, dtype=values.dtype)
    whole[box] = values
    return xr.DataArray(whole, dims=result.dims, coords=result.coords, name=name)


def _notes(
    result: xr.DataArray,
    truth: xr.DataArray,
    registration: Registered | None,
    aligned: Alignment,
    share: float,
) -> tuple[str, ...]:
    notes = []
    if registration is not None:
        how = "a translation" if aligned == "shift" else "an affine map"
        notes.append(f"The ground truth was moved by {how}: {registration}.")
        if not registration.needed:
            notes.append("That is no more than chance gives: no registration was needed.")
    else:
        beside = np.subtract(Grid.of(truth).corner_mm, corner_of(truth, Grid.of(result)))
        if (np.abs(beside) > 0.5 * np.array(spacing_of(result))).any():
            notes.append(
                f"By its coordinates the ground truth lies {math.hypot(*beside):.2g} mm beside "
                "the result; they were compared as if they lay on each other."
            )
    if share < 1:
        notes.append(
            f"The ground truth covers a part of the result: {100 * share:.0f} % of it was judged."
        )
    return tuple(notes)


def _check(result: xr.DataArray, truth: xr.DataArray, aligned: str) -> None:
    if aligned not in get_args(Alignment):
        raise SettingsError(f"The alignment is {aligned!r}; it must be 'no', 'shift' or 'affine'.")
    if result.ndim != 2 or truth.ndim != 2:
        raise MeasureError(
            f"A ground truth is compared plane by plane; got {result.ndim}-D beside "
            f"{truth.ndim}-D. Choose one slice and one time of each."
        )
    if result.attrs.get("values") != "grey":
        raise MeasureError(
            f"The picture holds {result.attrs.get('values', 'unknown')} values; grey levels in "
            "[0, 1] were expected, as a generator gives them (values 'grey')."
        )
