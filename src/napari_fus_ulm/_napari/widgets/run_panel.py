"""The button that runs and cancels, with the progress."""

from __future__ import annotations

import time

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeySequence  # type: ignore[attr-defined]
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_fus_ulm._napari.run import CANCELLING, EMPTY, READY, RUNNING
from napari_fus_ulm._napari.widgets.controls import Signal, wrapped
from napari_fus_ulm.inference.events import Progress


class RunPanel(QWidget):
    """*Enhance*, which becomes *Cancel* (Esc), then "Cancelling…"; progress with the time left.

    Signals
    -------
    run_requested(), cancel_requested()
    """

    run_requested = Signal()
    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Enhance")
        self.button.setMinimumHeight(32)
        font = self.button.font()
        font.setBold(True)
        self.button.setFont(font)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.left = QLabel()
        self.left.setTextFormat(Qt.TextFormat.PlainText)
        self.status = wrapped()
        self.meanwhile = wrapped()
        self.meanwhile.setToolTip("Loaded while nothing else is done, so that a run begins soon.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.button, self.bar, self.left, self.status, self.meanwhile):
            layout.addWidget(widget)
        self.state = EMPTY
        self.offer = "Enhance"
        """Text of the button when nothing runs; another one asks."""
        self.tip = "Adds an enhanced layer; your image is not changed. Ctrl/Cmd+Return."
        """Its tooltip then."""
        self._first: tuple[float, int] | None = None
        self.escape = QAction("Cancel", self)
        self.escape.setShortcut(QKeySequence("Esc"))
        self.escape.triggered.connect(self.cancel_requested)
        self.addAction(self.escape)
        self.button.clicked.connect(self._on_click)
        self.set_state(EMPTY)

    def set_state(self, state: str, status: str = "") -> None:
        """Show a state; ``status`` is the line below when nothing runs."""
        if state == RUNNING and self.state != RUNNING:
            self._first = None
            self.bar.setRange(0, 0)
            self.left.setText("Preparing…")
        self.state = state
        busy = state in (RUNNING, CANCELLING)
        texts = {RUNNING: "Cancel", CANCELLING: "Cancelling…"}
        tips = {
            RUNNING: "Stops after the current batch of patches; the preview stays. Esc.",
            CANCELLING: "Finishing the current batch of patches.",
        }
        self.button.setText(texts.get(state, self.offer))
        self.button.setToolTip(tips.get(state, self.tip))
        self.button.setEnabled(state in (READY, RUNNING))
        self.escape.setEnabled(state == RUNNING)  # the key is the viewer's own otherwise
        self.bar.setVisible(busy)
        self.left.setVisible(busy)
        self.status.setText(status)
        self.status.setVisible(bool(status) and not busy)
        self.say_meanwhile(self.meanwhile.text())

    def say_meanwhile(self, text: str) -> None:
        """Say what is loaded in the background; nothing while a run says what it does."""
        self.meanwhile.setText(text)
        self.meanwhile.setVisible(bool(text) and self.state not in (RUNNING, CANCELLING))

    def show_progress(self, progress: Progress, step: str = "") -> None:
        """Show the progress of a run and its step; a total of 0 is unknown."""
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        # Of several samples the number of the sample says enough.
        parts = [progress.what, "" if "sample" in progress.what else step]
        parts = [part for part in parts if part]
        left = self._seconds_left(progress.done, progress.total)
        if left is not None:
            parts.append(_time(left) + " left")
        self.left.setText(" · ".join(parts) or "Working…")

    def _seconds_left(self, done: int, total: int) -> float | None:
        """From the pace since the first event: loading the model is no part of it."""
        now = time.monotonic()
        if total <= 0:
            return None
        if self._first is None or done < self._first[1]:
            self._first = now, done
        begun, already = self._first
        if done <= already:
            return None
        return (now - begun) / (done - already) * (total - done)

    def _on_click(self) -> None:
        (self.cancel_requested if self.state == RUNNING else self.run_requested).emit()


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
