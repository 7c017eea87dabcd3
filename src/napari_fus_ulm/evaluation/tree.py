"""Pictures judged against the simulated vessels themselves, by vessel and calibre.

Black in a ULM map does not prove that there is no vessel; the simulated tree is complete. A picture
of one plane can show the part of the tree near that plane, so recall counts vessels within half of
the slice's full width at half maximum (FWHM), and precision accepts what lies within the whole of
it: either recording may have seen that.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.metrics.centrelines import Floats, Mask, checked_mask, length_map
from napari_fus_ulm.metrics.vessels import flat_measures

if TYPE_CHECKING:
    from napari_fus_ulm.phantom.vessels import Vessels


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRule:
    """What part of a tree a picture is expected to show, and when it counts as shown.

    Parameters
    ----------
    slice_um : float
        FWHM of the elevation profile, µm; 400 to 600 is usual.
    tolerance_um : float
        How far beyond the vessel's wall a centreline of the picture may lie, µm.
    calibre_um : tuple of float
        Edges between the classes of diameter, µm, ascending.
    shortest_um : float
        A vessel of which less than this is visible is not counted, µm.
    """

    slice_um: float = 500.0
    tolerance_um: float = 30.0
    calibre_um: tuple[float, ...] = (20.0, 60.0)
    shortest_um: float = 100.0


DEFAULT_TREE_RULE = TreeRule()
RADIUS_STEP = 4.0
"""Points are looked up in classes of radius this wide, µm: far below a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeScores:
    """How well a picture shows a simulated tree.

    Lengths are in the image plane: a vessel that crosses it at a right angle has none. A
    tuple holds one value per class of diameter, from thin to thick. A ratio without a denominator
    is NaN.

    Parameters
    ----------
    recall : float
        Share of the visible tree's centreline with a centreline of the picture within the
        tolerance of its wall.
    precision : float
        Share of the picture's centreline within the tolerance of the wall of a vessel that either
        recording could see.
    recall_by_calibre : tuple of float
    missed_mm, invented_mm : float
    tree_mm, image_mm : float
        Length of the visible tree and of the picture's centrelines.
    tree_mm_by_calibre : tuple of float
    vessels_found : float
        Share of the vessels that are found. A vessel of the tree, from its origin to its
        end, is found when half of its visible length is; its class is its mean diameter.
    vessels_found_by_calibre : tuple of float
    vessels : int
        Visible vessels.
    vessels_by_calibre : tuple of int
    calibre_um : tuple of float
        Edges between the classes, µm.
    """

    recall: float
    precision: float
    recall_by_calibre: tuple[float, ...]
    missed_mm: float
    invented_mm: float
    tree_mm: float
    image_mm: float
    tree_mm_by_calibre: tuple[float, ...]
    vessels_found: float
    vessels_found_by_calibre: tuple[float, ...]
    vessels: int
    vessels_by_calibre: tuple[int, ...]
    calibre_um: tuple[float, ...]

    def as_dict(self) -> dict[str, float | None]:
        """Return every measure by name, flat and ready for JSON; NaN is None."""
        return flat_measures(asdict(self), self.calibre_um)


def tree_scores(
    lines: npt.ArrayLike,
    vessels: Vessels,
    extent_mm: tuple[float, float],
    *,
    rule: TreeRule = DEFAULT_TREE_RULE,
) -> TreeScores:
    """Compare the centrelines of a picture with a simulated tree.

    Parameters
    ----------
    lines : bool array of shape (rows, columns)
        Centrelines, one pixel wide (`napari_fus_ulm.metrics.centrelines.skeleton`).
    vessels : Vessels
        µm; x lateral and y depth from the outer corner of the picture, z from its plane.
    extent_mm : tuple of float
        Height and width of the picture.
    rule : TreeRule

    Raises
    ------
    ValueError
        If ``lines`` is not a two-dimensional mask.
    """
    lines = checked_mask(lines)
    pixels, pixel_um = _pixel_positions(lines, extent_mm)
    length = _lengths(vessels)
    inside = _inside(vessels.points, extent_mm)
    height = np.abs(vessels.points[:, 2])
    visible = inside & (height <= 0.5 * rule.slice_um)
    hit = visible.copy()
    hit[visible] = _near_pixels(vessels, visible, pixels, rule.tolerance_um)

    classes = len(rule.calibre_um) + 1
    calibre = np.digitize(2.0 * vessels.radii, rule.calibre_um)
    tree_mm = np.bincount(calibre[visible], length[visible], classes) / 1000.0
    hit_mm = np.bincount(calibre[hit], length[hit], classes) / 1000.0
    line_mm = length_map(lines)[lines] * pixel_um / 1000.0
    backed = _near_vessels(pixels, vessels, height <= rule.slice_um, rule.tolerance_um)
    of_class, is_found = _whole_vessels(vessels, length, visible, hit, rule)
    counted = np.bincount(of_class, minlength=classes)
    shown = np.bincount(of_class[is_found], minlength=classes)
    return TreeScores(
        recall=_ratio(hit_mm.sum(), tree_mm.sum()),
        precision=_ratio(line_mm[backed].sum(), line_mm.sum()),
        recall_by_calibre=tuple(map(_ratio, hit_mm, tree_mm)),
        missed_mm=float(tree_mm.sum() - hit_mm.sum()),
        invented_mm=float(line_mm[~backed].sum()),
        tree_mm=float(tree_mm.sum()),
        image_mm=float(line_mm.sum()),
        tree_mm_by_calibre=tuple(tree_mm.tolist()),
        vessels_found=_ratio(shown.sum(), counted.sum()),
        vessels_found_by_calibre=tuple(map(_ratio, shown, counted)),
        vessels=int(counted.sum()),
        vessels_by_calibre=tuple(counted.tolist()),
        calibre_um=rule.calibre_um,
    )


