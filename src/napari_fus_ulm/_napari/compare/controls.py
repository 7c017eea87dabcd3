"""What the Compare dock is made of: the list of images, the views' controls, the long run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.compare.layers import titles
from napari_fus_ulm._napari.compare.views import DIFFERENCE_LIMIT
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    CalmSpinBox,
    Signal,
    add_row,
    form,
    row,
    wrapped,
)

if TYPE_CHECKING:
    from napari.layers import Image

OFF, GRID, CURTAIN, BLINK, DIFFERENCE = "off", "grid", "curtain", "blink", "difference"
TITLES = {
    OFF: ("Off", "Ends the view; everything is as it was before."),
    GRID: ("Grid", "Shows the checked images beside each other under one camera."),
    CURTAIN: ("Curtain", "Shows one image left and another right of a line that you move."),
    BLINK: ("Blink", "Shows the checked images one after another in the same place."),
    DIFFERENCE: ("Difference", "Shows one image minus another."),
}
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
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.setAccessibleName("Images to compare")
        self.setToolTip("What is compared and drawn in the figure; the newest image is on top.")
        self._layers: list[Image] = []
        self.itemChanged.connect(self._on_item)

    def set_layers(self, layers: Sequence[Image]) -> None:
        """Follow the viewer; images that are new here are checked if they are visible."""
        known = {layer.unique_id: self._checked(row) for row, layer in enumerate(self._layers)}
        self._layers = list(layers)
        with QSignalBlocker(self):
            self.clear()
            for layer, title in zip(layers, titles(layers), strict=True):
                item = QListWidgetItem(title)
                item.setToolTip(layer.name)
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                item.setCheckState(_state(known.get(layer.unique_id, layer.visible)))
                self.addItem(item)
        self.updateGeometry()

    def checked(self) -> list[Image]:
        """The checked images, the oldest first."""
        found = [layer for row, layer in enumerate(self._layers) if self._checked(row)]
        return found[::-1]

    def check(self, layers: Iterable[Image], *, only: bool = False) -> None:
        """Check images; with ``only``, all others are unchecked."""
        wanted = {layer.unique_id for layer in layers}
        with QSignalBlocker(self):
            for number, layer in enumerate(self._layers):
                if layer.unique_id in wanted or only:
                    self._item(number).setCheckState(_state(layer.unique_id in wanted))
        self.changed.emit()

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 1), _ROWS)
        height = self.sizeHintForRow(0) if self.count() else 20
        return QSize(200, rows * height + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def _checked(self, number: int) -> bool:
        return self._item(number).checkState() == Qt.CheckState.Checked

    def _item(self, number: int) -> QListWidgetItem:
        item = self.item(number)
        assert item is not None
        return item

    def _on_item(self, _: Any) -> None:
        self.changed.emit()


def _state(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked


class LayerCombo(CalmComboBox):
    """A choice among layers, which follows a default until the user chooses.

    Parameters
    ----------
    none : str
        Text of the entry for no layer; without it there is no such entry.
    """

    def __init__(self, none: str = "") -> None:
        super().__init__()
        self._none, self._by_hand = none, False
        self._layers: dict[Any, Image] = {}
        self.activated.connect(self._on_activated)

    def set_layers(self, layers: Sequence[Image], default: Image | None) -> None:
        """Offer these layers; ``default`` is taken unless the user has chosen another one."""
        chosen = self.currentData()
        self._layers = {layer.unique_id: layer for layer in layers}
        with QSignalBlocker(self):
            self.clear()
            if self._none:
                self.addItem(self._none, None)
            for layer, title in zip(layers, titles(layers), strict=True):
                self.addItem(title, layer.unique_id)
        self._by_hand = self._by_hand and self.choose(chosen)
        if not self._by_hand and not self.choose(default and default.unique_id):
            self.setCurrentIndex(-1)

    def _on_activated(self, _: int) -> None:
        self._by_hand = True

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return self._layers.get(self.currentData())


class ViewButtons(QWidget):
    """One button a view, one of which is down.

    Signals
    -------
    asked(str)
        The user wants a view.
    """

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for name, (title, tip) in TITLES.items():
            button = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setProperty("view", name)
            self._group.addButton(button)
            self.buttons[name] = button
        layout.addWidget(row(*self.buttons.values(), spacing=2))
        self._group.buttonClicked.connect(self._on_click)
        self.show_view(OFF)

    def show_view(self, name: str) -> None:
        """Show which view is on."""
        self.buttons[name].setChecked(True)

    def allow(self, allowed: bool) -> None:
        """Let views be chosen, or only *Off*."""
        for name, button in self.buttons.items():
            button.setEnabled(allowed or name == OFF)

    def _on_click(self, button: Any) -> None:
        self.asked.emit(str(button.property("view")))


class ViewControls(QWidget):
    """What can be set of the view that is on.

    Signals
    -------
    pair_changed()
        Another image left, right, or to be subtracted.
    share_changed(float)
        The curtain was moved, 0 to 1.
    flip_asked()
        The next image, by hand or in time.
    """

    pair_changed = Signal()
    share_changed = Signal(float)
    flip_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = LayerCombo(), LayerCombo()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 1000)
        self.slider.setValue(500)
        self.slider.setToolTip("Where the line is; further right, more of the left image shows.")
        self.slider.setAccessibleName("Curtain")
        self.rate = CalmSpinBox(1, 4)
        self.rate.setSuffix(" per second")
        self.rate.setValue(2)
        self.flip = QPushButton("Flip (B)")
        self.flip.setToolTip("Shows the next image at once; key B.")
        self.play = QPushButton("Pause")
        self.play.setCheckable(True)
        self.play.setToolTip("Stops the blinking; flip by hand then.")
        self.text = wrapped()
        self._timer = QTimer(self)
        self._form = form()
        tip = "The image left of the line, or the one that the other is subtracted from."
        self._first_label = add_row(self._form, "Left", self.first, tip)
        tip = "The image right of the line, or the one that is subtracted."
        self._second_label = add_row(self._form, "Right", self.second, tip)
        self._blink = row(self.flip, self.play, self.rate, stretch=2)
        self.rate.setToolTip("How often the image changes.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        for widget in (self.slider, self._blink, self.text):
            layout.addWidget(widget)
        self.first.activated.connect(self._on_pair)
        self.second.activated.connect(self._on_pair)
        self.slider.valueChanged.connect(self._on_slider)
        self.flip.clicked.connect(self.flip_asked)
        self.rate.valueChanged.connect(self._on_rate)
        self.play.toggled.connect(self._on_pause)
        self._timer.timeout.connect(self.flip_asked)
        self.show_view(OFF)

    @property
    def share(self) -> float:
        """Where the curtain is, 0 to 1."""
        return self.slider.value() / self.slider.maximum()

    def set_share(self, share: float) -> None:
        """Move the curtain as the user would."""
        self.slider.setValue(round(share * self.slider.maximum()))

    def show_view(self, view: str) -> None:
        """Show what belongs to a view, and let it blink or not."""
        pair, words = view in (CURTAIN, DIFFERENCE), ("Left", "Right")
        if view == DIFFERENCE:
            words = ("Image", "minus")
        for label, field, word in zip(
            (self._first_label, self._second_label), (self.first, self.second), words, strict=True
        ):
            label.setText(word)
            field.setAccessibleName(word)
            label.setVisible(pair)
            field.setVisible(pair)
        self.slider.setVisible(view == CURTAIN)
        self._blink.setVisible(view == BLINK)
        self.text.setVisible(view != OFF)
        self.setVisible(view != OFF)
        self.play.setChecked(False)
        self._timer.stop()
        if view == BLINK:
            self._on_rate()

    def say(self, text: str) -> None:
        """Write what is seen below the controls."""
        self.text.setText(text)
        self.updateGeometry()  # or the lines of the text before are what there is room for

    def stop(self) -> None:
        """Stop blinking; the widget is about to go."""
        self._timer.stop()

    def _on_pair(self, _: int) -> None:
        self.pair_changed.emit()

    def _on_slider(self, _: int) -> None:
        self.share_changed.emit(self.share)

    def _on_rate(self, _: int = 0) -> None:
        if not self.play.isChecked():
            self._timer.start(round(1000 / self.rate.value()))

    def _on_pause(self, paused: bool) -> None:
        self.play.setText("Go on" if paused else "Pause")
        if paused:
            self._timer.stop()
        else:
            self._on_rate()


def difference_legend(first: str, second: str) -> str:
    """Say what the colours of a difference mean."""
    return (
        f"Green: brighter in “{first}”. Pink: brighter in “{second}”. White: the same. Full colour "
        f"at ±{DIFFERENCE_LIMIT:g} grey levels."
    )
