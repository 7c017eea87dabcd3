"""The form below a layer, by its fields."""

import numpy as np
import pytest

from napari_fus_ulm._napari.layers.parts import Offer
from napari_fus_ulm._napari.picker.correction_form import CorrectionForm
from napari_fus_ulm._napari.picker.part_form import Corrections
from napari_fus_ulm._napari.run import Warned
from napari_fus_ulm._napari.widgets.notices import NoticeArea
from napari_fus_ulm.scan import make_scan


@pytest.fixture
def form(qtbot):
    form = CorrectionForm(shown=True)
    qtbot.addWidget(form)
    return form


def show(form, spacing, shape=(80, 128), corrections=None):
    scan = make_scan(np.ones(shape), spacing=spacing, modality="fus")
    form.show_scan(scan, ambiguous=False)
    form.set_value(corrections or Corrections())


def test_image_and_pixel_say_the_same(form):
    show(form, (0.1, 0.11))
    assert form.wide_mm.text() == "14.08 wide"
    assert form.deep_mm.text() == "8 deep"
    assert form.width_um.text() == "110 wide"
    assert form.depth_um.text() == "100 deep"
    assert form.value() == Corrections()


@pytest.mark.parametrize(
    ("field", "value", "spacing"),
    [
        ("wide_mm", 12.7, (0.1, 12.7 / 128)),
        ("deep_mm", 9.0, (9.0 / 80, 0.11)),
        ("width_um", 50.0, (0.1, 0.05)),
        ("depth_um", 50.0, (0.05, 0.11)),
    ],
)
def test_one_side_of_a_size_that_can_be_leaves_the_other(form, field, value, spacing):
    show(form, (0.1, 0.11))
    getattr(form, field).setValue(value)
    assert form.value().spacing == pytest.approx(spacing, rel=1e-9)


def test_one_answer_is_enough_where_neither_side_could_be(form):
    show(form, (1e-3, 2e-3))
    form.wide_mm.setValue(12.8)
    assert form.value().spacing == pytest.approx((0.05, 0.1))


def test_depth_and_flips(form):
    show(form, 0.1)
    assert form.depth_axis.count() == 2
    form.flips["y"].setChecked(True)
    form.depth_axis.setCurrentIndex(1)
    assert (form.value().depth, form.value().flip) == ("x", "y")
    show(form, (0.4, 0.1, 0.1), (3, 80, 128), Corrections(depth="z"))
    assert form.depth_axis.currentData() == "z"
    assert not form.flips["y"].isChecked()


def test_likely_answers_are_buttons(qtbot):
    area = NoticeArea()
    qtbot.addWidget(area)
    offer = Offer("100 µm pixels", {"spacing": (0.1, 0.1)})
    area.set_standing([Warned("How wide is it really?", "fus", (offer,), "fus")])
    taken, asked = [], []
    area.offer_taken.connect(lambda layer, one: taken.append((layer, one)))
    area.fix_requested.connect(asked.append)
    from qtpy.QtWidgets import QPushButton

    buttons = {button.text(): button for button in area.findChildren(QPushButton)}
    assert list(buttons) == ["100 µm pixels", "Set…"]
    for button in buttons.values():
        button.click()
    assert taken == [("fus", offer)]
    assert asked == ["fus"]
