"""A ULM registered to fUS by places that a person has marked in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import MeasureError

Floats = npt.NDArray[np.float64]
Kind = Literal["shift", "rigid", "affine"]
NEEDED = {"shift": 1, "rigid": 2, "affine": 3}
"""Pairs of places from which each transform is determined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLandmarks:
    """The transform that fits pairs of places best.

    Attributes
    ----------
    matrix : tuple of tuple of float
        2×3, mm: takes a place (down, right) of the ULM to where it belongs.
    residual_um : float
        Root mean square distance that is left between the places.
    left_out_um : float or None
        The same for places that did not take part: each in turn is left out, and predicted by the
        others. This is what to expect elsewhere; None where there are too few.
    """

    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    residual_um: float
    left_out_um: float | None


def register_landmarks(ulm: Floats, fus: Floats, kind: Kind = "rigid") -> ByLandmarks:
    """Fit a transform to pairs of places by least squares (Umeyama 1991 for the rigid one).

    Parameters
    ----------
    ulm, fus : (n, 2) arrays
        Places (down, right) in mm in both images, in the same order.
    kind : {"shift", "rigid", "affine"}
        Translation; with rotation; or with scales and shear too.

    Raises
    ------
    MeasureError
        If the numbers of places differ, or there are too few, or they lie on one line.
    """
    if len(ulm) != len(fus):
        raise MeasureError(
            f"There are {len(ulm)} places in the ULM and {len(fus)} in the fUS image; mark the "
            "same places in both, in the same order."
        )
    if len(ulm) < NEEDED[kind]:
        raise MeasureError(
            f"{NEEDED[kind]} or more pairs of places are needed for this transform ({kind}); there "
            f"are {len(ulm)}."
        )
    matrix = _fitted(np.asarray(ulm, float), np.asarray(fus, float), kind)
    left_out = None
    if len(ulm) > NEEDED[kind]:
        away = []
        for n in range(len(ulm)):
            others = np.arange(len(ulm)) != n
            away.append(_applied(_fitted(ulm[others], fus[others], kind), ulm[n]) - fus[n])
        left_out = 1000.0 * _root_mean_square(np.array(away))
    first, second = (tuple(map(float, row)) for row in matrix)
    return ByLandmarks(
        matrix=((first[0], first[1], first[2]), (second[0], second[1], second[2])),
        residual_um=1000.0 * _root_mean_square(_applied(matrix, ulm) - fus),
        left_out_um=left_out,
    )


def _fitted(ulm: Floats, fus: Floats, kind: Kind) -> Floats:
    if kind == "shift":
        return np.column_stack([np.eye(2), (fus - ulm).mean(axis=0)])
    middle, belongs = ulm.mean(axis=0), fus.mean(axis=0)
    one, two = ulm - middle, fus - belongs
    spread = np.linalg.svd(one, compute_uv=False)
    if spread[0 if kind == "rigid" else 1] <= 1e-6 * max(1.0, spread[0]):
        raise MeasureError(
            "The places lie on one line or on each other, which leaves the transform open; mark "
            "places that are far apart."
        )
    if kind == "affine":
        linear = np.linalg.lstsq(one, two, rcond=None)[0].T
    else:
        left, _, right = np.linalg.svd(two.T @ one)
        # A rotation, never a reflection.
        linear = left @ np.diag([1.0, np.linalg.det(left @ right)]) @ right
    return np.column_stack([linear, belongs - linear @ middle])


def _applied(matrix: Floats, places: Floats) -> Floats:
    return np.asarray(places @ matrix[:, :2].T + matrix[:, 2], np.float64)


def _root_mean_square(away: Floats) -> float:
    return float(np.sqrt((away**2).sum(axis=-1).mean()))
