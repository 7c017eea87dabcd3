"""The settings of a run: generator, values, result, and the advanced ones folded away."""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.enhance.advanced_form import AdvancedForm
from napari_fus_ulm._napari.enhance.generator_choice import GeneratorChoice
from napari_fus_ulm._napari.layers.region import DRAWN, VIEW, WHOLE
from napari_fus_ulm._napari.widgets.controls import (
    CalmComboBox,
    Section,
    Signal,
    add_row,
    form,
    row,
    wrapped,
)
from napari_fus_ulm._napari.widgets.guide import Help, explained
from napari_fus_ulm._napari.widgets.words import VALUES, WORD_OF
from napari_fus_ulm.declared import declared
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings
from napari_fus_ulm.tasks.catalogue import PURPOSES, card_of, entry, judged, judged_on

TIPS = {
    "accurate": "Smallest error and the fewest invented vessels; smooth, and the fastest.",
    "detailed": "One sharp sample that looks like ULM; more of it is invented.",
    "balanced": "What else is possible: mean of several samples, with a map of where they differ; "
    "the slowest.",
}
NUMBERS = (
    ("real", "real", "Share of the drawn length that follows a real vessel; the rest is invented."),
    ("shown", "shown", "Share of the vessels there are that is drawn; the rest is missed."),
)
DETERMINISTIC = "{title} draws one image for every purpose."
GAINS = (4.0, 3.0)


PIX2PIX = "One sharp image made to look like ULM: small vessels may be invented."
RELIABILITY = {
    "diffusion": {
        "accurate": "Best estimate on average: vessels that the fUS leaves open fade.",
        "detailed": "One sharp sample: individual small vessels may be invented.",
        "balanced": "Mean of samples: vessels on which they disagree fade; see the spread.",
    },
    "pix2pix": dict.fromkeys(PURPOSES, PIX2PIX),
    "mhvae": {
        "detailed": "One sample near the mean: smooth where the fUS leaves vessels open.",
        "balanced": "Mean of samples near the mean: their spread understates the uncertainty.",
        "accurate": "Decoded from the mean latent image: the smoothest.",
    },
}
"""How reliable each generator's image is in each mode, in one line."""
SEE_CARD = "See the model card (i) for how far to trust it."

FINEST_UM = EnhanceSettings().pixel_um
"""Pixel of the bundled generators on fUS at 15 MHz."""
REGIONS = (("whole image", WHOLE), ("part in view", VIEW), ("drawn rectangle", DRAWN))


