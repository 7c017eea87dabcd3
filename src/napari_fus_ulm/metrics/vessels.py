"""Measures of vessels: which centrelines of the reference a picture shows, breaks, invents.

Both pictures become masks by one rule (`VesselRule`), masks become centrelines, and centrelines
are compared in mm. Black in a ULM map does not prove that there is no vessel:
“invented” means *not in this reference*, which may have missed it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.interruption import give_way
from napari_fus_ulm.metrics.centrelines import (
    EIGHT,
    STEPS,
    Floats,
    Mask,
    apparent_width_um,
    check_pixel,
    checked_mask,
    length_map,
    pieces,
    skeleton,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VesselRule:
    """What counts as a vessel, and when two centrelines are the same one.

    The defaults suit log-scaled ULM in [0, 1] on a grid of about 20 µm. They were chosen by eye on
    simulated rats and on two maps of a mouse brain, where they give 3 mm of centreline per mm² of
    image and keep cortical penetrators 60-80 µm apart from one another.

    Parameters
    ----------
    smooth_um : float
        Standard deviation of the Gaussian that joins the pixels of one vessel, µm.
    low, high : float
        Hysteresis: a vessel pixel reaches ``low`` after smoothing and is connected to one that
        reaches ``high``. On log counts 0.3 is 4 to 5 bubbles a pixel where 1 is 300.
    local_um : float
        Standard deviation of the Gaussian that gives the brightness around a pixel, µm.
    local_share : float
        A vessel pixel also reaches this share of the brightness around it. A threshold alone merges
        dense neighbours (penetrators, fans) into one blob with a centreline across them; 1 or
        more would punch holes into vessels much wider than ``local_um``.
    speck_um2 : float
        Smaller connected pieces are removed, µm².
    tolerance_um : float
        How far apart two centrelines may lie. 30 µm is one and a half pixels of 20 µm: a
        neighbour, also a diagonal one, counts, and two penetrators are not confused.
    calibre_um : tuple of float
        Edges between the calibre classes, µm, ascending; a width on an edge is of the wider class.
    """

    smooth_um: float = 15.0
    low: float = 0.15
    high: float = 0.30
    local_um: float = 60.0
    local_share: float = 0.9
    speck_um2: float = 5000.0
    tolerance_um: float = 30.0
    calibre_um: tuple[float, ...] = (60.0, 120.0)

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high <= 1:
            raise MeasureError(
                f"The thresholds are {self.low:g} and {self.high:g}; they must satisfy "
                "0 < low ≤ high ≤ 1."
            )
        lengths = (self.smooth_um, self.local_um, self.speck_um2, self.tolerance_um)
        if not all(math.isfinite(value) and value >= 0 for value in (*lengths, self.local_share)):
            raise MeasureError("The lengths, the area and the share of a vessel rule must be ≥ 0.")
        edges = self.calibre_um
        if not edges or edges != tuple(sorted(set(edges))) or edges[0] <= 0:
            raise MeasureError(
                f"The calibre edges are {edges}; give at least one, above 0, ascending."
            )


DEFAULT_RULE = VesselRule()
"""The rule of the tables: results measured with another one cannot be compared with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VesselScores:
    """How well a picture shows the vessels of its reference.

    A ratio without a denominator (recall of an empty reference, precision of an empty picture) is
    NaN. A tuple holds one value per calibre class, from thin to thick.

    Parameters
    ----------
    cl_dice, topology_precision, topology_sensitivity : float
        Shit et al. 2021, 0 to 1; 1 is best. See `cl_dice`.
    recall : float
        Share of the reference's centreline within the tolerance of the picture's.
    precision : float
        Share of the picture's centreline within the tolerance of the reference's.
    recall_by_calibre, precision_by_calibre : tuple of float
        The same by the apparent width of the vessel that is counted: in the reference for
        recall, in the picture for precision.
    breaks : int
        Links between stretches of the reference's centreline that the picture does not make. A
        gap between two stretches that it shows is one break, over a fork with three shown arms
        two; an end or a whole vessel that is missing is none. No gap shorter than about twice
        the tolerance is seen.
    breaks_per_mm : float
        Breaks per mm of the reference's centreline.
    missed_mm, invented_mm : float
        Centreline of the reference (picture) farther than the tolerance from the other's.
    reference_mm, image_mm : float
        Length of the centrelines.
    reference_mm_by_calibre, image_mm_by_calibre : tuple of float
        The same by apparent width, for pooling images.
    betti0_error : int
        Difference of the numbers of connected pieces (8-connectivity, specks removed).
    calibre_um : tuple of float
        Edges between the calibre classes, µm.
    """

    cl_dice: float
    topology_precision: float
    topology_sensitivity: float
    recall: float
    precision: float
    recall_by_calibre: tuple[float, ...]
    precision_by_calibre: tuple[float, ...]
    breaks: int
    breaks_per_mm: float
    missed_mm: float
    invented_mm: float
    reference_mm: float
    image_mm: float
    reference_mm_by_calibre: tuple[float, ...]
    image_mm_by_calibre: tuple[float, ...]
    betti0_error: int
    calibre_um: tuple[float, ...]

    def as_dict(self) -> dict[str, float | None]:
        """Return every measure by name, flat and ready for JSON or a table.

        Measures by calibre have their class in their name: ``recall_below_60_um``,
        ``recall_60_to_120_um``, ``recall_from_120_um``. NaN is None: JSON knows no NaN.
        """
        return flat_measures(asdict(self), self.calibre_um)


