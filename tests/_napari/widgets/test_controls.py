"""Small controls of the docks."""

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fus_ulm._napari.widgets.controls import Section, wrapped

LONG = "Samples that agree are consistent with themselves, which is not truth. " * 6


def test_a_section_is_allowed_the_lines_that_a_narrow_dock_needs(qtbot):
    panel = QWidget()
    QVBoxLayout(panel).addWidget(wrapped(LONG))
    section = Section("Support", panel)
    qtbot.addWidget(section)
    section.show()
    section.expand(animate=False)
    content = section.content()
    for width in (600, 240):
        section.resize(width, 400)  # superqt thinks again when what is inside is resized
        assert content.maximumHeight() >= content.layout().heightForWidth(width)
