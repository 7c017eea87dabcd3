"""A ULM reference aligned to a picture: translation, rotation, then scale and shear.

Both pictures are compared as smoothed grey levels without their slow changes (shading is no
landmark). A translation is looked for at several rotations by a normalised correlation of masked
images (Padfield, IEEE TIP 21(5), 2012; scikit-image); Powell's method (Computer Journal 7, 1964;
scipy) refines it, coarse to fine, first rigidly and then with scales and shear.

ULM counts of five phantoms, whose recordings lie exactly on each other, were moved by up to 0.9 mm,
5°, 4 % and a shear of 0.02. Places of the field are found again (root mean square) within 4 to
17 µm from a generated picture and within 7 to 33 µm from power Doppler; rotations within 0.1° on
12 × 8 mm, but only within 1.2° on 4 × 4 mm, where rotation and shear are hard to tell apart. Where
there is nothing but a translation, `align` is more precise (2 to 17 µm).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import ndimage, optimize

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.registration.registered import Placed, Registered, corner_of, placed, sampled
from napari_fus_ulm.registration.shift import LEAST_SHARE, Aligned

Floats = npt.NDArray[np.float64]

LEVELS_UM = (60.0, 40.0)
"""Pixel of the grids on which the place is looked for, coarse and fine."""
SMOOTH_UM = (120.0, 50.0)
"""Standard deviation of the Gaussian that smooths both pictures on these grids."""
SHADING_UM = 400.0
"""Standard deviation of the average that is subtracted."""
ANGLES_DEG = (-6.0, -3.0, 0.0, 3.0, 6.0)
"""Rotations at which a translation is looked for."""
MARGIN_MM = 1.0
"""By how much a reference may stick out of the picture and still be looked for."""
LARGEST_SHIFT_MM, LARGEST_TURN_DEG, LARGEST_STRETCH = 0.5, 4.0, 0.15
"""How far a refinement may go from where it starts; the last is of the matrix's entries."""
STRETCH_GAIN = 0.01
"""Gain of correlation from which scales and shear are kept.

Measured on phantoms: at most 0.009 by chance, 0.026 and more where there was a stretch of 3 %.
Without the rule, chance doubles the error of a map that is rigid.
"""
APART = -1.0
"""Reported as the correlation where almost nothing overlaps."""
HARDLY = (
    "The two images hardly overlap, so neither can be moved onto the other; do they show the same "
    "section, and are their pixel sizes and origins right?"
)


def register_affine(image: xr.DataArray, reference: xr.DataArray) -> Registered:
    """Find how a reference has to be moved, turned, stretched and sheared to lie on a picture.

    Parameters
    ----------
    image : xarray.DataArray
        2-D: a generated picture, power Doppler, or another ULM map.
    reference : xarray.DataArray
        2-D ULM. Of the same extent it is laid on the picture as it is, otherwise by its
        coordinates; ``correlation_before`` is measured there.

    Returns
    -------
    Registered
        Nothing is moved yet. The identity where no better position than the present one is found.

    Raises
    ------
    ValueError
        If an image is not 2-D, or the two hardly overlap.
    """
    _check_planes(image, reference)
    coarse, fine = (
        _Problem.of(image, reference, pixel, smooth)
        for pixel, smooth in zip(LEVELS_UM, SMOOTH_UM, strict=True)
    )
    starts = [_translation(coarse, angle) for angle in ANGLES_DEG]
    start = max(starts, key=lambda change: coarse.correlation(_rigid(change)))
    rigid = _rigid(fine.rigid(coarse.rigid(start)))
    stretched = fine.affine(rigid)
    gain = fine.correlation(stretched) - fine.correlation(rigid)
    return _report(fine, stretched if gain >= STRETCH_GAIN else rigid, image)


