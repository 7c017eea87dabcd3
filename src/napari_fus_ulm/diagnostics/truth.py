"""A generated picture compared with its ground truth, pixel by pixel: overlay maps and numbers.

Nothing is moved unless requested, and every shift is reported. Counts are binned to the
result's pixel before their logarithm is taken. Where the ground truth covers only a part of the
result, the largest upright rectangle inside that part is judged, everything on the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import MeasureError
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
from napari_fus_ulm.output.tables import markdown_table, number
from napari_fus_ulm.registration.lay import lay_on
from napari_fus_ulm.registration.registered import Registered
from napari_fus_ulm.registration.shift import Box
from napari_fus_ulm.scan import generated_truth

CAVEAT = (
    "Invented means not in this ground truth, which may have missed it: black in a ULM map does "
    "not prove that there is no vessel."
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
        How the ground truth was moved; None where no alignment was requested.
    notes : tuple of str
        Sentences to be shown with the numbers.
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


def against_truth(
    result: xr.DataArray,
    truth: xr.DataArray,
    *,
    aligned: str = "none",
    rule: VesselRule = DEFAULT_RULE,
    lpips: bool = True,
) -> TruthComparison:
    """Judge a generated picture by a ground-truth ULM.

    Parameters
    ----------
    result : xarray.DataArray
        2-D, grey levels in [0, 1] (``values`` "grey"), nearly square pixels.
    truth : xarray.DataArray
        2-D ULM: counts, or grey levels. With the extent of the result it is compared as it is,
        otherwise by its coordinates.
    aligned : {"none", "shift", "affine"}
        How the ground truth is aligned first: see `napari_fus_ulm.registration.lay.lay_on`.
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
    _check(result)
    laid = lay_on(result, truth, aligned)
    box, reference = laid.box, laid.reference[laid.box]
    picture = np.clip(result.values[box], 0.0, 1.0)
    matched = match_vessels(picture, reference, laid.grid.pixel_mm, rule=rule)
    overlay = matched_overlay(matched)
    near = fidelity(picture, reference, lpips=lpips)

    def drawn(values: npt.NDArray[Any], name: str, outside: float = math.nan) -> xr.DataArray:
        return _on_grid(result, box, values, name, outside)

    return TruthComparison(
        reference=drawn(reference, "ground truth"),
        judged=drawn(np.ones(picture.shape, bool), "judged", False),
        vessels=drawn(overlay.vessels, "hit, missed, invented", 0),
        centrelines=drawn(overlay.centrelines, "centrelines: hit, missed, invented", 0),
        width_um=drawn(overlay.width_um.astype(np.float32), "apparent width (µm)", 0),
        error=drawn(error_map(picture, reference).astype(np.float32), "result − ground truth"),
        ssim=drawn(ssim_map(picture, reference).astype(np.float32), "local SSIM"),
        overlay=overlay,
        fidelity=near,
        scores=matched_scores(matched),
        registration=laid.registration,
        notes=(*filter(None, [generated_truth(truth)]), *laid.notes),
    )


def markdown(comparison: TruthComparison) -> str:
    """Return a table: mm of each class, recall and precision, by calibre and in all.

    Below it: how the ground truth was aligned and what *invented* means.
    """
    overlay = comparison.overlay
    rows = zip(
        calibre_classes(overlay.calibre_um),
        overlay.hit_mm_by_calibre,
        overlay.missed_mm_by_calibre,
        overlay.invented_mm_by_calibre,
        overlay.recall_by_calibre,
        overlay.precision_by_calibre,
        strict=True,
    )
    lines = [_row(name.replace("_um", "_µm").replace("_", " "), *values) for name, *values in rows]
    whole = (
        overlay.hit_mm,
        overlay.missed_mm,
        overlay.invented_mm,
        overlay.recall,
        overlay.precision,
    )
    head = ["vessels", "hit (mm)", "missed (mm)", "invented (mm)", "recall", "precision"]
    table = markdown_table(head, [*lines, _row("all", *whole)])
    return "\n".join([table, "", *(f"{note}\n" for note in (*comparison.notes, CAVEAT))])


def _row(name: str, hit: float, missed: float, invented: float, *shares: float) -> list[str]:
    lengths = (number(value, 2) for value in (hit, missed, invented))
    return [name, *lengths, *(number(value, 3) for value in shares)]


def _on_grid(
    result: xr.DataArray, box: Box, values: npt.NDArray[Any], name: str, outside: float
) -> xr.DataArray:
    """A map on the result's grid, with its coordinates."""
    whole = np.full(result.shape, outside, dtype=values.dtype)
    whole[box] = values
    return xr.DataArray(whole, dims=result.dims, coords=result.coords, name=name)


def _check(result: xr.DataArray) -> None:
    if result.attrs.get("values") != "grey":
        raise MeasureError(
            f"The picture holds {result.attrs.get('values', 'unknown')} values; grey levels in "
            "[0, 1] were expected, as a generator gives them (values “grey”)."
        )
