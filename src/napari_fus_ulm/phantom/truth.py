"""The simulated vessel tree as a file: “invented” and “missed” vessels are measured against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_fus_ulm.cohort.description import read_tree
from napari_fus_ulm.io.atomic import arrays_writer, write_file
from napari_fus_ulm.phantom.vessels import Vessels


def write_vessels(path: Path, vessels: Vessels) -> Path:
    """Write a tree as ``.npz`` (float32, compressed)."""
    tree = {
        "points": vessels.points.astype(np.float32),
        "radii": vessels.radii.astype(np.float32),
        "speed": vessels.speed.astype(np.float32),
        "first": vessels.first.astype(np.int64),
    }
    return write_file(path, arrays_writer(tree))


def read_vessels(path: Path) -> Vessels:
    """Read a tree that :func:`write_vessels` wrote.

    Raises
    ------
    ValueError
        If the file is not one; the sentence names it.
    """
    tree = read_tree(path)
    points, radii, speed = (tree[name].astype(np.float64) for name in ("points", "radii", "speed"))
    return Vessels(points, radii, speed, tree["first"].astype(np.int64))
