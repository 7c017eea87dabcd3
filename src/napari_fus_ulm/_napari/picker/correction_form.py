"""Correct the metadata of an image: pixel size, slice, time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import xarray as xr
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_fus_ulm._napari.picker.part_form import Corrections, Pick
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    CalmDoubleSpinBox,
    CalmSpinBox,
    Signal,
    add_row,
    form,
    row,
)
from napari_fus_ulm.plausible import doubt
from napari_fus_ulm.scan import spacing_of, step_of

DEPTHS = (
    ("down the image (y)", "y"),
    ("across the image (x)", "x"),
    ("through the stack (z)", "z"),
)


class AxisChoice(QWidget):
    """All of an axis, its mean, what the viewer shows, or one number.

    Signals
    -------
    changed()
        Another choice.
    """

    changed = Signal()

    def __init__(self, word: str, ways: tuple[str, ...]) -> None:
        super().__init__()
        self._word = word
        self._ways = CalmComboBox(tuple((way, way) for way in ways))
        self._number = CalmSpinBox(1, 1)
        self._number.setAccessibleName(f"{word} number")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._ways, 1)
        layout.addWidget(self._number)
        self._number.hide()
        self._ways.currentIndexChanged.connect(self._on_way)
        self._number.valueChanged.connect(self._on_number)

    def set_axis(self, size: int) -> None:
        """Show how long the axis of an image is."""
        texts = {
            "all": f"all {size} {self._word}s",
            "mean": f"mean of {size} {self._word}s",
            "shown": f"the {self._word} shown",
            "one": f"{self._word} number",
        }
        with QSignalBlocker(self._number), QSignalBlocker(self._ways):
            for index in range(self._ways.count()):
                self._ways.setItemText(index, texts[self._ways.itemData(index)])
            self._number.setRange(1, size)
            self._number.setSuffix(f" of {size}")

    def set_value(self, pick: Pick) -> None:
        """Show a choice."""
        with QSignalBlocker(self._number):
            if isinstance(pick, int):
                self._number.setValue(pick + 1)
        self._ways.choose("one" if isinstance(pick, int) else pick)
        self._number.setVisible(isinstance(pick, int))

    def value(self) -> Pick:
        """Return the choice."""
        way = self._ways.currentData()
        return self._number.value() - 1 if way == "one" else way

    def _on_way(self) -> None:
        self._number.setVisible(self._ways.currentData() == "one")
        self.changed.emit()

    def _on_number(self) -> None:
        self.changed.emit()


class SizeBox(CalmDoubleSpinBox):
    """A number that is typed: no buttons, and no zeros that say nothing."""

    def __init__(self, low: float, high: float, decimals: int, suffix: str = "") -> None:
        super().__init__(low, high, decimals)
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setSuffix(suffix)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text


class CorrectionForm(QWidget):
    """A small form about one image.

    Parameters
    ----------
    shown : bool
        Offer "the slice shown" (in a viewer) beside all and one.

    Signals
    -------
    changed()
        The user has corrected something.
    """

    changed = Signal()

    def __init__(self, *, shown: bool) -> None:
        super().__init__()
        self._corrections = Corrections()
        ways = ("shown",) if shown else ()
        self._layout = form()
        self.setLayout(self._layout)
        self._shape, self._step, self._doubtful = (1, 1), (0.1, 0.1), False
        self.wide_mm = SizeBox(0.001, 1e6, 3, " wide")
        self.deep_mm = SizeBox(0.001, 1e6, 3, " deep")
        self.width_um = SizeBox(0.01, 1e8, 2, " wide")
        self.depth_um = SizeBox(0.01, 1e8, 2, " deep")
        self.slice_um = SizeBox(0.1, 1e8, 1)
        self.leading = CalmComboBox((("slices", "slice"), ("time points", "time")))
        self.depth_axis = CalmComboBox(DEPTHS[:2])
        self.flips = {"y": QCheckBox("upside down"), "x": QCheckBox("left–right")}
        self.slices = AxisChoice("slice", (*ways, "all", "one"))
        self.times = AxisChoice("time point", ("mean", *ways, "all", "one"))
        add_row(
            self._layout,
            "Image (mm)",
            _pair(self.wide_mm, self.deep_mm),
            "Width and depth of the whole image. A section of a rodent's brain is 5 to 30 mm wide.",
        )
        add_row(
            self._layout,
            "Pixel (µm)",
            _pair(self.width_um, self.depth_um),
            "Width and depth of a pixel; a larger pixel means a larger field of view.",
        )
        add_row(
            self._layout,
            "Spacing (µm)",
            self.slice_um,
            "Distance between the centres of neighbouring slices.",
        )
        add_row(
            self._layout,
            "First axis",
            self.leading,
            "What the images of the stack are: slices of a volume or time points of a film.",
        )
        add_row(
            self._layout,
            "Slices",
            self.slices,
            "Slices to use; more slices take proportionally longer.",
        )
        add_row(
            self._layout,
            "Time points",
            self.times,
            "Time points to use; their mean has less noise than any single one.",
        )
        add_row(
            self._layout,
            "Depth",
            self.depth_axis,
            "The direction that leads from the skull into the brain.",
        )
        add_row(
            self._layout,
            "Flip",
            row(*self.flips.values(), QWidget(), stretch=2),
            "Turns the image round: the skull belongs at the top.",
        )
        sizes = ((self.wide_mm, "Width in mm"), (self.deep_mm, "Depth in mm"))
        for spin, name in (
            *sizes,
            (self.width_um, "Pixel width in µm"),
            (self.depth_um, "Pixel depth in µm"),
        ):
            spin.setMinimumWidth(92)
            spin.setAccessibleName(name)
        self.wide_mm.valueChanged.connect(self._on_wide)
        self.deep_mm.valueChanged.connect(self._on_deep)
        self.width_um.valueChanged.connect(self._on_width)
        self.depth_um.valueChanged.connect(self._on_depth)
        self.depth_axis.currentIndexChanged.connect(self._on_turn)
        for box in self.flips.values():
            box.toggled.connect(self._on_turn)
        self.slice_um.valueChanged.connect(self._on_distance)
        self.leading.currentIndexChanged.connect(self._on_leading)
        self.slices.changed.connect(self._on_axes)
        self.times.changed.connect(self._on_axes)

    def show_scan(self, scan: xr.DataArray, *, ambiguous: bool) -> None:
        """Show an image as it is used now; `set_value` shows the corrections.

        Parameters
        ----------
        scan : xarray.DataArray
            The whole image.
        ambiguous : bool
            Ask whether the first axis is slices or times.
        """
        dy, dx = spacing_of(scan)
        stacked = "k" in scan.dims and scan.sizes["k"] > 1
        filmed = "time" in scan.dims and scan.sizes["time"] > 1
        self._shape, self._step = (scan.sizes["j"], scan.sizes["i"]), (dy, dx)
        self._doubtful = bool(doubt(scan))
        _set(self.width_um, 1000.0 * dx)
        _set(self.depth_um, 1000.0 * dy)
        _set(self.wide_mm, dx * self._shape[1])
        _set(self.deep_mm, dy * self._shape[0])
        if "k" in scan.dims:
            _set(self.slice_um, 1000.0 * step_of(scan, "k"))
        with QSignalBlocker(self.depth_axis):
            self.depth_axis.clear()
            for text, axis in DEPTHS[: 3 if stacked else 2]:
                self.depth_axis.addItem(text, axis)
        self.leading.choose("time" if filmed else "slice")
        self.slices.set_axis(scan.sizes.get("k", 1))
        self.times.set_axis(scan.sizes.get("time", 1))
        for widget, visible in (
            (self.slice_um, stacked),
            (self.leading, ambiguous),
            (self.slices, stacked),
            (self.times, filmed),
        ):
            widget.setVisible(visible)
            label = self._layout.labelForField(widget)
            if label is not None:
                label.setVisible(visible)

    def value(self) -> Corrections:
        """Return everything corrected so far."""
        return self._corrections

    def set_value(self, corrections: Corrections) -> None:
        """Show what has been corrected so far."""
        self._corrections = corrections
        self.slices.set_value(corrections.slices)
        self.times.set_value(corrections.times)
        self.depth_axis.choose(corrections.depth)
        for axis, box in self.flips.items():
            with QSignalBlocker(box):
                box.setChecked(axis in corrections.flip)

    def _change(self, **changes: Any) -> None:
        self._corrections = replace(self._corrections, **changes)
        self.changed.emit()

    def _on_wide(self) -> None:
        self._resize(1, self.wide_mm.value() / self._shape[1])

    def _on_deep(self) -> None:
        self._resize(0, self.deep_mm.value() / self._shape[0])

    def _on_width(self) -> None:
        self._resize(1, self.width_um.value() / 1000.0)

    def _on_depth(self) -> None:
        self._resize(0, self.depth_um.value() / 1000.0)

    def _resize(self, side: int, mm: float) -> None:
        """Correct one side of the pixel.

        The other side stays, unless neither could be true: one answer is enough then.
        """
        # As it was read: fields show fewer digits.
        step = list(self._step)
        if self._doubtful:
            step[1 - side] *= mm / step[side]
        step[side] = mm
        self._change(spacing=(step[0], step[1]))

    def _on_turn(self) -> None:
        flip = "".join(axis for axis, box in self.flips.items() if box.isChecked())
        depth: Literal["y", "x", "z"] = self.depth_axis.currentData()
        exchanged = depth != self._corrections.depth
        spacing = self._corrections.spacing
        # A size that was given is that of the axes as they were.
        self._change(depth=depth, flip=flip, spacing=None if exchanged else spacing)

    def _on_distance(self) -> None:
        self._change(slice_mm=self.slice_um.value() / 1000.0)

    def _on_leading(self) -> None:
        meaning: Literal["slice", "time"] = self.leading.currentData()
        self._change(leading=meaning)

    def _on_axes(self) -> None:
        self._change(slices=self.slices.value(), times=self.times.value())


def _pair(wide: SizeBox, deep: SizeBox) -> QWidget:
    """Width × depth, each as broad as the other."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget, share in ((wide, 1), (QLabel("×"), 0), (deep, 1)):
        policy = widget.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored if share else policy.Policy.Fixed)
        widget.setSizePolicy(policy)
        layout.addWidget(widget, share)
    return holder


def _set(spin: SizeBox, value: float) -> None:
    with QSignalBlocker(spin):
        spin.setValue(value)
