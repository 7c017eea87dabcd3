"""Small controls that all docks share; they ignore the scroll wheel until they have the focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtCore import Signal as Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSpinBox,
    QToolButton,
    QWidget,
)
from superqt import QCollapsible


class CalmSpinBox(QSpinBox):
    """A spin box that lets a panel scroll under the mouse."""

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        super().__init__()
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, event, super().wheelEvent)


class CalmDoubleSpinBox(QDoubleSpinBox):
    """The same for numbers with decimals."""

    def __init__(self, low: float, high: float, decimals: int = 1, suffix: str = "") -> None:
        super().__init__()
        self.setRange(low, high)
        self.setDecimals(decimals)
        self.setSuffix(suffix)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, event, super().wheelEvent)


class CalmComboBox(QComboBox):
    """A combo box that scrolls past, and that long names do not widen."""

    def __init__(self, items: tuple[tuple[str, Any], ...] = ()) -> None:
        super().__init__()
        for text, data in items:
            self.addItem(text, data)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, event, super().wheelEvent)

    def choose(self, data: Any) -> bool:
        """Select the item that holds ``data`` without a signal; False if there is none."""
        for index in range(self.count()):
            if self.itemData(index) == data:
                with QSignalBlocker(self):
                    self.setCurrentIndex(index)
                return True
        return False


def _wheel(widget: QWidget, event: QWheelEvent | None, act: Any) -> None:
    if event is None:
        return
    if widget.hasFocus():
        act(event)
    else:
        event.ignore()


def form() -> QFormLayout:
    """A narrow form: labels on the left, fields that fill the rest."""
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    layout.setHorizontalSpacing(8)
    layout.setVerticalSpacing(4)
    return layout


def add_row(layout: QFormLayout, text: str, field: QWidget, tip: str) -> QLabel:
    """Add a labelled field; the tooltip goes to both."""
    label = QLabel(text)
    label.setToolTip(tip)
    label.setBuddy(field)
    field.setToolTip(tip)
    field.setAccessibleName(text)
    layout.addRow(label, field)
    return label


def row(*widgets: QWidget, stretch: int = -1) -> QWidget:
    """Put widgets beside each other; the one numbered ``stretch`` takes the room."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if number == stretch else 0)
    return holder


def folded(title: str, content: QWidget) -> QCollapsible:
    """Fold a part of the dock away under a title."""
    section = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    section.setDuration(0)  # no animation: a dock answers at once
    outer, inner = section.layout(), section.content().layout()
    if outer is not None and inner is not None:
        outer.setContentsMargins(0, 0, 0, 0)
        inner.setContentsMargins(12, 2, 0, 4)
    section.addWidget(content)
    section.toggleButton().setToolTip(f"Shows or hides “{title}”.")
    return section


def wrapped(text: str = "") -> QLabel:
    """A label that breaks its lines and whose text can be selected."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def menu_on(button: QToolButton, entries: Mapping[str, Callable[[], None]]) -> None:
    """Give a button a menu that opens at once."""
    menu = QMenu(button)
    for text, slot in entries.items():
        action = menu.addAction(text)
        if action is not None:
            action.triggered.connect(slot)
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
