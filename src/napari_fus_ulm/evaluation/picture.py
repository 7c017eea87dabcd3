"""The study's picture: fUS, every method and the ULM side by side, with a part of each enlarged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.metrics.centrelines import length_map, skeleton
from napari_fus_ulm.metrics.vessels import DEFAULT_RULE, VesselRule, vessel_mask
from napari_fus_ulm.output.panels import Box, Panel, below, side_by_side

INSET_MM = 2.0
INSET_BAR_MM = 0.5
PANEL = 420


def study_picture(
    pair: EvaluationPair,
    pictures: Mapping[str, Grey],
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> npt.NDArray[np.uint8]:
    """Draw fUS | every picture | ULM, and below them the same 2 mm of each.

    Parameters
    ----------
    pair : EvaluationPair
    pictures : mapping of str to array
        Grey levels in [0, 1] on the pair's grid, by caption.
    rule : VesselRule
        By which the part with most centreline of the ULM is found.

    Returns
    -------
    (height, width, 3) array of uint8
    """
    box = richest_part(pair, rule)
    images = {"fUS": pair.condition, **pictures, "ULM": pair.truth}
    rows = [
        [Panel(image, caption, caption != "fUS", box) for caption, image in images.items()],
        [Panel(_cut(image, box, pair), "", caption != "fUS") for caption, image in images.items()],
    ]
    return below(
        [
            side_by_side(rows[0], pair.grid.extent_mm, width=PANEL),
            side_by_side(rows[1], (box[2], box[3]), bar_mm=INSET_BAR_MM, width=PANEL),
        ]
    )


def richest_part(pair: EvaluationPair, rule: VesselRule = DEFAULT_RULE) -> Box:
    """The square of :data:`INSET_MM` with most of the ULM's centreline: top, left, height, width.

    In a field of view that is smaller, its shorter side.
    """
    side = min(INSET_MM, *pair.grid.extent_mm)
    size = [max(1, round(side / step)) for step in pair.grid.spacing_mm]
    length = length_map(skeleton(vessel_mask(pair.truth, pair.grid.pixel_mm, rule=rule)))
    # Sum over each window by its last corner: cumulative sums, exact where a filter has borders.
    sums = np.pad(length, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    down, right = (min(n, whole) for n, whole in zip(size, length.shape, strict=True))
    inside = (
        sums[down:, right:] - sums[:-down, right:] - sums[down:, :-right] + sums[:-down, :-right]
    )
    top, left = np.unravel_index(int(np.argmax(inside)), inside.shape)
    step = pair.grid.spacing_mm
    return top * step[0], left * step[1], down * step[0], right * step[1]


def _cut(image: Grey, box: Box, pair: EvaluationPair) -> Grey:
    """The part of an image in the box, enlarged for the eye."""
    down, across = pair.grid.spacing_mm
    top, height = round(box[0] / down), round(box[2] / down)
    left, width = round(box[1] / across), round(box[3] / across)
    part = image[top : top + height, left : left + width]
    factor = max(1.0, PANEL / width)
    return np.asarray(ndimage.zoom(part, factor, order=1), np.float32)
