"""Which layer is which: by napari's ``unique_id``.

A layer's name is the user's to change, and napari hands plugins wrapped layers, so that the same
layer is another object each time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

LayerId = Hashable
AnyLayer = TypeVar("AnyLayer", bound="Layer")


def id_of(layer: Layer | None) -> LayerId | None:
    """The id of a layer; None of none."""
    return None if layer is None else layer.unique_id


def same(one: Layer | None, other: Layer | None) -> bool:
    """Whether two are one layer; none is none."""
    return id_of(one) == id_of(other)


def find(layers: Iterable[AnyLayer], layer_id: LayerId | None) -> AnyLayer | None:
    """The layer with this id, or None."""
    return next((layer for layer in layers if layer.unique_id == layer_id), None)


def present(viewer: ViewerModel, layer: Layer | None) -> bool:
    """Whether a layer is among the viewer's."""
    return layer is not None and find(viewer.layers, layer.unique_id) is not None
