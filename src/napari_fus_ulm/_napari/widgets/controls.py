"""Small controls that all docks share; they ignore the scroll wheel until they have focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, QSize, Qt
from qtpy.QtCore import Signal as Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QIcon, QPaintEvent, QWheelEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
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

    def __init__(self, low: float, high: float, decimals: int) -> None:
        super().__init__()
        self.setRange(low, high)
        self.setDecimals(decimals)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, event, super().wheelEvent)


class CalmComboBox(QComboBox):
    """A combo box that ignores the wheel, and that long names do not widen."""

    def __init__(self, items: tuple[tuple[str, Any], ...] = ()) -> None:
        super().__init__()
        for text, data in items:
            self.addItem(text, data)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel(self, event, super().wheelEvent)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Shorten a long name in its middle: layers differ at both ends."""
        option, painter, style = QStyleOptionComboBox(), QStylePainter(self), self.style()
        assert style is not None
        self.initStyleOption(option)
        field = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, field.width() - 4
        )
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

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


LABEL_WIDTH = 76
NARROWEST = 320
BORDER = 1
"""That napari's themes give to what scrolls, although it has no frame; pixels."""
TALLEST = (1 << 24) - 1
"""Qt's own limit: none."""


class TallScroll(QScrollArea):
    """Scrolls up and down only: it is never narrower than what it holds."""

    def __init__(self, body: QWidget) -> None:
        super().__init__()
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        done = super().eventFilter(watched, event)
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            # A theme's wider letters widen the dock, not clip it; a hint alone may come too late.
            self.setMinimumWidth(self.minimumSizeHint().width())
        return done

    def minimumSizeHint(self) -> QSize:
        body, bar = self.widget(), self.verticalScrollBar()
        hint = super().minimumSizeHint()
        if body is None or bar is None:
            return hint
        width = body.minimumSizeHint().width() + bar.sizeHint().width() + 2 * BORDER
        return QSize(max(width, hint.width(), NARROWEST), hint.height())


def form() -> QFormLayout:
    """A narrow form: labels on the left, fields that fill the rest."""
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    layout.setHorizontalSpacing(4)
    layout.setVerticalSpacing(4)
    return layout


def add_row(layout: QFormLayout, text: str, field: QWidget, tip: str) -> QLabel:
    """Add a labelled field; the tooltip goes to both."""
    label = QLabel(text)
    label.setToolTip(tip)
    label.setMinimumWidth(LABEL_WIDTH)
    label.setBuddy(field)
    field.setToolTip(tip)
    field.setAccessibleName(text)
    layout.addRow(label, field)
    return label


def row(*widgets: QWidget, stretch: int = -1, spacing: int = 4) -> QWidget:
    """Put widgets beside each other; the one numbered ``stretch`` takes the room."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if number == stretch else 0)
    return holder


class Section(QCollapsible):
    """A part of the dock folded away under a title."""

    def __init__(self, title: str, content: QWidget) -> None:
        # No icons: superqt paints them once, in the colours of the theme of that moment.
        super().__init__(title, expandedIcon=QIcon(), collapsedIcon=QIcon())
        self._title = title
        self.setDuration(0)  # no animation: a dock answers at once
        outer, inner = self.layout(), self.content().layout()
        if outer is not None and inner is not None:
            outer.setContentsMargins(0, 0, 0, 0)
            inner.setContentsMargins(12, 2, 0, 4)
        self.addWidget(content)
        # napari paints a checked button in its accent colour; a heading is no switch.
        self.toggleButton().setStyleSheet(
            "text-align: left; border: none; outline: none; background-color: transparent;"
        )
        self.toggleButton().setToolTip(f"Shows or hides “{title}”.")
        self.toggled.connect(self._show_title)
        self._show_title(False)

    def beside_title(self, widget: QWidget) -> None:
        """Put a small widget at the right of the title."""
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)  # superqt's
        title = self.toggleButton()
        outer.removeWidget(title)
        outer.insertWidget(0, row(title, widget, stretch=0))

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        assert a0 is not None  # Qt gives both
        assert a1 is not None
        done = super().eventFilter(a0, a1)
        if self.isExpanded():
            self._let_grow()
        return done

    def _let_grow(self) -> None:
        """Let a narrow dock have the lines that it needs; superqt allows those of a wide one."""
        self.content().setMaximumHeight(TALLEST)

    def _show_title(self, expanded: bool) -> None:
        # Folded away, it is of no height, but the Tab key would still step through it.
        self.content().setVisible(expanded)
        if expanded:
            self._let_grow()
        self.setText(f"{'▾' if expanded else '▸'} {self._title}")


def wrapped(text: str = "") -> QLabel:
    """A label that breaks its lines and whose text can be selected."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def menu_on(button: QPushButton, entries: Mapping[str, Callable[[], None]]) -> None:
    """Give a button a menu that opens at once."""
    menu = QMenu(button)
    for text, slot in entries.items():
        action = menu.addAction(text)
        if action is not None:
            action.triggered.connect(slot)
    button.setMenu(menu)
