"""Layers of patch coherence, and what they show: a direction, colours, a seam. Nothing needs Qt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from psygnal import Signal

from napari_fus_ulm._napari.layers.family import OURS, ours
from napari_fus_ulm._napari.layers.identity import present
from napari_fus_ulm._napari.viewer.parts import camera_of
from napari_fus_ulm.tasks.coherence import SINGLE, CoherenceReady

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_fus_ulm._napari.diagnostics.overlay import LayerTuple
    from napari_fus_ulm._napari.layers.placing import Placement
    from napari_fus_ulm.diagnostics.coherence import Coherence, Sides

COLOURS = {"red and green": ("red", "green"), "magenta and green": ("magenta", "green")}
LEGENDS = {
    "red and green": "Yellow: neighbouring patches agree.",
    "magenta and green": "White: neighbouring patches agree.",
}
SIDES = ("single", "one", "other")
SEAM_PIXELS = 300
"""Least length, on the screen, of the longer side of a seam that is zoomed to."""
CLICK_PIXELS = 4.0
"""Farthest that the mouse moves in a click."""


def coherence_layers(
    coherence: Coherence, placement: Placement, colours: str, direction: str
) -> list[LayerTuple]:
    """Both sides as additive layers, what only one patch covers, the patches and a seam.

    Parameters
    ----------
    coherence : Coherence
    placement : Placement
        Where the input lies.
    colours : str
        A key of `COLOURS`.
    direction : {"left | right", "upper / lower"}

    Returns
    -------
    list of layer data tuples
    """
    sides = coherence.sides(direction)
    layers: list[LayerTuple] = []
    where = placement.layer_kwargs((sides.one.shape[0], sides.one.shape[1]))
    for part in SIDES:
        data, look = _shown(sides, part, placement, colours, direction)
        # The lower ones hide what lies below: added to the input, nothing would be yellow.
        blending = "additive" if part == "other" else "translucent_no_depth"
        metadata = {**look.pop("metadata"), OURS: {"coherence": True, "part": part}}
        layers.append(
            (data, {**where, **look, "blending": blending, "metadata": metadata}, "image")
        )
    looks = {"patch grid": ("#ffffff60", 1.0), "seam": ("#ffffff", 2.5)}
    for (name, (colour, width)), corners in zip(
        looks.items(), (coherence.corners, coherence.seam_corners[:1]), strict=True
    ):
        shapes = placement.world(corners, coherence.left)
        outline = {
            "name": name,
            "shape_type": "polygon",
            "edge_color": colour,
            "face_color": "transparent",
            "edge_width": width,
            "visible": name != "seam",
            "metadata": {OURS: {"coherence": True, "part": name}},
        }
        layers.append((shapes.pop("data"), {**shapes, **outline}, "shapes"))
    return layers


def two_patches(
    ready: CoherenceReady, seam: int, placement: Placement, colours: str
) -> list[LayerTuple]:
    """The study's figure: both patches of a seam where they lie, and the ULM beside them.

    Parameters
    ----------
    ready : CoherenceReady
    seam : int
    placement : Placement
        Where the input lies.
    colours : str
        A key of `COLOURS`.

    Returns
    -------
    list of layer data tuples
        The ULM first, where there is one.
    """
    coherence = ready.coherence
    sides = coherence.two(seam)
    box = _pixels(coherence.field_mm(seam), coherence.left)
    looks: list[tuple[npt.NDArray[Any], dict[str, Any], tuple[int, int]]] = []
    if ready.ulm is not None:
        gap = max(2, (box[1].stop - box[1].start) // 20)
        beside = {"name": "ULM beside them", "colormap": "hot", "contrast_limits": (0.0, 1.0)}
        start = box[0].start, box[1].stop + gap
        looks.append((ready.ulm.values[box], {**beside, "blending": "translucent_no_depth"}, start))
    names = coherence.seams[seam].direction.replace("|", "/").split(" / ")
    both = zip(sides.compared, names, COLOURS[colours], strict=True)
    for number, (side, name, colour) in enumerate(both):
        look = {
            "name": f"{name} patch",
            "colormap": colour,
            "contrast_limits": (0.0, sides.high),
            "blending": "additive" if number else "translucent_no_depth",
        }
        looks.append((side.values[box], look, (box[0].start, box[1].start)))
    return [
        (
            placement.volume(xr.DataArray(np.nan_to_num(pixels), dims=("j", "i"))),
            {**_cut(placement, coherence.left, start), **look},
            "image",
        )
        for pixels, look, start in looks
    ]


class CoherenceView:
    """What the layers of patch coherence show.

    Parameters
    ----------
    viewer : napari viewer
    ready : CoherenceReady
    placement : Placement
        Where the input lies.
    layers : list of napari.layers.Layer
        Made of what `coherence_layers` gives.

    Signals
    -------
    clicked(int)
        A seam was clicked on the canvas.
    """

    clicked = Signal(int)

    def __init__(
        self, viewer: Any, ready: CoherenceReady, placement: Placement, layers: list[Layer]
    ) -> None:
        self.ready, self._viewer, self._placement = ready, viewer, placement
        self._layers = {ours(layer).get("part"): layer for layer in layers}
        world = placement.world(ready.coherence.seam_corners, ready.coherence.left)
        self._corners: npt.NDArray[np.float64] = world["data"]
        self.direction = ""
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Hear of no more clicks."""
        self.clicked.disconnect()
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def show(self, direction: str, colours: str) -> None:
        """Show a direction in its colours, in the layers that are there."""
        sides = self.ready.coherence.sides(direction)
        if direction != self.direction and (marker := self._there("seam")):
            marker.visible = False
        for part in SIDES:
            layer = self._there(part)
            if layer is None:
                continue
            data, look = _shown(sides, part, self._placement, colours, direction)
            if direction != self.direction:
                layer.data = data
                layer.metadata = {**layer.metadata, **look["metadata"]}
                layer.name = f"{look['name']} · {layer.name.partition(' · ')[2]}"
                layer.contrast_limits = look["contrast_limits"]
            layer.colormap = look["colormap"]
        self.direction = direction

    def go_to(self, seam: int) -> None:
        """Outline a seam and move the camera to it, near enough to see its vessels."""
        grid, marker = self._there("patch grid"), self._there("seam")
        if grid is None:
            return
        if marker is not None:
            marker.data = [self._corners[seam]]
            marker.visible = True
        corners = np.array([grid.data_to_world(corner) for corner in self._corners[seam]])
        low, high = _in_view(self._viewer, corners)
        camera = camera_of(self._viewer)
        camera.center = (0.0, *((low + high) / 2))[-3:]
        camera.zoom = max(camera.zoom, SEAM_PIXELS / max(float((high - low).max()), 1e-9))

    def seam_at(self, position: npt.ArrayLike) -> int | None:
        """The seam of the direction shown whose middle is nearest to a place in the world."""
        grid, seams = self._there("patch grid"), self.ready.coherence.seams
        of = [n for n, one in enumerate(seams) if one.direction == self.direction]
        if grid is None or not of:
            return None
        place = np.asarray(grid.world_to_data(np.asarray(position)[-grid.ndim :]))
        plane = list(self._placement.plane_axes)
        corners = self._corners[of][..., plane]
        inside = (corners.min(axis=1) <= place[plane]) & (place[plane] <= corners.max(axis=1))
        far = np.linalg.norm(corners.mean(axis=1) - place[plane], axis=1)
        far[~inside.all(axis=1)] = np.inf
        return of[int(far.argmin())] if np.isfinite(far).any() else None

    def _on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Tell a click from a drag."""
        start = np.asarray(event.pos, float)
        yield
        while event.type == "mouse_move":
            yield
        one, active = self._there("one"), viewer.layers.selection.active
        moves = active is None or str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"
        still = np.linalg.norm(np.asarray(event.pos, float) - start) <= CLICK_PIXELS
        if one is None or not (one.visible and moves and still):
            return
        seam = self.seam_at(event.position)
        if seam is not None:
            self.clicked.emit(seam)

    def _there(self, part: str) -> Any:
        layer = self._layers.get(part)
        return layer if present(self._viewer, layer) else None


def _in_view(
    viewer: Any, corners: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Least and largest coordinates along the axes that are shown."""
    shown = [axis for axis in viewer.dims.displayed if axis < corners.shape[1]]
    return corners.min(axis=0)[shown], corners.max(axis=0)[shown]


