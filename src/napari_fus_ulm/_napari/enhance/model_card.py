"""The model card: what a generator was trained on, what it has not seen, where it fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.output.tables import markdown_table
from napari_fus_ulm.tasks.catalogue import card_of

if TYPE_CHECKING:
    from napari_fus_ulm.generators.checkpoint import Card

MEASURES = (("mse", "MSE ↓"), ("ssim", "SSIM ↑"), ("psnr", "PSNR ↑"), ("lpips", "LPIPS ↓"))


def card_text(card: Card, weights: Path) -> str:
    """Return a card as Markdown.

    Parameters
    ----------
    card : Card
    weights : Path
        The file it belongs to.
    """
    lines = [f"## {card.generator.capitalize()}", "", card.notes or "No notes.", ""]
    lines += ["A generated vessel is a claim, not a measurement.", "", "### Trained on", ""]
    for name, value in card.training.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            lines.append(f"- {name.replace('_', ' ')}: {value}")
    lines += ["", "### Measured", "", *_metrics(card.metrics)]
    lines += ["", f"Pixel: {card.pixel_um:g} µm. File: `{weights.name}`."]
    return "\n".join(lines)


def _metrics(metrics: dict[str, Any]) -> list[str]:
    """What was measured: plain entries as a list, rows of measures as a table."""
    rows = {name: value for name, value in metrics.items() if isinstance(value, dict)}
    lines = [f"- {name}: {value}" for name, value in metrics.items() if name not in rows]
    if rows:
        cells = [[name, *(_cell(row, key) for key, _ in MEASURES)] for name, row in rows.items()]
        lines += ["", markdown_table(["", *(title for _, title in MEASURES)], cells)]
    return lines or ["Nothing has been measured yet."]


def _cell(row: dict[str, Any], measure: str) -> str:
    mean, sd = row.get("mean", row).get(measure), row.get("sd", {}).get(measure)
    if not isinstance(mean, int | float):
        return "–"
    return f"{mean:.3g}" if not isinstance(sd, int | float) else f"{mean:.3g} ± {sd:.2g}"


def card_dialog(settings: EnhanceSettings, parent: QWidget) -> QDialog:
    """Make the dialog that shows the card of the chosen weights.

    Raises
    ------
    CheckpointError
        If there are no such weights or they have no card.
    """
    text = QTextBrowser()
    text.setMarkdown(card_text(*card_of(settings)))
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    dialog = QDialog(parent)
    dialog.setWindowTitle("Model card")
    dialog.resize(520, 520)
    layout = QVBoxLayout(dialog)
    layout.addWidget(text)
    layout.addWidget(buttons)
    buttons.rejected.connect(dialog.close)
    return dialog
