"""A layer's properties without the layer, and what is open about its scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from napari_fus_ulm.errors import ScanError

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer

QuestionKind = Literal["spacing", "slices", "leading", "values", "transform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that a layer leaves open.

    Parameters
    ----------
    kind : {"spacing", "slices", "leading", "values", "transform"}
        The in-plane pixel size; the slice spacing; whether the first axis is slices or time;
        the transform of the values; a rotation or shear that is ignored.
    text : str
        A sentence for the user.
    assumed : str
        The answer taken for now.
    choices : tuple of str
        Possible answers; empty for a number.
    """

    kind: QuestionKind
    text: str
    assumed: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerScan:
    """A layer as a scan, what is open about it, and how to lay a result on it.

    Parameters
    ----------
    scan : xarray.DataArray
        The image in mm.
    questions : tuple of Question
        Empty when everything is known.
    name : str
        The layer's name.
    """

    scan: xr.DataArray
    questions: tuple[Question, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerParts:
    """Properties of an image layer, without the layer."""

    data: Any
    scale: Sequence[float]
    translate: Sequence[float]
    units: Sequence[Any]
    axis_labels: Sequence[str]
    rgb: bool = False
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: Path | None = None
    tilted: bool = False


def parts_of(layer: Layer) -> LayerParts:
    """Read what `layer_to_scan` needs from a layer."""
    from pathlib import Path

    if type(layer).__name__ not in ("Image", "Labels"):
        raise ScanError(
            f"The layer “{layer.name}” is a {type(layer).__name__.lower()} layer; choose an "
            "image layer."
        )
    data: Any = getattr(layer, "data", None)
    if getattr(layer, "multiscale", False):
        data = data[0]
    linear = np.asarray(layer.affine.affine_matrix)[:-1, :-1]
    tilted = (
        not np.allclose(layer.rotate, np.eye(layer.ndim))
        or bool(np.any(layer.shear))
        or not np.allclose(linear, np.eye(layer.ndim))
        or bool(np.any(np.asarray(layer.affine.translate)))
    )
    path = layer.source.path
    return LayerParts(
        data=data,
        scale=[float(s) for s in layer.scale],
        translate=[float(t) for t in layer.translate],
        units=list(layer.units),
        axis_labels=list(layer.axis_labels),
        rgb=bool(getattr(layer, "rgb", False)),
        name=str(layer.name),
        metadata=layer.metadata,
        source=Path(path) if path else None,
        tilted=tilted,
    )