def _shown(
    sides: Sides, part: str, placement: Placement, colours: str, direction: str
) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Pixels and looks of the left (upper), the right (lower) or the single patches."""
    from napari.utils.colormaps import Colormap

    image: xr.DataArray = getattr(sides, part)
    one, other = COLOURS[colours]
    first, second = direction.replace("|", "/").split(" / ")
    slate = Colormap([(0.0, 0.0, 0.0, 1.0), (*SINGLE, 1.0)], name="slate")
    name, colormap = {
        "one": (f"{first} patches", one),
        "other": (f"{second} patches", other),
        "single": ("single patches", slate),
    }[part]
    full = placement.full_dims(image)
    look = {
        "name": name,
        "colormap": colormap,
        "contrast_limits": (0.0, sides.high),
        "metadata": {"xarray": full},
    }
    return placement.volume(full), look


def _pixels(box: tuple[float, ...], like: xr.DataArray) -> tuple[slice, slice]:
    """A box (mm) in whole pixels."""
    from napari_fus_ulm.grid import Grid

    steps = Grid.of(like).spacing_mm
    rows, columns = (
        slice(round(box[n] / steps[n]), round((box[n] + box[n + 2]) / steps[n])) for n in (0, 1)
    )
    return rows, columns


def _cut(placement: Placement, like: xr.DataArray, start: tuple[int, int]) -> dict[str, Any]:
    """Where a part of an image lies that begins at a pixel."""
    from napari.utils.transforms import Affine

    where = placement.layer_kwargs((like.shape[0], like.shape[1]))
    inner = {name: where[name] for name in ("scale", "rotate", "shear")}
    pixels = np.zeros(len(placement.axes))
    pixels[list(placement.plane_axes)] = start
    moved = np.asarray(where["translate"]) + Affine(**inner).linear_matrix @ pixels
    return {**where, "translate": tuple(float(one) for one in moved)}