def _pixel_positions(lines: Mask, extent_mm: tuple[float, float]) -> tuple[Floats, float]:
    """Positions (x, y) of the centreline's pixels in µm, and the side of a pixel."""
    rows, columns = np.nonzero(lines)
    step = [1000.0 * side / n for side, n in zip(extent_mm, lines.shape, strict=True)]
    positions = np.stack([(columns + 0.5) * step[1], (rows + 0.5) * step[0]], axis=1)
    return np.asarray(positions, np.float64), math.sqrt(step[0] * step[1])


def _lengths(vessels: Vessels) -> Floats:
    """Length in the image plane that each point of the tree stands for, µm."""
    steps = np.hypot(*np.diff(vessels.points[:, :2], axis=0).T)
    owner = vessels.owner
    steps[owner[1:] != owner[:-1]] = 0.0
    return np.asarray(0.5 * (np.append(steps, 0.0) + np.insert(steps, 0, 0.0)), np.float64)


def _inside(points: Floats, extent_mm: tuple[float, float]) -> Mask:
    x, y = points[:, 0] / 1000.0, points[:, 1] / 1000.0
    return np.asarray((x >= 0) & (x <= extent_mm[1]) & (y >= 0) & (y <= extent_mm[0]))


def _near_pixels(vessels: Vessels, chosen: Mask, pixels: Floats, tolerance_um: float) -> Mask:
    """Whether a pixel lies within the tolerance of the wall at each chosen point of the tree."""
    from scipy.spatial import cKDTree

    radii = vessels.radii[chosen]
    if not len(pixels) or not len(radii):
        return np.zeros(len(radii), bool)
    reach = tolerance_um + radii + 1e-6
    distance, _ = cKDTree(pixels).query(
        vessels.points[chosen, :2], distance_upper_bound=float(reach.max()) + 1.0
    )
    return np.asarray(distance <= reach, bool)


def _near_vessels(pixels: Floats, vessels: Vessels, chosen: Mask, tolerance_um: float) -> Mask:
    """Whether each pixel lies within the tolerance of the wall of a chosen point of the tree."""
    from scipy.spatial import cKDTree

    points, radii = vessels.points[chosen, :2], vessels.radii[chosen]
    near = np.zeros(len(pixels), bool)
    # The nearest point need not have the nearest wall, so points are looked up by class of radius.
    like = (radii // RADIUS_STEP).astype(np.int64)
    for one in np.unique(like):
        wall = radii[like == one]
        waiting = np.flatnonzero(~near)
        distance, index = cKDTree(points[like == one]).query(
            pixels[waiting], distance_upper_bound=tolerance_um + float(wall.max()) + 1.0
        )
        # Nothing within the bound: distance infinite, index one past the last.
        reach = tolerance_um + np.append(wall, 0.0)[index] + 1e-6
        near[waiting[distance <= reach]] = True
    return near


def _whole_vessels(
    vessels: Vessels, length: Floats, visible: Mask, hit: Mask, rule: TreeRule
) -> tuple[npt.NDArray[np.int64], Mask]:
    """Class of mean diameter of every visible vessel, and whether half of it is shown."""
    owner, count = vessels.owner, len(vessels.first) - 1
    seen = np.bincount(owner[visible], length[visible], count)
    shown = np.bincount(owner[hit], length[hit], count)
    weighted = np.bincount(owner[visible], (length * vessels.radii)[visible], count)
    counted = seen >= rule.shortest_um
    diameter = 2.0 * weighted[counted] / seen[counted]
    classes = np.digitize(diameter, rule.calibre_um).astype(np.int64)
    return classes, np.asarray(shown[counted] >= 0.5 * seen[counted] - 1e-9, bool)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan
