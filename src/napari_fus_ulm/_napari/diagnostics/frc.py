"""The Fourier ring correlation of a result with its ground truth: the work, words and layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from napari_fus_ulm._napari.layers.results import OURS
from napari_fus_ulm._napari.widgets.curve_plot import DASHED, DOTTED, SOLID, Curve
from napari_fus_ulm.inference.events import Progress

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
    from napari_fus_ulm.metrics.frc import RingCorrelation, Threshold
    from napari_fus_ulm.registration.affine import Registered

LOOKS = {
    "power Doppler": ("#56b4e9", DOTTED, "┅"),
    "result": ("#ff8c1a", SOLID, "━"),
    "ULM": ("#00c08b", DASHED, "╍"),
}
"""Sky blue, orange, bluish green (after Okabe and Ito), and a style for eyes that see no colour."""


@dataclass(frozen=True, slots=True, eq=False)
class FrcReady:
    """The Fourier ring correlation with the ground truth is there.

    Parameters
    ----------
    result, fus : RingCorrelation
        Of the result with the ULM, and of the power Doppler with it.
    local : xarray.DataArray
        Local resolution on the result's grid, µm; NaN where there is none.
    moved : xarray.DataArray or None
        The ULM on the result's grid, where it was moved.
    note : str
        How it was moved, a sentence; empty where it was not.
    """

    result: RingCorrelation
    fus: RingCorrelation
    local: xr.DataArray
    moved: xr.DataArray | None
    note: str


def frc_run(
    result: xr.DataArray,
    take_fus: Callable[[], xr.DataArray],
    take_truth: Callable[[], xr.DataArray],
    aligned: str,
    threshold: Threshold,
) -> Iterator[Progress | FrcReady]:
    """Everything that happens after a click on *Measure FRC with the ULM*; for a thread too."""
    yield Progress(0, 0, "Measuring…" if aligned == "no" else "Aligning and measuring…")
    from napari_fus_ulm.diagnostics.truth import largest_rectangle
    from napari_fus_ulm.grey.intensity import log_power
    from napari_fus_ulm.grey.prepare import condition_grey, native_shape
    from napari_fus_ulm.grey.reference import reference_on_grid
    from napari_fus_ulm.metrics.frc import frc_map, ring_correlation
    from napari_fus_ulm.registration.affine import register_affine, register_shift
    from napari_fus_ulm.registration.shift import align
    from napari_fus_ulm.scan import guess_values, spacing_of

    truth, fus = take_truth().squeeze(drop=True), take_fus().squeeze(drop=True)
    box, moved, note = (slice(None), slice(None)), None, ""
    if aligned == "no":
        reference = reference_on_grid(truth, result)
    else:
        found = (
            register_shift(result, truth, align(result, truth))
            if aligned == "shift"
            else register_affine(result, truth)
        )
        applied = found.applied(truth)
        moved, box = applied.reference, largest_rectangle(applied.known)
        reference, note = moved.values, f"The ULM was moved by {_how(found, aligned)}."
    kind = str(fus.attrs["values"])
    logged = log_power(fus.values, guess_values(fus.values) if kind == "unknown" else kind)
    grey = condition_grey(logged, native_shape(fus), (result.shape[0], result.shape[1]))
    pixel = spacing_of(result)
    one, other, truth_part = result.values[box], grey[box], reference[box]
    local = result.copy(data=np.full(result.shape, np.nan, np.float32))
    local.values[box] = frc_map(one, truth_part, pixel, threshold=threshold)
    yield FrcReady(
        ring_correlation(one, truth_part, pixel, threshold),
        ring_correlation(other, truth_part, pixel, threshold),
        local,
        moved,
        note,
    )


def _how(found: Registered, aligned: str) -> str:
    if aligned == "affine":
        return f"an affine map: {found}"
    down, right = (1000.0 * mm for mm in found.shift_mm)
    before, after = found.correlation_before, found.correlation
    return (
        f"{down:+.0f} µm down and {right:+.0f} µm right (correlation {before:.2f} before, "
        f"{after:.2f} after)"
    )


def frc_curves(event: FrcReady) -> list[Curve]:
    """The threshold, the power Doppler and the result over frequency."""
    found = event.result
    return [
        Curve(found.frequency, found.threshold, "#999999", DASHED),
        Curve(found.frequency, event.fus.smoothed, LOOKS["power Doppler"][0], DOTTED),
        Curve(found.frequency, found.smoothed, LOOKS["result"][0], SOLID),
    ]


def frc_words(event: FrcReady) -> str:
    """What the curves say, with the threshold."""
    lines = [
        f"Result: agrees with this ULM {event.result.words} (FRC, {event.result.threshold_name}).",
        f"Power Doppler: {event.fus.words}.",
    ]
    legend = [
        f'<span style="color:{LOOKS[name][0]}">{LOOKS[name][2]}</span> {line}'
        for name, line in zip(("result", "power Doppler"), lines, strict=True)
    ]
    notes = ["Detail is a distance of neighbours (a period), not a width.", event.note]
    return "<br>".join([*legend, " ".join(note for note in notes if note)])


def local_layer(
    event: FrcReady, found: Diagnosed, result: Image
) -> tuple[Any, dict[str, Any], str]:
    """The local resolution as an image, hidden."""
    placement, name = found.picked.placement, result.name.removesuffix(" (generated)")
    full = placement.full_dims(event.local)
    low = event.result.finest_um
    known = event.local.values[np.isfinite(event.local.values)]
    high = float(np.percentile(known, 99)) if known.size else 0.0
    given = {
        "name": f"{name} · local FRC resolution (µm, {event.result.threshold_name})",
        "visible": False,
        "colormap": "viridis",
        "contrast_limits": (low, max(high, 2.0 * low)),
        "metadata": {"xarray": full, OURS: {"resolution": True, "of": result.name}},
    }
    where = placement.layer_kwargs((event.local.shape[0], event.local.shape[1]))
    return placement.volume(full), {**where, **given}, "image"
