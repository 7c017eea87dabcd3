"""The model card: what a generator was trained on, what it has never seen, where it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_fus_ulm.generators.checkpoint import Card, bundled_weights, read_card
from napari_fus_ulm.inference.settings import EnhanceSettings


def card_text(card: Card, weights: Path) -> str:
    """Return a card as Markdown.

    Parameters
    ----------
    card : Card
    weights : Path
        The file it belongs to.
    """
    training = {k: v for k, v in card.training.items() if isinstance(v, str | int | float)}
    lines = [f"## {card.generator.capitalize()}", "", card.notes or "No notes.", ""]
    if training.pop("phantom_trained", False):
        lines += ["Trained on simulated vessels (phantoms), on no recording.", ""]
    lines += ["### Trained on", ""]
    lines += [f"- {name.replace('_', ' ')}: {value}" for name, value in training.items()]
    lines += ["", "### Measured", ""]
    lines += _metrics(card.metrics) or ["Nothing has been measured yet."]
    lines += ["", f"Pixel: {card.pixel_um:g} µm. File: `{weights.name}`.", ""]
    lines += ["A generated vessel is a claim, not a measurement."]
    return "\n".join(lines)


def _metrics(metrics: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in metrics.items():
        if isinstance(value, dict):
            inner = ", ".join(f"{key} {_number(item)}" for key, item in value.items())
            lines.append(f"- {name}: {inner}")
        else:
            lines.append(f"- {name}: {_number(value)}")
    return lines


def _number(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(n, int | float) for n in value):
        return " ± ".join(f"{n:.4g}" for n in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def card_dialog(settings: EnhanceSettings, parent: QWidget) -> QDialog:
    """Make the dialog that shows the card of the chosen weights.

    Raises
    ------
    CheckpointError
        If there are no such weights or they have no card.
    """
    weights = Path(settings.weights) if settings.weights else bundled_weights(settings.generator)
    text = QTextBrowser()
    text.setMarkdown(card_text(read_card(weights), weights))
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    dialog = QDialog(parent)
    dialog.setWindowTitle("Model card")
    dialog.resize(460, 460)
    layout = QVBoxLayout(dialog)
    layout.addWidget(text)
    layout.addWidget(buttons)
    buttons.rejected.connect(dialog.close)
    return dialog
