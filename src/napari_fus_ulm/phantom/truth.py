"""The simulated vessel tree as a file: what «invented» and «missed» are judged against."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from napari_fus_ulm.phantom.vessels import Vessels

FIELDS = ("points", "radii", "speed", "first")


def write_vessels(path: Path, vessels: Vessels) -> Path:
    """Write a tree as ``.npz`` (float32, compressed), by a temporary name and a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part.npz")
    np.savez_compressed(
        partial,
        points=vessels.points.astype(np.float32),
        radii=vessels.radii.astype(np.float32),
        speed=vessels.speed.astype(np.float32),
        first=vessels.first.astype(np.int64),
    )
    os.replace(partial, path)
    return path


def read_vessels(path: Path) -> Vessels:
    """Read a tree that :func:`write_vessels` wrote.

    Raises
    ------
    ValueError
        If the file is none; the sentence names it.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            points, radii, speed, first = (found[name] for name in FIELDS)
    except (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a vessel tree: {', '.join(FIELDS)} in a NumPy .npz file were expected "
            f"({error})."
        ) from error
    return Vessels(
        points.astype(np.float64), radii.astype(np.float64), speed.astype(np.float64), first
    )
