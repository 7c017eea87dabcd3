"""The model card as shown."""

from pathlib import Path

from napari_fus_ulm._napari.enhance.model_card import card_dialog, card_text
from napari_fus_ulm.generators.checkpoint import Card
from napari_fus_ulm.inference.settings import EnhanceSettings


def card(**changes):
    contents = {
        "generator": "diffusion",
        "config": {},
        "pixel_um": 20.0,
        "training": {"data": "640 phantoms", "settings": {"x": 1}, "patches": 5},
        "metrics": {
            "on": "2 phantoms",
            "command": "napari-fus-ulm evaluate --phantoms 2",
            "accurate": {
                "mean": {"mse": 0.0324, "tree_precision": 0.84, "tree_recall": 0.3},
                "sd": {"mse": 0.01},
            },
        },
        "notes": "It has never seen a recording.",
    }
    return Card(**(contents | changes))


def test_text_holds_what_a_user_must_know():
    text = card_text(card(), Path("/w/diffusion.safetensors"))
    assert "It has never seen a recording." in text
    assert "- 640 phantoms: 5 patches" in text
    assert "On 2 phantoms." in text
    assert "| To measure (accurate) | 0.84 | 0.3 | 0.0324 ± 0.01 |" in text
    assert "diffusion.safetensors" in text
    assert "a claim, not a measurement" in text


def test_no_command_stands_on_it():
    ran = card(training={"data": "640 phantoms", "command": "napari-fus-ulm train"})
    assert "napari-fus-ulm" not in card_text(ran, Path("a.safetensors"))


def test_nothing_measured():
    assert "Nothing has been measured yet." in card_text(card(metrics={}), Path("a.safetensors"))


def test_dialog(qtbot, small_weights):
    from qtpy.QtWidgets import QTextBrowser, QWidget

    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = card_dialog(EnhanceSettings(weights=str(small_weights)), parent)
    assert "Random numbers, for tests." in dialog.findChild(QTextBrowser).toPlainText()
