"""What a NIfTI header says of sizes, places and times, as far as it can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_MM_PER_CODE = {"meter": 1e3, "mm": 1.0, "micron": 1e-3}
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_SKEW = 0.02
"""Cosine between two axes up to which they are perpendicular, rounding aside."""


def matrix_of(image: Any) -> tuple[npt.NDArray[np.float64], bool, bool]:
    """Return the matrix (i, j, k) → (x, y, z) in mm; whether the file states scale, position."""
    header = image.header
    unit = _unit(header)
    placed = any(int(header.get(code, 0)) > 0 for code in ("sform_code", "qform_code"))
    zooms = np.ones(3)
    stated = np.asarray(header.get_zooms()[:3], dtype=float)
    zooms[: stated.size] = np.where(np.isfinite(stated) & (stated > 0), stated, 1.0)
    matrix = np.diag([*zooms, 1.0])
    if placed:
        matrix = _without_gaps(np.array(image.affine, dtype=float), zooms)
        placed = bool(np.isfinite(matrix).all())
    if not placed:
        # nibabel's fallback centres the image and mirrors x; only the voxel size is in the file.
        matrix = np.diag([*zooms, 1.0])
    matrix[:3] *= _MM_PER_CODE.get(unit, 1.0)
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    # Programs that know no voxel size write 1 × 1 × 1, with a unit or without.
    known = not np.allclose(sizes, 1.0) and bool((sizes > 0).all())
    return matrix, known, known and placed


def _without_gaps(
    matrix: npt.NDArray[np.float64], zooms: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Give a direction to an axis that has none; some programs write a thickness of 0."""
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    missing = np.flatnonzero(~(sizes > 0))
    if missing.size == 1 and np.isfinite(matrix).all():
        axis = int(missing[0])
        across = np.cross(matrix[:3, (axis + 1) % 3], matrix[:3, (axis + 2) % 3])
        length = np.linalg.norm(across)
        # As the others run, not mirrored: a plane lies in a world whose axes are all forwards.
        forwards = np.sign(across[np.argmax(np.abs(across))])
        matrix[:3, axis] = across * forwards / (length or np.nan) * zooms[axis]
    elif missing.size:
        matrix[:] = np.nan
    return matrix


def is_skewed(matrix: npt.NDArray[np.float64]) -> bool:
    """Whether the axes of voxels are not perpendicular."""
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    unit = matrix[:3, :3] / np.where(sizes > 0, sizes, 1.0)
    return bool((np.abs(unit.T @ unit - np.eye(3)) > _SKEW).any())


def _unit(header: Any) -> str:
    """Return the header's unit of length, as nibabel words it."""
    try:
        return str(header.get_xyzt_units()[0])
    except (AttributeError, KeyError):  # Analyze has none; a damaged code is none either
        return "unknown"


def period_of(header: Any) -> float | None:
    """Return the time between frames in s, where the header states it with a unit."""
    try:
        zooms, unit = header.get_zooms(), header.get_xyzt_units()[1]
    except (AttributeError, KeyError):
        return None
    period = float(zooms[3]) * _SECONDS.get(unit, np.nan) if len(zooms) > 3 else np.nan
    return period if np.isfinite(period) and period > 0 else None