def calibre_classes(edges_um: tuple[float, ...]) -> list[str]:
    """Return the names of calibre classes: ``below_20_um``, ``20_to_60_um``, ``from_60_um``."""
    edges = [f"{edge:g}" for edge in edges_um]
    inner = [f"{one}_to_{two}_um" for one, two in itertools.pairwise(edges)]
    return [f"below_{edges[0]}_um", *inner, f"from_{edges[-1]}_um"]


def flat_measures(
    measures: dict[str, Any], calibre_um: tuple[float, ...]
) -> dict[str, float | None]:
    """Return measures flat, one entry per calibre class where they have classes; NaN is None."""
    flat: dict[str, float] = {}
    classes = calibre_classes(calibre_um)
    for name, value in measures.items():
        if name.endswith("_by_calibre"):
            stem = name.removesuffix("_by_calibre")
            flat.update({f"{stem}_{of}": v for of, v in zip(classes, value, strict=True)})
        elif name != "calibre_um":
            flat[name] = value
    return {name: None if math.isnan(value) else value for name, value in flat.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Centrelines:
    """The vessels of one picture, matched with another's.

    Parameters
    ----------
    mask : bool array of shape (rows, columns)
        The vessels' pixels.
    lines : bool array of shape (rows, columns)
        Its centrelines, one pixel wide.
    near : bool array of shape (rows, columns)
        The part of ``lines`` within the tolerance of the other's centrelines.
    width_um : float array of shape (rows, columns)
        Apparent width of the vessel on ``lines``, µm; 0 elsewhere.
    length_mm : float array of shape (rows, columns)
        Length that each pixel of ``lines`` stands for, mm; 0 elsewhere.
    apart_mm_by_calibre, near_mm_by_calibre : float array of shape (classes,)
        Centreline farther than the tolerance from the other's, and the rest, mm.
    """

    mask: Mask
    lines: Mask
    near: Mask
    width_um: Floats
    length_mm: Floats
    apart_mm_by_calibre: Floats
    near_mm_by_calibre: Floats

    @classmethod
    def of(
        cls, mask: Mask, lines: Mask, others: Mask, pixel_mm: float, rule: VesselRule
    ) -> Centrelines:
        """Match the centrelines of a mask with those of another one."""
        near = _near(lines, others, rule.tolerance_um, pixel_mm)
        width = np.where(lines, apparent_width_um(mask, pixel_mm), 0.0)
        length = length_map(lines) * pixel_mm
        classes = len(rule.calibre_um) + 1
        calibre = np.digitize(width[lines] + 1e-6, rule.calibre_um)
        both = np.bincount(calibre + classes * near[lines], length[lines], minlength=2 * classes)
        apart_mm, near_mm = np.asarray(both, np.float64).reshape(2, classes)
        return cls(
            mask=mask,
            lines=lines,
            near=near,
            width_um=width,
            length_mm=length,
            apart_mm_by_calibre=apart_mm,
            near_mm_by_calibre=near_mm,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchedVessels:
    """The vessels of a picture and of its reference, each matched with the other's.

    Parameters
    ----------
    image, reference : Centrelines
        What is not near the other's is invented in the image and missed in the reference.
    calibre_um : tuple of float
        Edges between the calibre classes, µm.
    """

    image: Centrelines
    reference: Centrelines
    calibre_um: tuple[float, ...]


def vessel_scores(
    image: npt.ArrayLike,
    reference: npt.ArrayLike,
    pixel_mm: float,
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> VesselScores:
    """Compare the vessels of a picture with those of its reference.

    Parameters
    ----------
    image, reference : array of shape (rows, columns)
        ULM-like grey levels in [0, 1] on the same grid.
    pixel_mm : float
        Side of a square pixel, mm.
    rule : VesselRule
        The same for both.

    Raises
    ------
    MeasureError
        If the images differ in shape, are not two-dimensional, are empty, hold NaN or infinite
        values or leave [0, 1], or the pixel size is not a positive number.
    """
    return matched_scores(match_vessels(image, reference, pixel_mm, rule=rule))


def mask_scores(
    mask: npt.ArrayLike,
    reference: npt.ArrayLike,
    pixel_mm: float,
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> VesselScores:
    """Compare two vessel masks, such as one of a picture and one drawn from known vessels.

    Parameters
    ----------
    mask, reference : bool array of shape (rows, columns)
        Taken as they are; of the rule only the tolerance and the calibre edges are used.
    pixel_mm : float
        Side of a square pixel, mm.
    rule : VesselRule

    Raises
    ------
    MeasureError
        If the masks differ in shape or are not two-dimensional masks, or the pixel size is not a
        positive number.
    """
    return matched_scores(match_masks(mask, reference, pixel_mm, rule=rule))


def match_vessels(
    image: npt.ArrayLike,
    reference: npt.ArrayLike,
    pixel_mm: float,
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> MatchedVessels:
    """Match the centrelines of two pictures pixel by pixel; see `vessel_scores` for the rest."""
    _check_same_shape(np.shape(image), np.shape(reference))
    return match_masks(
        vessel_mask(image, pixel_mm, rule=rule, name="image"),
        vessel_mask(reference, pixel_mm, rule=rule, name="reference"),
        pixel_mm,
        rule=rule,
    )


def match_masks(
    mask: npt.ArrayLike,
    reference: npt.ArrayLike,
    pixel_mm: float,
    *,
    rule: VesselRule = DEFAULT_RULE,
) -> MatchedVessels:
    """Match the centrelines of two masks pixel by pixel; see `mask_scores` for the rest."""
    check_pixel(pixel_mm)
    mask, reference = checked_mask(mask), checked_mask(reference)
    _check_same_shape(mask.shape, reference.shape)
    lines, reference_lines = skeleton(mask), skeleton(reference)
    return MatchedVessels(
        image=Centrelines.of(mask, lines, reference_lines, pixel_mm, rule),
        reference=Centrelines.of(reference, reference_lines, lines, pixel_mm, rule),
        calibre_um=rule.calibre_um,
    )


def matched_scores(matched: MatchedVessels) -> VesselScores:
    """Return the measures of pictures whose centrelines have been matched."""
    image, reference = matched.image, matched.reference
    missed, hit = reference.apart_mm_by_calibre, reference.near_mm_by_calibre
    invented, confirmed = image.apart_mm_by_calibre, image.near_mm_by_calibre
    reference_mm, image_mm = missed + hit, invented + confirmed
    precision, sensitivity = _topology(image.mask, image.lines, reference.mask, reference.lines)
    breaks = _breaks(reference.lines, reference.near)
    return VesselScores(
        cl_dice=_harmonic_mean(precision, sensitivity),
        topology_precision=precision,
        topology_sensitivity=sensitivity,
        recall=ratio(hit.sum(), reference_mm.sum()),
        precision=ratio(confirmed.sum(), image_mm.sum()),
        recall_by_calibre=tuple(map(ratio, hit, reference_mm)),
        precision_by_calibre=tuple(map(ratio, confirmed, image_mm)),
        breaks=breaks,
        breaks_per_mm=ratio(breaks, reference_mm.sum()),
        missed_mm=float(missed.sum()),
        invented_mm=float(invented.sum()),
        reference_mm=float(reference_mm.sum()),
        image_mm=float(image_mm.sum()),
        reference_mm_by_calibre=tuple(reference_mm.tolist()),
        image_mm_by_calibre=tuple(image_mm.tolist()),
        betti0_error=abs(pieces(image.mask) - pieces(reference.mask)),
        calibre_um=matched.calibre_um,
    )


def vessel_mask(
    image: npt.ArrayLike,
    pixel_mm: float,
    *,
    rule: VesselRule = DEFAULT_RULE,
    name: str = "image",
) -> Mask:
    """Return the pixels that the rule takes for vessels.

    Smooth; keep what reaches ``local_share`` of the brightness around it; threshold with
    hysteresis; remove specks. See `VesselRule`.

    Parameters
    ----------
    image : array of shape (rows, columns)
        Grey levels in [0, 1].
    pixel_mm : float
        Side of a square pixel, mm.
    rule : VesselRule
    name : str
        What an error calls the image.

    Raises
    ------
    MeasureError
        As `vessel_scores` does.
    """
    from skimage.filters import apply_hysteresis_threshold

    give_way()

    check_pixel(pixel_mm)
    grey = _checked_grey(image, name)
    pixel_um = 1000.0 * pixel_mm
    smooth = ndimage.gaussian_filter(grey, rule.smooth_um / pixel_um)
    around = ndimage.gaussian_filter(grey, rule.local_um / pixel_um)
    ridges = np.where(smooth >= rule.local_share * around, smooth, 0.0)
    pieces, count = ndimage.label(apply_hysteresis_threshold(ridges, rule.low, rule.high), EIGHT)
    keep = np.bincount(pieces.ravel(), minlength=count + 1) * pixel_um**2 >= rule.speck_um2
    keep[0] = False
    return np.asarray(keep[pieces], dtype=np.bool_)


def cl_dice(mask: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Return the centreline Dice of two vessel masks (clDice), 0 to 1; 1 is best.

    Shit et al., CVPR 2021, eq. 1-2, with hard skeletons: the harmonic mean of topology precision
    (share of the mask's skeleton pixels inside the reference) and topology sensitivity (share of
    the reference's skeleton pixels inside the mask). 0 where one mask is empty, NaN where both
    are.

    Raises
    ------
    MeasureError
        If the masks differ in shape or are not two-dimensional masks.
    """
    one, two = checked_mask(mask), checked_mask(reference)
    _check_same_shape(one.shape, two.shape)
    return _harmonic_mean(*_topology(one, skeleton(one), two, skeleton(two)))


def _topology(
    mask: Mask, lines: Mask, reference: Mask, reference_lines: Mask
) -> tuple[float, float]:
    return (
        ratio((lines & reference).sum(), lines.sum()),
        ratio((reference_lines & mask).sum(), reference_lines.sum()),
    )


def _harmonic_mean(precision: float, sensitivity: float) -> float:
    if math.isnan(precision) and math.isnan(sensitivity):
        return math.nan
    if math.isnan(precision + sensitivity) or precision + sensitivity == 0:
        return 0.0
    return 2 * precision * sensitivity / (precision + sensitivity)


def ratio(part: float, whole: float) -> float:
    """Return a share; NaN where the whole is 0."""
    return float(part / whole) if whole > 0 else math.nan


def _near(lines: Mask, others: Mask, tolerance_um: float, pixel_mm: float) -> Mask:
    """Return the pixels of ``lines`` within the tolerance of a pixel of ``others``."""
    if not others.any():  # the distance to nothing is undefined
        return np.zeros_like(lines)
    distance = ndimage.distance_transform_edt(~others) * 1000.0 * pixel_mm
    return np.asarray(lines & (distance <= tolerance_um + 1e-6), dtype=np.bool_)


def _breaks(lines: Mask, shown: Mask) -> int:
    """Count the links that the gaps undo: ends of shown stretches at each gap, less one."""
    gaps, count = ndimage.label(lines & ~shown, EIGHT)
    touching = shown & ndimage.binary_dilation(gaps > 0, EIGHT)
    ends, _ = ndimage.label(touching, EIGHT)
    gaps, ends = np.pad(gaps, 1), np.pad(ends, 1)
    rows, columns = np.nonzero(ends)
    pairs = set()
    for down, right in STEPS:
        gap = gaps[rows + down, columns + right]
        pairs |= set(zip(gap[gap > 0].tolist(), ends[rows, columns][gap > 0].tolist(), strict=True))
    per_gap = np.bincount([gap for gap, _ in pairs], minlength=count + 1)
    return int(np.maximum(per_gap - 1, 0).sum())


def _check_same_shape(image: tuple[int, ...], reference: tuple[int, ...]) -> None:
    if image != reference:
        raise MeasureError(
            f"The image has shape {image} and its reference {reference}; bring both to the same "
            "pixel grid first."
        )


def _checked_grey(image: npt.ArrayLike, name: str) -> Floats:
    """Return the grey levels in double precision, or say in a sentence what is wrong with them."""
    grey = np.asarray(image, np.float64)
    if grey.ndim != 2 or grey.size == 0:
        raise MeasureError(
            f"Vessels are measured on one grey plane, but the {name} has shape {grey.shape}; give "
            "one two-dimensional plane."
        )
    if not np.isfinite(grey).all():
        raise MeasureError(f"The {name} holds NaN or infinite values; replace or crop them.")
    # One part in a million is rounding in float32; more is an image on another scale.
    if grey.min() < -1e-6 or grey.max() > 1 + 1e-6:
        raise MeasureError(
            f"The {name} spans {grey.min():.4g} to {grey.max():.4g}; bring its grey levels to "
            "[0, 1] first."
        )
    return grey
