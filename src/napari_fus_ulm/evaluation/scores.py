"""All measures of one picture in one place, whatever its origin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.evaluation.tree import DEFAULT_TREE_RULE, TreeRule, TreeScores, tree_scores
from napari_fus_ulm.metrics.centrelines import skeleton
from napari_fus_ulm.metrics.fidelity import Fidelity, fidelity
from napari_fus_ulm.metrics.vessels import (
    DEFAULT_RULE,
    VesselRule,
    VesselScores,
    mask_scores,
    vessel_mask,
)

if TYPE_CHECKING:
    from napari_fus_ulm.phantom.vessels import Vessels


@dataclass(frozen=True, slots=True)
class Scores:
    """The measures of one picture.

    Attributes
    ----------
    fidelity : Fidelity
        MSE, SSIM, PSNR and LPIPS against the ULM.
    r : float
        Pearson correlation with the ULM; NaN where one of the two is constant.
    vessels : VesselScores
        Against the ULM.
    tree : TreeScores or None
        Against the simulated vessels; phantoms only.
    """

    fidelity: Fidelity
    r: float
    vessels: VesselScores
    tree: TreeScores | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Return every measure by name, flat and ready for JSON; the tree's begin with ``tree_``.

        JSON knows no infinity and no NaN: both are None.
        """
        tree = self.tree.as_dict() if self.tree else {}
        return {
            **self.fidelity.as_dict(),
            "r": self.r if math.isfinite(self.r) else None,
            **self.vessels.as_dict(),
            **{name if name.startswith("tree_") else f"tree_{name}": v for name, v in tree.items()},
        }


def score(
    picture: npt.ArrayLike,
    truth: npt.ArrayLike,
    pixel_mm: float,
    *,
    vessels: Vessels | None = None,
    extent_mm: tuple[float, float] | None = None,
    rule: VesselRule = DEFAULT_RULE,
    tree_rule: TreeRule = DEFAULT_TREE_RULE,
) -> Scores:
    """Measure one picture.

    Parameters
    ----------
    picture, truth : array of shape (rows, columns)
        Grey levels in [0, 1] on one grid; ``truth`` is the ULM.
    pixel_mm : float
        Side of a pixel.
    vessels : Vessels, optional
        The simulated tree, from the outer corner of the picture.
    extent_mm : tuple of float, optional
        Height and width of the picture; by default its pixels times their side.
    rule : VesselRule
        What counts as a vessel, in both pictures.
    tree_rule : TreeRule

    Raises
    ------
    ValueError
        If the images differ in shape, are too small, hold NaN, or leave [0, 1].
    """
    near = fidelity(picture, truth)
    drawn = vessel_mask(picture, pixel_mm, rule=rule, name="image")
    reference = vessel_mask(truth, pixel_mm, rule=rule, name="reference")
    tree = None
    if vessels is not None:
        extent = extent_mm or (drawn.shape[0] * pixel_mm, drawn.shape[1] * pixel_mm)
        tree = tree_scores(skeleton(drawn), vessels, extent, rule=tree_rule)
    return Scores(
        near, pearson(picture, truth), mask_scores(drawn, reference, pixel_mm, rule=rule), tree
    )


def pearson(picture: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the linear correlation of two images; NaN where one is the same everywhere."""
    one = np.asarray(picture, np.float64).ravel()
    two = np.asarray(truth, np.float64).ravel()
    one, two = one - one.mean(), two - two.mean()
    scale = math.sqrt(float(one @ one) * float(two @ two))
    return float(one @ two) / scale if scale > 0 else math.nan
