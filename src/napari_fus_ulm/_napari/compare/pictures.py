"""Inputs of a view, the figure and the table: the planes that the sliders show; no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.compare.layers import plane_of, seen, sources_of, titles
from napari_fus_ulm._napari.compare.views import DIFFERENCE_LIMIT, Pictures
from napari_fus_ulm._napari.layers.family import OURS
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.compare import Colours, Compared, check_one_field, greys
from napari_fus_ulm.tasks.enhance import displacement

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

OFF, GRID, CURTAIN, BLINK, DIFFERENCE = "off", "grid", "curtain", "blink", "difference"
PAIRED = (CURTAIN, DIFFERENCE)
"""Views of two images."""


def pictures_of(
    viewer: ViewerModel,
    layers: Sequence[Image],
    truth: Image | None,
    colours: Colours,
    *,
    ordered: bool,
) -> tuple[Pictures, tuple[str, ...]]:
    """Grey levels of images on one grid, and notices about where they lie.

    Parameters
    ----------
    viewer : napari viewer
    layers : sequence of napari.layers.Image
    truth : napari.layers.Image or None
        The ground truth.
    colours : {"grey", "hot"}
    ordered : bool
        In reading order, not as they are given.

    Raises
    ------
    UserError
        If there are no two images, or they cannot be laid on each other.
    """
    if len({layer.unique_id for layer in layers}) < 2:
        raise UserError("The two images are the same; choose another one.")
    planes = seen(viewer, layers, truth)
    named = zip(titles(planes.layers), greys(planes.images), strict=True)
    shown = {one.unique_id: each for one, each in zip(planes.layers, named, strict=True)}
    order = planes.layers if ordered else layers
    names, pictures = zip(*(shown[layer.unique_id] for layer in order), strict=True)
    rows, columns = pictures[0].shape
    first, *others = planes.images
    notices = (displacement(first, image) for image in others)
    where = planes.where((rows, columns))
    return Pictures(names, pictures, where, colours), tuple(filter(None, notices))


def words_of(view: str, names: tuple[str, ...]) -> str:
    """Describe a view of images with these names."""
    if view == GRID:
        return "\n".join(f"{number}  {name}" for number, name in enumerate(names, start=1))
    if view == CURTAIN:
        return "Drag the line in the image or move the slider."
    if view == BLINK:
        return f"Now: {names[0]}"
    return (
        f"Green: brighter in “{names[0]}”. Pink: brighter in “{names[1]}”. White: equal. Full "
        f"colour at a difference of ±{DIFFERENCE_LIMIT:g} (grey levels 0 to 1)."
    )


def compared(viewer: ViewerModel, layers: Sequence[Image], truth: Image | None) -> Compared:
    """What the figure and the table are made of.

    Raises
    ------
    UserError
        If the images do not cover one field of view.
    """
    planes = seen(viewer, layers, truth)
    images = planes.images
    reference = None if truth is None else plane_of(viewer, truth, truth=True)
    check_one_field([*images, *([] if reference is None else [reference])])
    sources = sources_of(viewer, planes.layers, truth)
    return Compared(images, reference, _settings_of(layers), sources)


def _settings_of(layers: Sequence[Image]) -> EnhanceSettings:
    """How the first result among these was made; the defaults without one."""
    for layer in layers:
        record = layer.metadata.get(OURS, {})
        if "settings" in record:
            return EnhanceSettings.from_mapping(record["settings"])
    return EnhanceSettings()
