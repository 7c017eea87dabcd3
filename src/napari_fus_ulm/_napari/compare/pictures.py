"""Inputs of a view, the figure and the table: the planes that the sliders show; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fus_ulm._napari.compare.layers import (
    Look,
    inputs_of,
    looks_at,
    seen,
    shortened,
    source_of,
    titles,
)
from napari_fus_ulm._napari.compare.views import DIFFERENCE_LIMIT, Pictures
from napari_fus_ulm._napari.layers.family import OURS
from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.picker.picked import takes_long
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.compare import Colours, Compared, check_one_field, greys
from napari_fus_ulm.tasks.enhance import displacement
from napari_fus_ulm.tasks.failures import failure_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

OFF, GRID, CURTAIN, BLINK, DIFFERENCE = "off", "grid", "curtain", "blink", "difference"
PAIRED = (CURTAIN, DIFFERENCE)
"""Views of two images."""
WAITING = "Reading the images…"
SOON_PIXELS = 150_000
"""Pixels of all images together that are read and scaled between two movements of the mouse."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A view that is wanted of layers as they are now.

    Parameters
    ----------
    view : str
    looks : tuple of Look
        In reading order.
    order : tuple of hashable
        Ids of the layers in the order to show.
    colours : {"grey", "hot"}
    """

    view: str
    looks: tuple[Look, ...]
    order: tuple[LayerId, ...]
    colours: Colours

    @property
    def takes_long(self) -> bool:
        """Whether it is read too slowly for the viewer to wait."""
        pixels = sum(np.size(look.parts.data) for look in self.looks)
        return pixels > SOON_PIXELS or any(takes_long(look.parts) for look in self.looks)


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """The pictures of a view and notices about where they lie, or why there are none."""

    pictures: Pictures | None = None
    notices: tuple[str, ...] = ()
    error: str = ""


def request_of(
    viewer: ViewerModel,
    view: str,
    layers: Sequence[Image],
    truth: Image | None,
    colours: Colours,
) -> Request:
    """What a view of layers needs of them; one of two keeps their order, others are in reading
    order.

    Raises
    ------
    UserError
        If there are no two images, or a layer cannot be read.
    """
    if len({layer.unique_id for layer in layers}) < 2:
        raise UserError("The two images are the same; choose another one.")
    looks = looks_at(viewer, layers, truth)
    order = layers if view in PAIRED else [look.layer for look in looks]
    return Request(view, tuple(looks), tuple(one.unique_id for one in order), colours)


def pictures_of(request: Request) -> Ready:
    """Grey levels of images on one grid; for a thread."""
    try:
        planes = seen(request.looks)
        named = zip(titles(planes.layers), greys(planes.images), strict=True)
        shown = {one.unique_id: each for one, each in zip(planes.layers, named, strict=True)}
        names, pictures = zip(*(shown[one] for one in request.order), strict=True)
        rows, columns = pictures[0].shape
        first, *others = planes.images
        notices = (displacement(first, image) for image in others)
        where = planes.where((rows, columns))
    except Exception as error:  # the thread would keep it to itself
        return Ready(error=failure_of(error).sentence)
    pictured = Pictures(names, pictures, where, request.colours)
    return Ready(pictured, tuple(filter(None, notices)))


def words_of(view: str, names: tuple[str, ...]) -> str:
    """Describe a view of images with these names."""
    if view == GRID:
        short = shortened(names)
        return "\n".join(f"{number}  {name}" for number, name in enumerate(short, start=1))
    if view == CURTAIN:
        return "Drag the line in the image or move the slider."
    if view == BLINK:
        return f"Now: {names[0]}"
    return (
        f"Green: brighter in “{names[0]}”. Pink: brighter in “{names[1]}”. White: equal. Full "
        f"colour at a difference of ±{DIFFERENCE_LIMIT:g} (grey levels 0 to 1)."
    )


def comparing(
    viewer: ViewerModel, layers: Sequence[Image], truth: Image | None, *, inputs: bool = False
) -> Callable[[], Compared]:
    """What makes that of which the figure and the table are made; may be called in a thread.

    It raises a UserError if the images do not cover one field of view.

    Parameters
    ----------
    viewer : napari viewer
    layers : sequence of napari.layers.Image
    truth : napari.layers.Image or None
    inputs : bool
        Also what the results among them were made from.

    Raises
    ------
    UserError
        If a layer cannot be read.
    """
    wanted = [*inputs_of(viewer, layers), *layers] if inputs else list(layers)
    shown = len(wanted)
    if truth is not None and truth.unique_id not in [layer.unique_id for layer in wanted]:
        wanted.append(truth)  # the last in reading order, too
    looks = looks_at(viewer, wanted, truth)
    return partial(_compared, looks, shown, truth is not None, _settings_of(layers))


def _compared(
    looks: Sequence[Look], shown: int, measured: bool, settings: EnhanceSettings
) -> Compared:
    read = [look.plane() for look in looks]
    planes = [plane for plane, _ in read]
    check_one_field(planes)
    sources = {
        look.parts.name: source_of(look, whole)
        for look, (_, whole) in zip(looks, read, strict=True)
    }
    return Compared(tuple(planes[:shown]), planes[-1] if measured else None, settings, sources)


def _settings_of(layers: Sequence[Image]) -> EnhanceSettings:
    """How the first result among these was made; the defaults without one."""
    for layer in layers:
        record = layer.metadata.get(OURS, {})
        if "settings" in record:
            return EnhanceSettings.from_mapping(record["settings"])
    return EnhanceSettings()
