"""Connections to a viewer's events that are closed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.utils.events import Event, EventEmitter

    Slot = Callable[[Event], None]


class Connections:
    """Slots that follow a viewer until they are disconnected."""

    def __init__(self) -> None:
        self._connected: list[tuple[EventEmitter, Slot]] = []

    def connect(self, signal: EventEmitter, slot: Slot) -> None:
        """Call a slot at every event of a signal."""
        signal.connect(slot)
        self._connected.append((signal, slot))

    def follow_names(self, layers: LayerList, slot: Slot) -> None:
        """Call a slot when a layer is renamed, where napari signals it (from 0.6.2)."""
        if hasattr(layers.events, "renamed"):
            self.connect(layers.events.renamed, slot)

    def close(self) -> None:
        """Stop following; a second time does nothing."""
        for signal, slot in self._connected:
            signal.disconnect(slot)
        self._connected.clear()
