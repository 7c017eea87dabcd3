"""The study's picture: fUS, every method and the ULM side by side, with a part of each enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.metrics.centrelines import length_map, skeleton
from napari_fus_ulm.metrics.vessels import DEFAULT_RULE, VesselRule, vessel_mask
from napari_fus_ulm.output.figures import Box, Colours, Panel, cut_out, draw_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSET_MM = 2.0


def study_picture(
    pair: EvaluationPair,
    pictures: Mapping[str, Grey],
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> Figure:
    """Draw fUS | every picture | ULM, and below them the same 2 mm of each.

    Parameters
    ----------
    pair : EvaluationPair
    pictures : mapping of str to array
        Grey levels in [0, 1] on the pair's grid, by caption.
    rule : VesselRule
        Used to find the part with most centreline of the ULM.

    Returns
    -------
    matplotlib.figure.Figure
    """
    extent = pair.grid.extent_mm
    box = richest_part(pair, rule)
    images = {"fUS": pair.condition, **pictures, "ULM": pair.truth}
    whole, parts = [], []
    for title, image in images.items():
        colours: Colours = "grey" if title == "fUS" else "hot"
        whole.append(Panel(image, extent, title, colours, box))
        parts.append(Panel(cut_out(image, extent, box), (box[2], box[3]), colours=colours))
    return draw_panels([whole, parts])


def richest_part(pair: EvaluationPair, rule: VesselRule = DEFAULT_RULE) -> Box:
    """The square of :data:`INSET_MM` with most of the ULM's centreline: top, left, height, width.

    In a smaller field of view, its shorter side.
    """
    side = min(INSET_MM, *pair.grid.extent_mm)
    size = [max(1, round(side / step)) for step in pair.grid.spacing_mm]
    length = length_map(skeleton(vessel_mask(pair.truth, pair.grid.pixel_mm, rule=rule)))
    # Sum over each window by its last corner: cumulative sums, exact at the borders.
    sums = np.pad(length, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    down, right = (min(n, whole) for n, whole in zip(size, length.shape, strict=True))
    inside = (
        sums[down:, right:] - sums[:-down, right:] - sums[down:, :-right] + sums[:-down, :-right]
    )
    top, left = np.unravel_index(int(np.argmax(inside)), inside.shape)
    step = pair.grid.spacing_mm
    return top * step[0], left * step[1], down * step[0], right * step[1]
