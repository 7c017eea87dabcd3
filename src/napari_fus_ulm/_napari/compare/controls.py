"""The buttons that turn a view on, and what can be set of it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.compare.image_list import ImageCombo
from napari_fus_ulm._napari.compare.pictures import BLINK, CURTAIN, DIFFERENCE, GRID, OFF, PAIRED
from napari_fus_ulm._napari.widgets.controls import (
    CalmSpinBox,
    Signal,
    add_row,
    form,
    row,
    wrapped,
)

TITLES = {
    OFF: ("Off", "Ends the view and restores the viewer."),
    GRID: ("Grid", "Shows the checked images side by side, panned and zoomed together."),
    CURTAIN: ("Curtain", "Shows one image left and another right of a line that you drag."),
    BLINK: ("Blink", "Shows the checked images one after another in the same place."),
    DIFFERENCE: ("Difference", "Shows one image minus another."),
}


class ViewButtons(QWidget):
    """One button per view, one of them pressed.

    Signals
    -------
    requested(str)
        The user wants a view.
    """

    requested = Signal(str)

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

    def _on_click(self, button: QAbstractButton) -> None:
        self.requested.emit(str(button.property("view")))


class ViewControls(QWidget):
    """What can be set of the view that is on.

    Signals
    -------
    pair_changed()
        Another image on the left, on the right, or to subtract.
    share_changed(float)
        The curtain was moved, 0 to 1.
    flip_requested()
        The next image, on a click or by the timer.
    """

    pair_changed = Signal()
    share_changed = Signal(float)
    flip_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = ImageCombo(), ImageCombo()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 1000)
        self.slider.setValue(500)
        self.slider.setToolTip("Position of the line; further right shows more of the left image.")
        self.slider.setAccessibleName("Curtain")
        self.rate = CalmSpinBox(1, 4)
        self.rate.setSuffix(" per second")
        self.rate.setValue(2)
        self.flip = QPushButton("Flip (B)")
        self.flip.setToolTip("Shows the next image (key B).")
        self.play = QPushButton("Pause")
        self.play.setCheckable(True)
        self.play.setToolTip("Pauses the blinking; flip by hand meanwhile.")
        self.text = wrapped()
        self._timer = QTimer(self)
        self._form = form()
        tip = "The image left of the line, or the one to subtract from."
        self._first_label = add_row(self._form, "Left", self.first, tip)
        tip = "The image right of the line, or the one to subtract."
        self._second_label = add_row(self._form, "Right", self.second, tip)
        self._blink = row(self.flip, self.play, self.rate, stretch=2)
        self.rate.setToolTip("Images shown per second.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        for widget in (self.slider, self._blink, self.text):
            layout.addWidget(widget)
        self.first.changed.connect(self.pair_changed)
        self.second.changed.connect(self.pair_changed)
        self.slider.valueChanged.connect(self._on_slider)
        self.flip.clicked.connect(self.flip_requested)
        self.rate.valueChanged.connect(self._on_rate)
        self.play.toggled.connect(self._on_pause)
        self._timer.timeout.connect(self.flip_requested)
        self.show_view(OFF)

    def set_share(self, share: float) -> None:
        """Show where the curtain is, 0 to 1."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(share * self.slider.maximum()))

    def show_view(self, view: str) -> None:
        """Show what belongs to a view, and let it blink or not."""
        pair, words = view in PAIRED, ("Left", "Right")
        if view == DIFFERENCE:
            words = ("Image", "Minus")
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
        """Write a description of the view below the controls."""
        self.text.setText(text)
        self.updateGeometry()  # or the lines of the text before are what there is room for

    def stop(self) -> None:
        """Stop blinking; the widget is about to go."""
        self._timer.stop()

    def _on_slider(self, _: int) -> None:
        self.share_changed.emit(self.slider.value() / self.slider.maximum())

    def _on_rate(self, _: int = 0) -> None:
        if not self.play.isChecked():
            self._timer.start(round(1000 / self.rate.value()))

    def _on_pause(self, paused: bool) -> None:
        self.play.setText("Resume" if paused else "Pause")
        if paused:
            self._timer.stop()
        else:
            self._on_rate()
