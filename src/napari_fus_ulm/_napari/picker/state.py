"""Which layer is chosen, its corrections, and the scan read from it; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from psygnal import Signal

from napari_fus_ulm._napari.layers.family import OURS
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.layers.identity import LayerId, find, id_of
from napari_fus_ulm._napari.layers.parts import LayerParts, LayerScan, Offer, parts_of
from napari_fus_ulm._napari.picker.part_form import Corrections, describe, resolve
from napari_fus_ulm._napari.picker.picked import (
    LayerReader,
    Picked,
    are_pair,
    exists,
    layer_key,
    likely_modality,
    outline,
    pick,
    pixels_key,
    shown_numbers,
    shows_slice,
    takes_long,
)
from napari_fus_ulm._napari.viewer.connections import Connections
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.scan import AXIS_OF, LAID, laid_mm, step_of
from napari_fus_ulm.selection import Selection
from napari_fus_ulm.tasks.failures import failure_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import Event

Background = Callable[[Callable[[], Any], Callable[[Any], None]], None]
"""Does work in a thread and hands its result over in this one; newer work replaces what waits."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A layer and the user's corrections.

    Parameters
    ----------
    layer_id : hashable or None
        None is no layer.
    corrections : Corrections
    """

    layer_id: LayerId | None = None
    corrections: Corrections = field(default_factory=Corrections)


def is_generated(layer: Image) -> bool:
    """Whether a layer was made by a run of ours, now or before it was saved."""
    carried = layer.metadata.get("xarray")
    return OURS in layer.metadata or bool(getattr(carried, "attrs", {}).get("generated"))


class PickerState:
    """Follows the layers of a viewer, and one that is chosen among them.

    Parameters
    ----------
    viewer : napari viewer
    modality : {"fus", "ulm"}
        What is to be chosen; the newest layer that looks like fUS is preselected, never a ULM or
        a generated image.
    background : Background, optional
        Where lazy and large layers are read; at once by default.

    Signals
    -------
    listed()
        Other layers to choose from, or another name.
    changed()
        Another layer is chosen, or another part of it.
    touched()
        Somebody else has changed the chosen layer; `read_if_new` when there is time.
    """

    listed = Signal()
    changed = Signal()
    touched = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        modality: Literal["fus", "ulm"],
        background: Background | None = None,
    ) -> None:
        self._viewer, self.modality = viewer, modality
        self._background = background
        self.layers: tuple[Image, ...] = ()
        self.taken: Callable[[], LayerId | None] = lambda: None
        """The layer that is the other picker's, which is never preselected here."""
        self._partner: Callable[[], Image | None] = lambda: None
        self._chosen: LayerId | None = None
        self._by_hand = False
        self._corrections: dict[LayerId, Corrections] = {}
        self._layer_scan: LayerScan | None = None
        self._problem = ""
        self._read_key: tuple[Any, ...] = ()
        self.reading = False
        """Whether the chosen layer is still being read; what is known may be of before."""
        self.read_number = 0
        """Counts how often the layer was read: what was found out of an older reading is stale."""
        self._answers: dict[str, Any] = {}
        self._reader = LayerReader()
        events = viewer.layers.events
        self._connections, self._on_chosen = Connections(), Connections()
        self._followed: LayerId | None = None
        self._applying = False
        self._connections.connect(events.inserted, self._on_inserted)
        self._connections.connect(events.removed, self._on_layers)
        self._connections.connect(events.reordered, self._on_layers)
        self._connections.follow_names(viewer.layers, self._on_layers)
        self._list_layers()
        self._choose_default()
        self.read()

    def close(self) -> None:
        """Stop following the viewer."""
        self.read_number += 1  # what is still being read comes too late
        self._connections.close()
        self._on_chosen.close()
        for signal in (self.listed, self.changed, self.touched):
            signal.disconnect()

    def follow(self, partner: Callable[[], Image | None]) -> None:
        """Preselect what was simulated with the layer that ``partner`` gives."""
        self._partner = partner
        self._choose_default()
        self.read_if_new()

    # ------------------------------------------------------------ what is chosen

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return find(self.layers, self._chosen)

    @property
    def problem(self) -> str:
        """Why the chosen layer cannot be used, or nothing."""
        return self._problem

    @property
    def layer_scan(self) -> LayerScan | None:
        """The chosen layer as a scan, with its open questions."""
        return self._layer_scan

    @property
    def corrections(self) -> Corrections:
        """The user's corrections of the chosen layer."""
        return self._corrections.get(self._chosen, Corrections())

    @property
    def ambiguous(self) -> bool:
        """Whether the first axis may be slices or times."""
        questions = self._layer_scan.questions if self._layer_scan else ()
        is_open = any(one.kind == "leading" for one in questions)
        return self.corrections.leading is not None or is_open

    @property
    def line(self) -> str:
        """What will be used, in one line, or why nothing can be."""
        if self._layer_scan is None:
            return f"Reading “{self.layer.name}”…" if self.reading and self.layer else self._problem
        scan, shown = self._layer_scan.scan, ""
        if self.corrections.slices == "shown" and self.layer is not None:
            seen = shows_slice(self._viewer, self.layer, self._layer_scan.axes)
            shown = "shown" if seen else "by its slider"
        return describe(scan, self._selection(self._layer_scan), shown=shown)

    @property
    def unanswered(self) -> str:
        """The question that must be answered before anything is computed, or nothing."""
        questions = self._layer_scan.questions if self._layer_scan else ()
        return next((one.text for one in questions if one.blocks), "")

    def value(self) -> Choice:
        """Return the chosen layer as it is corrected."""
        return Choice(self._chosen, self.corrections)

    def set_value(self, choice: Choice) -> None:
        """Choose a layer with its corrections, as the user would; one that is gone is ignored."""
        if choice.layer_id is not None and find(self.layers, choice.layer_id) is None:
            return
        self._chosen, self._by_hand = choice.layer_id, True
        if choice.layer_id is not None:
            self._corrections[choice.layer_id] = choice.corrections
        self.read()

    def choose(self, layer: Image | None) -> None:
        """Choose a layer as the user would; its corrections hold."""
        layer_id = id_of(layer)
        corrections = self._corrections.get(layer_id, Corrections())
        self.set_value(Choice(layer_id, corrections))

    def correct(self, corrections: Corrections) -> None:
        """Correct the metadata of the chosen layer."""
        if self._chosen is not None:
            self.set_value(Choice(self._chosen, corrections))

    def add(self, scan: xr.DataArray) -> None:
        """Add an image to the viewer and choose it."""
        from napari.layers import Image

        data, kwargs, _ = scan_to_layer(scan)
        layer = Image(data, **kwargs)
        self._viewer.add_layer(layer)
        self.choose(layer)

    def picked(self) -> Picked | None:
        """Return what a run takes, or None without a usable layer."""
        layer, read = self.layer, self._layer_scan
        if layer is None or read is None:
            return None
        return pick(layer, read, self._selection(read), self._answers)

    def take(self, offer: Offer) -> None:
        """Answer a question about the chosen layer as it was offered."""
        if LAID in offer.changes:
            self.lay(offer.changes[LAID])
            return
        self.correct(replace(self.corrections, **offer.changes))

    @property
    def differs(self) -> bool:
        """Whether the layer has another pixel size in the viewer than it is read with."""
        layer, read = self.layer, self._layer_scan
        if layer is None or read is None:
            return False
        ratios, bare = _ratios(read)
        return bare or not np.allclose(ratios, 1.0)

    def apply_to_layer(self) -> None:
        """Give the layer the pixel size that it is read with: napari's scale bar is right then."""
        layer, read = self.layer, self._layer_scan
        if layer is None or read is None:
            return
        ratios, bare = _ratios(read)
        units = list(layer.units)
        if bare:
            for axis in read.axes.every:
                if axis.dim in AXIS_OF:
                    units[axis.world] = "mm"
        moved = np.array(layer.translate)
        for axis, ratio in zip(read.axes.every, ratios, strict=True):
            moved[axis.world] *= ratio
        self._applying = True
        try:
            layer.units = tuple(units)
            layer.scale = np.asarray(layer.scale) * ratios
            layer.translate = moved
        finally:
            self._applying = False
        self.read()

    def lay(self, shift_mm: tuple[float, float] | None) -> None:
        """Move the layer so far down and right of where its file puts it; None puts it back."""
        layer, read = self.layer, self._layer_scan
        if layer is None or read is None:
            return
        step = np.subtract(shift_mm or (0.0, 0.0), laid_mm(read.scan))
        pixels = np.zeros(layer.ndim)
        for n, axis in enumerate(read.axes.every):
            if axis.dim in ("j", "i"):
                by = step["ji".index(axis.dim)] / step_of(read.scan, axis.dim)
                pixels[n] = -by if axis.flipped else by
        self._applying = True
        try:
            layer.metadata = {**layer.metadata, LAID: shift_mm}
            layer.translate = np.asarray(layer.translate) + _turning(layer) @ pixels
        finally:
            self._applying = False
        self.read()

    # ------------------------------------------------------------ following the viewer

    def follow_sliders(self) -> None:
        """The sliders have moved: another slice or time may be the one shown."""
        self.changed.emit()

    def _on_inserted(self, event: Event) -> None:
        self._list_layers()
        if not self._by_hand:
            self._choose_default()
        self.listed.emit()
        self.read_if_new()

    def _on_layers(self, event: Event) -> None:
        before = self._chosen
        self._list_layers()
        if self._chosen != before:
            self._by_hand = False
            self._choose_default()
        self.listed.emit()
        self.read_if_new()

    def _list_layers(self) -> None:
        """The viewer's images, the newest first."""
        from napari.layers import Image

        self.layers = tuple(one for one in reversed(self._viewer.layers) if isinstance(one, Image))
        alive = {layer.unique_id for layer in self.layers}
        self._corrections = {k: v for k, v in self._corrections.items() if k in alive}
        if self._chosen not in alive:
            self._chosen = None

    def _choose_default(self) -> None:
        """Preselect the newest layer that looks like fUS, else the newest that may be; no ULM.

        A ULM only where it was simulated with the chosen fUS.
        """
        if self.modality != "fus":
            partner = self._partner()
            pairs = (layer for layer in self.layers if partner and are_pair(partner, layer))
            self._chosen = id_of(next(pairs, None)) or self._chosen
            return
        taken = self.taken()
        images = [
            layer for layer in self.layers if layer.unique_id != taken and not is_generated(layer)
        ]
        likely = [layer for layer in images if likely_modality(layer) == "fus"]
        other = [layer for layer in images if likely_modality(layer) != "ulm"]
        for layer in (*likely, *other):
            self._chosen = layer.unique_id
            return

    # ------------------------------------------------------------ reading the layer

    def read_if_new(self) -> None:
        """Read the chosen layer unless nothing about it has changed (a film takes a while).

        Pixels that were changed in place are no reason: a run reads them when it begins.
        """
        if self._key() != self._read_key:
            self.read()

    def read(self) -> None:
        """Read the chosen layer again; a lazy or large one in the background."""
        layer = self.layer
        self._follow(layer)
        self._read_key = self._key()
        exists.cache_clear()
        self.read_number += 1
        self.reading, self._problem = False, ""
        parts = None
        try:
            parts = None if layer is None else parts_of(layer)
        except UserError as error:
            self._problem = str(error)
        if layer is None or parts is None:
            self._layer_scan = None
            self.changed.emit()
            return
        key = pixels_key(layer)
        work = partial(self._scan_of, key, parts, self.corrections)
        if self._background is None or not takes_long(parts):
            self._take_over(self.read_number, work())
            return
        if not self._reader.knows(key):
            self._layer_scan = None
        self.reading = True
        self._background(work, partial(self._take_over, self.read_number))
        self.changed.emit()

    def _take_over(self, number: int, read: tuple[LayerScan, dict[str, Any]] | Exception) -> None:
        """Know what a layer holds, unless it has been asked again meanwhile."""
        if number != self.read_number:
            return
        self.reading, self._layer_scan = False, None
        if isinstance(read, Exception):
            self._problem = failure_of(read).sentence
        else:
            try:
                # A slice or time out of range is noticed here and not after the click.
                outline(read[0].scan, self._selection(read[0]))
                self._layer_scan, self._answers = read
            except UserError as error:
                self._problem = str(error)
        self.changed.emit()

    def _key(self) -> tuple[Any, ...]:
        layer = self.layer
        return () if layer is None else (*layer_key(layer), self.corrections)

    def _scan_of(
        self, key: tuple[Any, ...], parts: LayerParts, corrections: Corrections
    ) -> tuple[LayerScan, dict[str, Any]] | Exception:
        """Read a layer as it is corrected, with the answers it was read with; for any thread."""
        answers = corrections.answers()
        if self.modality == "ulm" and answers["modality"] is None:
            answers["modality"] = "ulm"
        try:
            if corrections.slice_mm is not None and corrections.spacing is None:
                scan = self._reader.read(key, parts, **{**answers, "spacing": None}).scan
                answers["spacing"] = (
                    corrections.slice_mm,
                    step_of(scan, "j"),
                    step_of(scan, "i"),
                )
            return self._reader.read(key, parts, **answers), answers
        except Exception as error:
            return error

    def _selection(self, read: LayerScan) -> Selection:
        layer = self.layer
        shown = {} if layer is None else shown_numbers(self._viewer, layer, read.axes)
        return resolve(self.corrections, read.scan, shown)

    # ------------------------------------------------------------ changes by others

    def _follow(self, layer: Image | None) -> None:
        """Hear of changes of the chosen layer, by another plugin or in the console."""
        if id_of(layer) == self._followed:
            return
        self._on_chosen.close()
        self._followed = id_of(layer)
        if layer is None:
            return
        for name in ("scale", "units", "affine"):
            self._on_chosen.connect(getattr(layer.events, name), self._on_resized)
        for name in ("translate", "rotate", "shear", "axis_labels", "data", "metadata"):
            if hasattr(layer.events, name):
                self._on_chosen.connect(getattr(layer.events, name), self._on_touched)

    def _on_resized(self, event: Event) -> None:
        """The layer has another size: a correction of the one that it had no longer holds."""
        if self._applying:
            return
        corrections = self.corrections
        if corrections.spacing is not None or corrections.slice_mm is not None:
            held = replace(corrections, spacing=None, slice_mm=None)
            self._corrections[self._followed] = held
        self.touched.emit()

    def _on_touched(self, event: Event) -> None:
        if not self._applying:
            self.touched.emit()


def _turning(layer: Image) -> npt.NDArray[np.float64]:
    """What makes a step in pixels a step of the layer's translation."""
    from napari.utils.transforms import Affine

    inner = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear)
    return np.asarray(inner.linear_matrix, np.float64)


def _ratios(read: LayerScan) -> tuple[npt.NDArray[np.float64], bool]:
    """By what to multiply the scale of each axis of a layer, and whether its unit must become mm.

    The unit of its size stays where it has one.
    """
    spatial = [axis for axis in read.axes.every if axis.dim in AXIS_OF]
    bare = any(axis.mm is None for axis in spatial)
    ratios = np.ones(len(read.axes.every))
    for n, axis in enumerate(read.axes.every):
        if axis in spatial and AXIS_OF[axis.dim] in read.scan.coords:
            mm = 1.0 if bare else axis.mm or 1.0
            ratios[n] = step_of(read.scan, axis.dim) / (abs(axis.step) * mm)
    return ratios, bare
