"""Layers that belong together: a result, and what hangs on it (its spread, its diagnostics).

What hangs on a layer says so in its metadata, so that every dock knows it, also one that was opened
later. It stands above its layer in the list, goes when that goes, and is replaced by what a later
run of the same kind gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

from napari_fus_ulm._napari.layers.identity import find
from napari_fus_ulm.inference.naming import GENERATED

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_fus_ulm._napari.layers.from_scan import LayerData

OURS = "napari_fus_ulm"
"""Key of what we know about a layer in its metadata."""
_ON, _KIND, _SAID = "on", "kind", "said"


def ours(layer: Layer) -> dict[str, Any]:
    """What we know about a layer; nothing about one of the user's."""
    known: dict[str, Any] = layer.metadata.get(OURS, {})
    return known


def is_result(layer: Layer) -> TypeGuard[Image]:
    """Whether a layer is the result of a run, of this session or loaded from its file."""
    attrs = getattr(layer.metadata.get("xarray"), "attrs", {})
    record = attrs.get("provenance")
    made = isinstance(record, dict) and "settings" in record and bool(attrs.get("generated"))
    return made and not hangs(layer)


def hangs(layer: Layer) -> bool:
    """Whether a layer hangs on another one."""
    return _ON in ours(layer)


def hanging_on(viewer: ViewerModel, owner: Layer, kind: str = "") -> list[Layer]:
    """What hangs on a layer, all of it or that of one kind."""
    return [
        layer
        for layer in viewer.layers
        if ours(layer).get(_ON) == owner.unique_id and kind in ("", ours(layer)[_KIND])
    ]


def hang_on(
    viewer: ViewerModel, owner: Layer, kind: str, data: Iterable[LayerData], said: Any = None
) -> list[Layer]:
    """Add layers above the one that they are about, in place of earlier ones of the same kind.

    Parameters
    ----------
    viewer : napari viewer
    owner : napari.layers.Layer
        A result; or an input, whose layers stand on top of the list, since results hide it.
    kind : str
        What they are, such as “Support”.
    data : iterable of layer data tuples
        The lowest first; each is named by what it shows (“support”), to which its owner's name is
        added.
    said : optional
        What they have to say, for `said_on`; it goes with them.

    Returns
    -------
    list of napari.layers.Layer
    """
    from napari.layers import Layer

    remove(viewer, hanging_on(viewer, owner, kind))
    added, active = [], viewer.layers.selection.active
    for values, given, of in data:
        known = ours_of(given, {_ON: owner.unique_id, _KIND: kind, _SAID: said})
        name = f"{given['name']} · {owner.name.removesuffix(GENERATED)}"
        layer = Layer.create(values, {**given, "name": name, "metadata": known}, of)
        viewer.layers.insert(_above(viewer, owner), layer)
        added.append(layer)
    viewer.layers.selection.active = active
    return added


def said_on(viewer: ViewerModel, owner: Layer | None, kind: str) -> Any:
    """What the layers of a kind on a layer have to say; None without any."""
    there = [] if owner is None else hanging_on(viewer, owner, kind)
    return ours(there[0])[_SAID] if there else None


def orphans(viewer: ViewerModel) -> list[Layer]:
    """What hangs on layers that are gone."""
    owners = (ours(layer).get(_ON) for layer in viewer.layers)
    gone = {one for one in owners if one is not None and find(viewer.layers, one) is None}
    return [layer for layer in viewer.layers if ours(layer).get(_ON) in gone]


def remove(viewer: ViewerModel, layers: Iterable[Layer]) -> None:
    """Remove layers; those that have gone already are none of ours."""
    for layer in layers:
        if layer in viewer.layers:
            viewer.layers.remove(layer)


def ours_of(given: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a layer to be, with more that we know about it."""
    metadata = given.get("metadata", {})
    return {**metadata, OURS: {**metadata.get(OURS, {}), **known}}


def _above(viewer: ViewerModel, owner: Layer) -> int:
    """Where in the list the next layer on an owner goes."""
    if not is_result(owner):
        return len(viewer.layers)
    family = [owner, *hanging_on(viewer, owner)]
    places: list[int] = [viewer.layers.index(layer) for layer in family]
    return 1 + max(places)