class SettingsForm(QWidget):
    """Fills one `EnhanceSettings`.

    Signals
    -------
    changed()
        A setting has changed.
    card_requested()
        The user wants to see the model card.
    drawing_requested()
        The user wants to draw the region.

    Parameters
    ----------
    regions : bool
        Whether a part of the image can be chosen.
    """

    changed = Signal()
    card_requested = Signal()
    drawing_requested = Signal()

    def __init__(self, *, regions: bool = True) -> None:
        super().__init__()
        self._finest_um = FINEST_UM
        self.generator = GeneratorChoice()
        self.card = QPushButton("i")
        self.card.setFixedWidth(26)
        self.card.setToolTip("Shows what the generator was trained on and where it fails.")
        self.card.setAccessibleName("Model card")
        self.values = CalmComboBox((("from the file", "auto"), *VALUES))
        self.pixel = CalmComboBox()
        self.modes: dict[str, QRadioButton] = {}
        group = QButtonGroup(self)
        self._numbers: dict[tuple[str, str], QLabel] = {}
        for name, purpose in PURPOSES.items():
            button = QRadioButton(f"{purpose} ({name})")
            button.setAccessibleName(f"{purpose} ({name})")
            group.addButton(button)
            self.modes[name] = button
        self.modes[EnhanceSettings().mode].setChecked(True)
        self.reliability = wrapped()
        self.region = CalmComboBox(REGIONS)
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Selects a layer in which you drag a rectangle over the image.")
        self._regions = regions
        self.advanced = AdvancedForm()
        self.section = explained(Section("Advanced", self.advanced), "enhance.md", "Advanced")
        self._lay_out()
        self.describe_input(None, None, certain=False)
        self.card.clicked.connect(self.card_requested)
        group.buttonClicked.connect(self._on_change)
        for combo in (self.values, self.pixel):
            combo.currentIndexChanged.connect(self._on_change)
        self.generator.currentIndexChanged.connect(self._on_generator)
        self.region.currentIndexChanged.connect(self._on_region)
        self.draw.clicked.connect(self.drawing_requested)
        self.advanced.changed.connect(self._on_change)
        self.advanced.poster.clicked.connect(self._on_poster)
        self._show_region()
        self._enable_for_mode()

    def settings(self) -> EnhanceSettings:
        """Return the settings.

        Raises
        ------
        ValueError
            If two of them are incompatible; the sentence names them.
        """
        return EnhanceSettings(
            generator=self.generator.generator_name,
            mode=self.mode,  # type: ignore[arg-type]
            pixel_um=float(self.pixel.currentData()),
            values=self.values.currentData(),
            **self.advanced.values(),
        )

    def summary(self) -> str:
        """Say in a line what is chosen."""
        parts = [self.generator.currentText(), self.pixel.currentText()]
        if entry(self.generator.generator_name).has_modes:
            parts.insert(0, f"{PURPOSES[self.mode]} ({self.mode})")
        return " · ".join(parts)

    @property
    def where(self) -> str:
        """The part of the image that is wanted: "whole", "view" or "drawn"."""
        return str(self.region.currentData())

    @property
    def mode(self) -> str:
        """The mode chosen."""
        return next(name for name, button in self.modes.items() if button.isChecked())

    def set_settings(self, settings: EnhanceSettings) -> None:
        """Show settings; the kind of values stays with each input."""
        self.generator.refresh()
        self.generator.choose_model(settings.generator, settings.weights)
        self.modes[settings.mode].setChecked(True)
        self._offer_pixels(None, settings.pixel_um)
        self.advanced.set_generator(settings.generator)
        self.advanced.set_values(dataclasses.asdict(settings.resolved()))
        self._enable_for_mode()

    def describe_input(
        self,
        values: str | None,
        native_um: float | None,
        finest_um: float = FINEST_UM,
        *,
        certain: bool,
    ) -> None:
        """Describe the chosen input.

        Parameters
        ----------
        values : str or None
            How its pixel values are interpreted.
        native_um : float or None
            Its native pixel in µm, from which the gains follow.
        finest_um : float
            The pixel at which the generator works on it, µm.
        certain : bool
            The file says so; it is not a guess.
        """
        word = "from the file"
        if values is not None:
            word = f"{WORD_OF.get(values, values)} ({'from the file' if certain else 'guessed'})"
        self.values.setItemText(0, word)
        wanted = float(self.pixel.currentData() or finest_um)
        self._finest_um = finest_um
        self._offer_pixels(native_um, wanted)

    def forget_values(self) -> None:
        """Another input: its values are open again."""
        self.values.choose("auto")

    def _offer_pixels(self, native_um: float | None, wanted: float) -> None:
        """Offer the generator's own pixel and coarser ones at whole gains."""
        offers = {self._finest_um}
        if native_um is not None:
            coarser = (round(native_um / gain, 1) for gain in GAINS)
            offers |= {pixel for pixel in coarser if pixel > self._finest_um * 1.05}
        else:
            offers.add(wanted)
        inputs = native_um, self._finest_um
        if inputs == self._offered_for and wanted in offers and self.pixel.count():
            self.pixel.choose(wanted)
            return
        self._offered_for = inputs
        with QSignalBlocker(self.pixel):
            self.pixel.clear()
            for pixel in sorted(offers):
                gain = "" if native_um is None else f" = ×{native_um / pixel:.2g}"
                self.pixel.addItem(f"{pixel:g} µm{gain}", pixel)
            nearest = min(offers, key=lambda pixel: abs(pixel - wanted))
            self.pixel.choose(nearest)

    _offered_for: tuple[float | None, float] | None = None

    def _on_change(self, _: Any = None) -> None:
        self._enable_for_mode()
        self.changed.emit()

    def _on_generator(self, _: Any = None) -> None:
        self.advanced.set_generator(self.generator.generator_name)
        self.advanced.set_values({"weights": self.generator.model_name})
        self._on_change()

    def _on_poster(self) -> None:
        self.modes[POSTER["mode"]].setChecked(True)
        self._on_change()

    def _on_region(self, _: int = 0) -> None:
        self._show_region()
        if self.where == DRAWN:
            self.drawing_requested.emit()

    def _show_region(self) -> None:
        self.draw.setVisible(self.where == DRAWN)

    def _enable_for_mode(self) -> None:
        name = self.generator.generator_name
        known = entry(name)
        for mode, tip in TIPS.items():
            self.modes[mode].setEnabled(known.has_modes or mode == self.mode)
            mode_tip = tip if known.has_modes else DETERMINISTIC.format(title=known.title)
            self.modes[mode].setToolTip(mode_tip)
        self._show_numbers()
        steps = known.iterative and self.mode != "accurate"
        self.advanced.enable(steps=steps, samples=known.has_modes and self.mode == "balanced")
        self.reliability.setText(RELIABILITY.get(name, {}).get(self.mode, SEE_CARD))

    def _show_numbers(self) -> None:
        """How each purpose did on phantoms, from the card of the chosen weights."""
        try:
            card, _ = card_of(
                EnhanceSettings(
                    generator=self.generator.generator_name,
                    weights=self.advanced.values()["weights"],
                )
            )
        except UserError:
            card = None  # said when it is run
        for (mode, number), label in self._numbers.items():
            measured = None if card is None else judged(card, mode)
            share = "–" if measured is None else f"{100 * getattr(measured, number):.0f} %"
            label.setText(share)
        if card is not None:
            for heading, tip in self._headings.values():
                heading.setToolTip(f"{tip} On {judged_on(card)}.")

    def _purposes(self) -> QGridLayout:
        """The purposes, one a row, with their numbers beside them."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        label = declared(EnhanceSettings)["mode"].setting
        heading = QLabel(label.label)
        heading.setToolTip(label.help)
        left = Qt.AlignmentFlag.AlignLeft
        grid.addWidget(row(heading, Help("enhance.md", "Purpose")), 0, 0, left)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        self._headings: dict[str, tuple[QLabel, str]] = {}
        for column, (number, title, tip) in enumerate(NUMBERS, start=1):
            self._headings[number] = QLabel(title), tip
            grid.addWidget(self._headings[number][0], 0, column, right)
        for line, mode in enumerate(PURPOSES, start=1):
            grid.addWidget(self.modes[mode], line, 0)
            for column, (number, _, tip) in enumerate(NUMBERS, start=1):
                label_of = QLabel()
                label_of.setToolTip(tip)
                self._numbers[mode, number] = label_of
                grid.addWidget(label_of, line, column, right)
        return grid

    def _lay_out(self) -> None:
        rows = form()
        texts = {name: one.setting for name, one in declared(EnhanceSettings).items()}
        generator = row(self.generator, self.card, stretch=0)
        add_row(rows, texts["generator"].label, generator, texts["generator"].help)
        add_row(rows, texts["values"].label, self.values, texts["values"].help)
        rows.addRow(self._purposes())
        rows.addRow(self.reliability)
        add_row(rows, texts["pixel_um"].label, self.pixel, texts["pixel_um"].help)
        if self._regions:
            region = row(self.region, self.draw, stretch=0)
            add_row(rows, texts["region"].label, region, texts["region"].help)
            self.region.setToolTip(texts["region"].help)
        self.card.setToolTip("Shows what the generator was trained on and where it fails.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        layout.addWidget(self.section)
