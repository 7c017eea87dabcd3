"""A layer's properties without the layer, and what is open about its scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.errors import ScanError

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer

    from napari_fus_ulm._napari.layers.axes import Axes

QuestionKind = Literal[
    "spacing", "size", "slices", "leading", "values", "gaps", "scrubbed", "transform", "file"
]


@dataclass(frozen=True, slots=True)
class Offer:
    """A likely answer, for one click.

    Parameters
    ----------
    label : str
        The words on the button.
    changes : mapping
        What it changes about the user's corrections.
    """

    label: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that a layer leaves open.

    Parameters
    ----------
    kind : QuestionKind
        The in-plane pixel size, which is unknown, or which cannot be true; the slice spacing;
        whether the first axis is slices or time; the transform of the values; pixels and frames
        without a value; a rotation or shear that is ignored; what the file leaves unclear.
    text : str
        A sentence for the user.
    assumed : str
        The answer taken for now.
    choices : tuple of str
        Possible answers; empty for a number.
    offers : tuple of Offer
        Likely answers.
    blocks : bool
        Nothing is computed before it is answered.
    """

    kind: QuestionKind
    text: str
    assumed: str = ""
    choices: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    blocks: bool = False


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
    axes : Axes
        Which axes of the layer are those of the scan.
    """

    scan: xr.DataArray
    axes: Axes
    questions: tuple[Question, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerParts:
    """Properties of an image layer, without the layer.

    Parameters
    ----------
    data : array-like
    scale, translate : sequence of float
    units, axis_labels : sequence
    rgb : bool
        The last axis is colour; it has no scale.
    name : str
    metadata : mapping
    source : Path or None
    matrix : array or None
        The whole transform from pixel numbers to the world, homogeneous; scale and translate
        alone without it.
    """

    data: Any
    scale: Sequence[float]
    translate: Sequence[float]
    units: Sequence[Any]
    axis_labels: Sequence[str]
    rgb: bool = False
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: Path | None = None
    matrix: npt.NDArray[np.float64] | None = None

    @property
    def world(self) -> npt.NDArray[np.float64]:
        """The transform from pixel numbers to the world, homogeneous."""
        if self.matrix is not None:
            return self.matrix
        plain = np.diag([*map(float, self.scale), 1.0])
        plain[:-1, -1] = self.translate
        return plain


def parts_of(layer: Layer) -> LayerParts:
    """Read what `layer_to_scan` needs from a layer."""
    from pathlib import Path

    kind = layer.__class__.__name__  # not its type: napari hands plugins wrapped layers
    if kind not in ("Image", "Labels"):
        raise ScanError(
            f"The layer “{layer.name}” is a {kind.lower()} layer; choose an image layer."
        )
    data: Any = getattr(layer, "data", None)
    if getattr(layer, "multiscale", False):
        data = data[0]
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
        matrix=world_matrix(layer),
    )


def world_matrix(layer: Any) -> npt.NDArray[np.float64]:
    """A layer's whole transform from pixel numbers to the world, homogeneous.

    Parameters
    ----------
    layer : napari.layers.Layer
        Or anything with its ``scale``, ``translate``, ``rotate``, ``shear`` and ``affine``.
    """
    from napari.utils.transforms import Affine

    inner = Affine(
        scale=layer.scale, translate=layer.translate, rotate=layer.rotate, shear=layer.shear
    )
    outer = getattr(layer.affine, "affine_matrix", layer.affine)
    matrix: npt.NDArray[np.float64] = np.asarray(outer) @ inner.affine_matrix
    return matrix
