"""The model card: what a generator was trained on, what it has not seen, where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.output.tables import markdown_table
from napari_fus_ulm.tasks.catalogue import PURPOSES, card_of, entry, judged_on

if TYPE_CHECKING:
    from napari_fus_ulm.generators.checkpoint import Card

MEASURES = (
    ("tree_precision", "real ↑"),
    ("tree_recall", "shown ↑"),
    ("mse", "MSE ↓"),
    ("ssim", "SSIM ↑"),
    ("psnr", "PSNR ↑"),
    ("lpips", "LPIPS ↓"),
)
READING = (
    "*Real* is the share of the drawn length that follows a vessel of the simulated tree, *shown* "
    "the share of that tree that is drawn; the others compare with the ULM."
)


def card_text(card: Card, weights: Path) -> str:
    """Return a card as Markdown.

    Parameters
    ----------
    card : Card
    weights : Path
        The file it belongs to.
    """
    lines = [f"## {entry(card.generator).title}", "", card.notes or "No notes.", ""]
    lines += ["A generated vessel is a claim, not a measurement.", "", "### Learnt from", ""]
    lines += [f"- {_run(run)}" for run in (*card.training.get("began_with", ()), card.training)]
    lines += ["", "### Measured", "", *_metrics(card)]
    lines += ["", f"It draws pixels of {card.pixel_um:g} µm. File: `{weights.name}`."]
    return "\n".join(lines)


def _run(training: Mapping[str, Any]) -> str:
    """What a run of training has seen, and for how long."""
    text = str(training.get("data") or "unknown data")
    if isinstance(patches := training.get("patches"), int):
        text += f": {patches:,} patches"
    if isinstance(minutes := training.get("minutes"), int | float):
        text += f" in {minutes:.0f} minutes"
    return text


def _metrics(card: Card) -> list[str]:
    """What was measured, one row for each purpose."""
    rows = {name: row for name, row in card.metrics.items() if isinstance(row, dict)}
    if not rows:
        return ["Nothing has been measured yet."]
    used = [one for one in MEASURES if any(_mean(row, one[0]) is not None for row in rows.values())]
    known = entry(card.generator).has_modes
    cells = [
        [_named(name, known), *(_cell(row, measure) for measure, _ in used)]
        for name, row in rows.items()
    ]
    table = markdown_table(["", *(title for _, title in used)], cells)
    about = f" {READING}" if used and used[0][0].startswith("tree_") else ""
    return [f"On {judged_on(card)}.{about}", "", table]


def _named(row: str, has_modes: bool) -> str:
    if row not in PURPOSES:
        return row
    return f"{PURPOSES[row]} ({row})" if has_modes else "its image"


def _mean(row: Mapping[str, Any], measure: str) -> float | None:
    mean = row.get("mean", row).get(measure)
    return float(mean) if isinstance(mean, int | float) else None


def _cell(row: Mapping[str, Any], measure: str) -> str:
    mean, sd = _mean(row, measure), row.get("sd", {}).get(measure)
    if mean is None:
        return "–"
    return f"{mean:.3g} ± {sd:.2g}" if isinstance(sd, int | float) else f"{mean:.3g}"


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
    dialog.resize(620, 560)
    layout = QVBoxLayout(dialog)
    layout.addWidget(text)
    layout.addWidget(buttons)
    buttons.rejected.connect(dialog.close)
    return dialog
