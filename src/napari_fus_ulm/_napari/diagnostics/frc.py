"""The Fourier ring correlation of a result with its ground truth: curves, words and layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fus_ulm._napari.widgets.curve_plot import DASHED, DOTTED, SOLID, Curve

if TYPE_CHECKING:
    from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
    from napari_fus_ulm.tasks.resolution import FrcReady

LOOKS = {
    "power Doppler": ("#56b4e9", DOTTED, "┅"),
    "result": ("#ff8c1a", SOLID, "━"),
    "ULM": ("#00c08b", DASHED, "╍"),
}
"""Sky blue, orange, bluish green (after Okabe and Ito), and a style for eyes that see no colour."""


def frc_curves(event: FrcReady) -> list[Curve]:
    """The threshold, the power Doppler and the result over frequency."""
    frc, fus = event.result, event.fus
    curves = [Curve(frc.frequency, frc.threshold, "#999999", DASHED)]
    if fus is not None:
        curves.append(Curve(frc.frequency, fus.smoothed, LOOKS["power Doppler"][0], DOTTED))
    return [*curves, Curve(frc.frequency, frc.smoothed, LOOKS["result"][0], SOLID)]


def frc_words(event: FrcReady) -> str:
    """What the curves say, with the threshold."""
    frc = event.result
    lines = {"result": f"Result: agrees with this ULM {frc.words} (FRC, {frc.threshold_name})."}
    if event.fus is not None:
        lines["power Doppler"] = f"Power Doppler: {event.fus.words}."
    legend = [
        f'<span style="color:{LOOKS[name][0]}">{LOOKS[name][2]}</span> {line}'
        for name, line in lines.items()
    ]
    notes = ["Detail is the distance between neighbours (a period), not a width.", event.note]
    return "<br>".join([*legend, " ".join(note for note in notes if note)])


def local_layer(event: FrcReady, context: Diagnosed) -> tuple[Any, dict[str, Any], str]:
    """The local resolution as an image, hidden."""
    assert event.local is not None  # the panel requests it
    placement = context.picked.placement
    full = placement.full_dims(event.local)
    low = event.result.finest_um
    known = event.local.values[np.isfinite(event.local.values)]
    high = float(np.percentile(known, 99)) if known.size else 0.0
    look = {
        "name": f"local FRC resolution (µm, {event.result.threshold_name})",
        "visible": False,
        "colormap": "viridis",
        "contrast_limits": (low, max(high, 2.0 * low)),
        "metadata": {"xarray": full},
    }
    where = placement.layer_kwargs((event.local.shape[0], event.local.shape[1]))
    return placement.volume(full), {**where, **look}, "image"