def register_shift(image: xr.DataArray, reference: xr.DataArray, aligned: Aligned) -> Registered:
    """Express a translation in the terms of `register_affine`.

    Parameters
    ----------
    image, reference : xarray.DataArray
        As in `register_affine`.
    aligned : Aligned
        Result of `align` for the two.
    """
    _check_planes(image, reference)
    problem = _Problem.of(image, reference, LEVELS_UM[-1], SMOOTH_UM[-1])
    grid = Grid.of(image)
    laid = np.subtract(corner_of(reference, grid), grid.corner_mm)
    # There the image moves, from outer corner on outer corner.
    shift = -np.asarray(aligned.shift_mm) - laid
    return _report(problem, np.column_stack([np.eye(2), shift]), image)


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Two smoothed pictures of one field and how well they agree."""

    image: Placed
    reference: Placed
    places: Floats

    @classmethod
    def of(
        cls, image: xr.DataArray, reference: xr.DataArray, pixel_um: float, smooth_um: float
    ) -> _Problem:
        grid = Grid.of(image)
        one, two = (placed(scan, pixel_um, grid) for scan in (image, reference))
        one, two = (Placed(_details(p, smooth_um), p.corner, p.step) for p in (one, two))
        rows, columns = np.indices(one.grey.shape, dtype=np.float64)
        places = np.stack([rows, columns]) + 0.5
        return cls(one, two, places * one.step[:, None, None] + one.corner[:, None, None])

    def correlation(self, matrix: Floats) -> float:
        """Pearson correlation over what both show; ``APART`` where that is hardly anything."""
        moved, known = sampled(self.reference, self.places, matrix)
        area = [p.grey.size * float(np.prod(p.step)) for p in (self.image, self.reference)]
        if known.sum() * float(np.prod(self.image.step)) < LEAST_SHARE * min(area):
            return APART
        one, two = self.image.grey[known], moved[known]
        one, two = one - one.mean(), two - two.mean()
        scale = math.sqrt(float(one @ one) * float(two @ two))
        return float(one @ two) / scale if scale > 0 else 0.0

    def rigid(self, start: Floats) -> Floats:
        """Improve a shift (down, right; mm) and a rotation (degrees)."""
        reach = np.array([LARGEST_SHIFT_MM, LARGEST_SHIFT_MM, LARGEST_TURN_DEG])
        # A rotation by one degree moves a place 3 mm from the centre by half a step of a shift.
        return start + _powell(
            lambda change: self.correlation(_rigid(start + change)), reach, np.array([0.1, 0.1, 1])
        )

    def affine(self, start: Floats) -> Floats:
        """Improve a matrix: its six entries, which disturb each other less than angles do."""
        linear, shift = np.full((2, 2), LARGEST_STRETCH), np.full((2, 1), LARGEST_SHIFT_MM)
        reach = np.hstack([linear, shift])
        steps = np.tile([0.02, 0.02, 0.1], 2)
        return start + _powell(
            lambda change: self.correlation(start + change.reshape(2, 3)), reach.ravel(), steps
        ).reshape(2, 3)


def _powell(gain: Callable[[Floats], float], reach: Floats, steps: Floats) -> Floats:
    """The change, within ``reach``, that a function gains most by; none where it gains nothing."""
    none = np.zeros(reach.size)

    def loss(change: Floats) -> float:
        return -gain(change * steps)

    bounds = list(zip(-reach / steps, reach / steps, strict=True))
    optimum = optimize.minimize(
        loss, none, method="Powell", bounds=bounds, options={"xtol": 1e-2, "ftol": 1e-6}
    )
    return np.asarray(optimum.x * steps if optimum.fun < loss(none) else none, np.float64)


def _rigid(change: Floats) -> Floats:
    """2×3 matrix of a shift (down, right; mm) and a rotation (degrees clockwise)."""
    down, right, turn = change
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return np.array([[c, s, down], [-s, c, right]])


def _translation(problem: _Problem, turn: float) -> Floats:
    """The best translation of the reference, turned by ``turn`` degrees, to a whole pixel."""
    from skimage.registration import phase_cross_correlation

    image, pad = problem.image, np.ceil(MARGIN_MM / problem.image.step).astype(int)
    wide = np.array([(n, n) for n in pad])
    rows, columns = np.indices(np.add(image.grey.shape, 2 * pad), dtype=np.float64)
    places = np.stack([rows - pad[0], columns - pad[1]]) + 0.5
    places = places * image.step[:, None, None] + image.corner[:, None, None]
    moved, known = sampled(problem.reference, places, _rigid(np.array([0.0, 0.0, turn])))
    if not known.any():
        raise MeasureError(HARDLY)
    shift = phase_cross_correlation(
        np.pad(image.grey, wide),
        moved,
        reference_mask=np.pad(np.ones(image.grey.shape, bool), wide),
        moving_mask=known,
        overlap_ratio=2 * LEAST_SHARE,
    )[0]
    return np.append(np.asarray(shift, np.float64) * image.step, turn)


def _report(problem: _Problem, matrix: Floats, image: xr.DataArray) -> Registered:
    identity = np.eye(2, 3)
    before, after = problem.correlation(identity), problem.correlation(matrix)
    if after <= before:
        matrix, after = identity, before
    if after <= APART:
        raise MeasureError(HARDLY)
    away = np.tensordot(matrix[:, :2] - np.eye(2), problem.places, 1) + matrix[:, 2, None, None]
    first, second = (tuple(map(float, row)) for row in matrix)
    return Registered(
        matrix=((first[0], first[1], first[2]), (second[0], second[1], second[2])),
        correlation_before=before if before > APART else math.nan,
        correlation=after,
        moved_mm=float(np.sqrt((away**2).sum(axis=0).mean())),
        grid=Grid.of(image),
    )


def _details(picture: Placed, smooth_um: float) -> Floats:
    """Smoothed grey levels without their slow changes."""
    fine, slow = (um / (1000.0 * picture.step) for um in (smooth_um, SHADING_UM))
    sharp, shading = (ndimage.gaussian_filter(picture.grey, s) for s in (fine, slow))
    return np.asarray(sharp - shading, np.float64)


def _check_planes(image: xr.DataArray, reference: xr.DataArray) -> None:
    if image.ndim != 2 or reference.ndim != 2:
        raise MeasureError(
            f"Images are registered plane by plane; got {image.ndim}-D beside {reference.ndim}-D. "
            "Choose one slice and one time of each."
        )
