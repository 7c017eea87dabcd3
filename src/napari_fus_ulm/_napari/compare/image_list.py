"""The list of images to compare, and a choice among them."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from napari_fus_ulm._napari.compare.choice import Entry
from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.widgets.controls import CalmComboBox, Signal

_ROWS = 7
"""Images that the list shows without scrolling."""


class ImageList(QListWidget):
    """Images to check, the newest on top.

    Signals
    -------
    changed()
        Another choice.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Images to compare")
        self.setToolTip("Images to compare and to draw in the figure; the newest is on top.")
        self._entries: tuple[Entry, ...] = ()
        self.itemChanged.connect(self._on_item)

    def value(self) -> dict[LayerId, bool]:
        """Return which images are checked, by id."""
        items = (self.item(row) for row in range(self.count()))
        states = [item is not None and item.checkState() == Qt.CheckState.Checked for item in items]
        return {one.layer_id: state for one, state in zip(self._entries, states, strict=True)}

    def set_value(self, entries: tuple[Entry, ...]) -> None:
        """Show these images."""
        self._entries = entries
        with QSignalBlocker(self):
            # Not all anew: an item may be the one whose click is being answered.
            while self.count() > len(entries):
                self.takeItem(self.count() - 1)
            while self.count() < len(entries):
                self.addItem(QListWidgetItem())
            for number, entry in enumerate(entries):
                _show(self.item(number), entry)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 1), _ROWS)
        height = self.sizeHintForRow(0) if self.count() else 20
        return QSize(200, rows * height + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def _on_item(self, _: QListWidgetItem) -> None:
        self.changed.emit()


def _show(item: QListWidgetItem | None, entry: Entry) -> None:
    assert item is not None
    item.setText(entry.title)
    item.setToolTip(entry.name)
    item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
    item.setCheckState(Qt.CheckState.Checked if entry.checked else Qt.CheckState.Unchecked)


class ImageCombo(CalmComboBox):
    """A choice among images.

    Parameters
    ----------
    none : str
        Text of the entry for no image; without it there is no such entry.

    Signals
    -------
    changed()
        The user has chosen another one.
    """

    changed = Signal()

    def __init__(self, none: str = "") -> None:
        super().__init__()
        self._none = none
        self.activated.connect(self._on_activated)

    def offer(self, entries: tuple[Entry, ...]) -> None:
        """Offer these images; `set_value` chooses among them."""
        with QSignalBlocker(self):
            self.clear()
            if self._none:
                self.addItem(self._none, None)
            for entry in entries:
                self.addItem(entry.title, entry.layer_id)

    def value(self) -> LayerId | None:
        """Return the id of the chosen image."""
        layer_id: LayerId | None = self.currentData()
        return layer_id

    def set_value(self, layer_id: LayerId | None) -> None:
        """Show which image is chosen."""
        if not self.choose(layer_id):
            with QSignalBlocker(self):
                self.setCurrentIndex(-1)

    def _on_activated(self, _: int) -> None:
        self.changed.emit()
