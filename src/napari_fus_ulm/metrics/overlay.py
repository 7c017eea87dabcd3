"""Where a picture shows, misses and invents the vessels of its reference: classes per pixel.

The map that belongs to the numbers of `vessels`: same masks, centrelines and tolerance, so that
what is coloured is what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fus_ulm.metrics.centrelines import Floats
from napari_fus_ulm.metrics.vessels import (
    Centrelines,
    MatchedVessels,
    ratio,
)

Labels = npt.NDArray[np.uint8]

NOTHING, HIT, MISSED, INVENTED = range(4)
"""Values of the label images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VesselOverlay:
    """Vessels of a picture and of its reference, classified pixel by pixel.

    0 is nothing, 1 a hit (in both), 2 missed (in the reference only), 3 invented (in the picture
    only). **Invented means not in this reference**: black in a ULM map is no proof that there is
    no vessel, since slow and thin ones fill late or never. A tuple holds one value per calibre
    class, from thin to thick, by the apparent width of the vessel in the picture it is counted
    in.

    Parameters
    ----------
    vessels : uint8 array of shape (rows, columns)
        Whole vessels to be shown: a pixel has the class of the nearest centreline pixel of the
        picture whose vessel it is, of the nearer one where it is a vessel in both.
    centrelines : uint8 array of shape (rows, columns)
        Centrelines one pixel wide: the reference's for hit and missed, the picture's for
        invented. A picture's centreline that the reference confirms runs beside a hit and is not
        drawn a second time.
    width_um : float array of shape (rows, columns)
        Apparent width of the vessel on ``centrelines``, µm; 0 elsewhere.
    hit_mm_by_calibre, missed_mm_by_calibre : tuple of float
        The reference's centreline that the picture shows and does not show, mm.
    confirmed_mm_by_calibre, invented_mm_by_calibre : tuple of float
        The picture's centreline that the reference shows and does not show, mm. Hit and
        confirmed are the same vessels measured in either picture; their lengths may differ.
    recall_by_calibre, precision_by_calibre : tuple of float
        Hit of the reference's, confirmed of the picture's; NaN where there is no such vessel.
    calibre_um : tuple of float
        Edges between the calibre classes, µm.
    """

    vessels: Labels
    centrelines: Labels
    width_um: Floats
    hit_mm_by_calibre: tuple[float, ...]
    missed_mm_by_calibre: tuple[float, ...]
    confirmed_mm_by_calibre: tuple[float, ...]
    invented_mm_by_calibre: tuple[float, ...]
    recall_by_calibre: tuple[float, ...]
    precision_by_calibre: tuple[float, ...]
    calibre_um: tuple[float, ...]

    @property
    def hit_mm(self) -> float:
        """Centreline of the reference that the picture shows, mm."""
        return sum(self.hit_mm_by_calibre)

    @property
    def missed_mm(self) -> float:
        """Centreline of the reference that the picture does not show, mm."""
        return sum(self.missed_mm_by_calibre)

    @property
    def confirmed_mm(self) -> float:
        """Centreline of the picture that the reference shows, mm."""
        return sum(self.confirmed_mm_by_calibre)

    @property
    def invented_mm(self) -> float:
        """Centreline of the picture that the reference does not show, mm."""
        return sum(self.invented_mm_by_calibre)

    @property
    def recall(self) -> float:
        """Share of the reference's centreline that is hit; NaN where it has none."""
        return ratio(self.hit_mm, self.hit_mm + self.missed_mm)

    @property
    def precision(self) -> float:
        """Share of the picture's centreline that is confirmed; NaN where it has none."""
        return ratio(self.confirmed_mm, self.confirmed_mm + self.invented_mm)


def matched_overlay(matched: MatchedVessels) -> VesselOverlay:
    """Classify the vessels of a picture as hit, missed or invented, pixel by pixel.

    Masks, centrelines and tolerance are those that were matched, and the totals are those of
    `vessel_scores`. "Invented" means not in this reference, which may have missed it.

    Parameters
    ----------
    matched : MatchedVessels
        Of a picture and its reference: see `match_vessels`.
    """
    image, reference = matched.image, matched.reference
    drawn, known = _classes(image, INVENTED), _classes(reference, MISSED)
    # What is invented lies farther from the reference's centrelines than the tolerance, so the
    # two never claim one pixel.
    centrelines = np.where(drawn == INVENTED, drawn, known)
    confirmed, invented = image.near_mm_by_calibre, image.apart_mm_by_calibre
    hit, missed = reference.near_mm_by_calibre, reference.apart_mm_by_calibre
    return VesselOverlay(
        vessels=_whole_vessels(matched, drawn, known),
        centrelines=centrelines,
        width_um=np.where(drawn == INVENTED, image.width_um, reference.width_um),
        hit_mm_by_calibre=tuple(hit.tolist()),
        missed_mm_by_calibre=tuple(missed.tolist()),
        confirmed_mm_by_calibre=tuple(confirmed.tolist()),
        invented_mm_by_calibre=tuple(invented.tolist()),
        recall_by_calibre=tuple(map(ratio, hit, hit + missed)),
        precision_by_calibre=tuple(map(ratio, confirmed, confirmed + invented)),
        calibre_um=matched.calibre_um,
    )


def _classes(of: Centrelines, alone: int) -> Labels:
    """Classes of one picture's centreline pixels: a hit near the other's, else ``alone``."""
    classes = np.where(of.near, HIT, np.where(of.lines, alone, NOTHING))
    return np.asarray(classes, dtype=np.uint8)


def _whole_vessels(matched: MatchedVessels, drawn: Labels, known: Labels) -> Labels:
    """Spread the classes of centrelines over the vessels that they are the centrelines of."""
    image_class, image_far = _spread(matched.image, drawn)
    reference_class, reference_far = _spread(matched.reference, known)
    return np.where(image_far < reference_far, image_class, reference_class)


def _spread(of: Centrelines, classes: Labels) -> tuple[Labels, Floats]:
    """Class of the nearest centreline pixel and the distance to it, in one picture's vessels."""
    if not of.lines.any():  # the distance to nothing is undefined
        return np.zeros_like(classes), np.full(classes.shape, np.inf)
    far, (rows, columns) = ndimage.distance_transform_edt(~of.lines, return_indices=True)
    return np.where(of.mask, classes[rows, columns], np.uint8(NOTHING)), np.where(
        of.mask, far, np.inf
    )
