"""The list of generators: those that ship, and the user's own models."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker

from napari_fus_ulm._napari.widgets.controls import CalmComboBox
from napari_fus_ulm.tasks.catalogue import entry, names
from napari_fus_ulm.tasks.models import models

OF = ":"
"""Between a generator and its model in the data of an item; no name holds it."""


class GeneratorChoice(CalmComboBox):
    """Generators by title, and models by name; the list is that of the moment it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.refresh()

    @property
    def generator_name(self) -> str:
        """The generator's name in the registry."""
        return str(self.currentData()).partition(OF)[0]

    @property
    def model_name(self) -> str | None:
        """The model's name in the library; None for the weights that ship."""
        return str(self.currentData()).partition(OF)[2] or None

    def refresh(self) -> None:
        """List what there is now; what is chosen stays chosen."""
        before = self.currentData()
        with QSignalBlocker(self):
            self.clear()
            for name in names():
                self.addItem(entry(name).title, name)
            for one in models():
                if one.card is not None and one.card.generator in names():
                    generator = one.card.generator
                    title = f"{one.name} (your {entry(generator).title})"
                    self.addItem(title, f"{generator}{OF}{one.name}")
        if before is not None and not self.choose(before):
            self.choose(str(before).partition(OF)[0])

    def choose_model(self, generator: str, weights: str | None) -> None:
        """Select a model by its generator and name; the generator where there is none."""
        if weights is None or not self.choose(f"{generator}{OF}{weights}"):
            self.choose(generator)

    def showPopup(self) -> None:
        """Open the list."""
        self.refresh()
        super().showPopup()
