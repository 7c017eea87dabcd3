"""A small plot of a few curves, in the theme's own colours; drawn in a millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

SOLID, DASHED, DOTTED = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 8, 36
HEIGHT = 150


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve.

    Parameters
    ----------
    x, y : array of shape (points,)
        NaN leaves a gap.
    colour : str
    style : Qt.PenStyle
    mark : tuple of float or None
        (left, right, height) of a bar with ends, to show a width.
    """

    x: npt.NDArray[np.floating]
    y: npt.NDArray[np.floating]
    colour: str
    style: Qt.PenStyle = SOLID
    mark: tuple[float, float, float] | None = None


class CurvePlot(QWidget):
    """Curves over labelled axes.

    Parameters
    ----------
    x_label, y_label : str
        With their units.
    """

    def __init__(self, x_label: str, y_label: str) -> None:
        super().__init__()
        self.x_label, self.y_label = x_label, y_label
        self.curves: tuple[Curve, ...] = ()
        self._range = (0.0, 1.0, 0.0, 1.0)
        self._marks: tuple[tuple[float, str], ...] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)

    def show_curves(
        self, curves: Sequence[Curve], marks: Sequence[tuple[float, str]] | None = None
    ) -> None:
        """Draw other curves.

        Parameters
        ----------
        curves : sequence of Curve
            The y axis holds 0 to 1 at least.
        marks : sequence of (x, text), optional
            What to write below the x axis instead of round numbers.
        """
        self.curves, low, high = tuple(curves), 0.0, 1.0
        self._marks = None if marks is None else tuple(marks)
        x, y = (np.concatenate([np.zeros(0), *(getattr(c, axis) for c in curves)]) for axis in "xy")
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
        if x.size and y.size:
            margin = 0.04 * max(float(y.max()), high)
            bottom = min(float(y.min()), low)
            self._range = (
                float(x.min()),
                max(float(x.max()), float(x.min()) + 1e-9),
                bottom - (margin if bottom < low else 0.0),
                max(float(y.max()), high) + margin,
            )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(280, HEIGHT)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if not self.curves:
            return
        area = QRectF(LEFT, TOP, self.width() - LEFT - RIGHT, self.height() - TOP - BOTTOM)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_axes(painter, area)
        painter.setClipRect(area)
        for curve in self.curves:
            self._draw(painter, area, curve)
        painter.end()

    def _at(self, area: QRectF, x: float, y: float) -> QPointF:
        left, right, low, high = self._range
        return QPointF(
            area.left() + (x - left) / (right - left) * area.width(),
            area.bottom() - (y - low) / (high - low) * area.height(),
        )

    def _draw(self, painter: QPainter, area: QRectF, curve: Curve) -> None:
        painter.setPen(QPen(QColor(curve.colour), 1.8, curve.style))
        known = np.isfinite(curve.x) & np.isfinite(curve.y)
        for part in np.split(np.arange(known.size), np.flatnonzero(np.diff(known)) + 1):
            if known[part].all():
                points = zip(curve.x[part], curve.y[part], strict=True)
                painter.drawPolyline(QPolygonF([self._at(area, *map(float, p)) for p in points]))
        if curve.mark is not None:
            first, last, height = curve.mark
            one, other = self._at(area, first, height), self._at(area, last, height)
            painter.setPen(QPen(QColor(curve.colour), 1.4))
            painter.drawLine(one, other)
            for end in (one, other):
                painter.drawLine(end - QPointF(0, 4), end + QPointF(0, 4))

    def _draw_axes(self, painter: QPainter, area: QRectF) -> None:
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(ink)
        faint.setAlpha(60)
        left, right, low, high = self._range
        font = painter.font()
        font.setPointSizeF(max(font.pointSizeF() * 0.85, 7.0))
        painter.setFont(font)
        middle = Qt.AlignmentFlag.AlignCenter
        painter.setPen(ink)
        for value, text in self._marks or [(v, f"{v:g}") for v in _ticks(left, right, 5)]:
            if left <= value <= right:
                at = self._at(area, value, low)
                painter.drawLine(at, at + QPointF(0, 3))
                painter.drawText(QRectF(at.x() - 30, area.bottom() + 3, 60, 15), middle, text)
        for value in _ticks(low, high, 3):
            at = self._at(area, left, value)
            painter.setPen(faint)
            painter.drawLine(at, QPointF(area.right(), at.y()))
            painter.setPen(ink)
            ends = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(14, at.y() - 8, LEFT - 18, 16), ends, f"{value:g}")
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        below = QRectF(area.left(), area.bottom() + 16, area.width(), 16)
        painter.drawText(below, middle, self.x_label)
        painter.save()
        painter.translate(8, area.center().y())
        painter.rotate(-90)
        painter.drawText(QRectF(-area.height() / 2, -8, area.height(), 16), middle, self.y_label)
        painter.restore()


def _ticks(low: float, high: float, most: int) -> list[float]:
    """About so many round numbers between two values."""
    rough = max(high - low, 1e-12) / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min(n for n in (1.0, 2.0, 5.0, 10.0) if n * power >= 0.999 * rough)
    numbers = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    return [round(float(n * step), 9) + 0.0 for n in numbers]
