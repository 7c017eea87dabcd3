"""The pages behind each *?*."""

import re
from pathlib import Path

import pytest
from qtpy.QtWidgets import QLabel

from napari_fus_ulm._napari.diagnostics.sections import Diagnostics
from napari_fus_ulm._napari.enhance.settings_form import SettingsForm
from napari_fus_ulm._napari.widgets.controls import Section
from napari_fus_ulm._napari.widgets.guide import Help, explained, page_file, page_text


@pytest.mark.parametrize("kind", [Diagnostics, SettingsForm])
def test_every_question_mark_opens_a_heading_that_exists(kind, qtbot):
    widget = kind()
    qtbot.addWidget(widget)
    marks = widget.findChildren(Help)
    assert len(marks) >= len(widget.findChildren(Section))
    for mark in marks:
        text = page_file(mark._name).read_text(encoding="utf-8")
        assert re.search(rf"^#+ {re.escape(mark._heading)}$", text, re.MULTILINE)


def test_a_page_is_opened_at_its_heading(qtbot):
    section = explained(Section("Support", QLabel()), "trust.md", "Support")
    qtbot.addWidget(section)
    guide = section.findChild(Help).open_page()
    qtbot.waitUntil(lambda: guide.text.verticalScrollBar().value() > 0)
    assert "Five kinds of evidence" in guide.text.toPlainText()
    guide.close()


def test_pictures_that_are_not_there_are_left_out(tmp_path: Path):
    page = tmp_path / "page.md"
    (tmp_path / "there.png").touch()
    page.write_text("# Page\n![one](there.png)\n![two](gone.png)\ntext\n", encoding="utf-8")
    assert page_text(page) == "# Page\n![one](there.png)\ntext\n"
