"""The settings as a form, without a dock around it."""

import pytest
from qtpy.QtCore import Qt

from napari_fus_ulm._napari.enhance.settings_form import SettingsForm
from napari_fus_ulm.generators import names
from napari_fus_ulm.generators.library import FOLDER_VARIABLE, add_model, remove_model
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.catalogue import card_of, judged


@pytest.fixture
def open_form(qtbot, small_weights):
    def open_(**changes):
        base = {"mode": "detailed", "steps": 2, "precision": "float32"}
        settings = {"weights": str(small_weights), **base, **changes}
        form = SettingsForm()
        qtbot.addWidget(form)
        form.set_settings(EnhanceSettings(**settings))
        return form

    return open_


def pick(form, name):
    """Choose a generator as a user does."""
    form.generator.setCurrentIndex(form.generator.findData(name))


def test_tip_of_at_once_is_true(open_form):
    import torch

    from napari_fus_ulm.inference.translate import PATCH_AREA, Applied

    default = EnhanceSettings().resolved()
    form = open_form()
    tip = form.advanced._fields["batch"].toolTip()
    assert f"a patch of {default.patch} counts as {default.patch**2 // PATCH_AREA}" in tip
    part = (default.patch, default.overlap, default.window, default.batch)
    applied = Applied(torch.nn.Identity(), torch.device("cpu"), "float32", *part)
    assert applied.at_once((default.patch, default.patch)) == 1


def test_the_form_says_how_far_to_believe_each_mode(open_form):
    form = open_form()
    notes = set()
    for button in form.modes.values():
        button.click()
        notes.add(form.reliability.text())
    assert len(notes) == 3
    assert any("invented" in text for text in notes)


def test_what_may_be_believed_is_offered_first(open_form):
    form = open_form(weights=None, mode=EnhanceSettings().mode)
    assert next(iter(form.modes)) == form.mode == EnhanceSettings().mode
    real = {mode: judged(card_of(form.settings())[0], mode).real for mode in form.modes}
    assert max(real, key=real.get) == form.mode


def test_the_numbers_of_each_purpose_are_those_of_the_card(open_form):
    form = open_form(weights=None)
    card, _ = card_of(form.settings())
    for mode in form.modes:
        real = f"{100 * judged(card, mode).real:.0f} %"
        assert form._numbers[mode, "real"].text() == real
    pick(form, "pix2pix")
    assert len({form._numbers[mode, "shown"].text() for mode in form.modes}) == 1


def test_weights_that_were_not_measured_have_no_numbers(open_form):
    form = open_form()
    assert {label.text() for label in form._numbers.values()} == {"–"}


def test_what_the_values_are_taken_for_is_said_beside_them(open_form):
    form = open_form()
    form.describe_input("display", 0.1, certain=False)
    assert "8-bit display (guessed)" in form.values.currentText()


def test_every_generator_that_ships_can_be_chosen_and_is_applied_in_its_own_way(open_form):
    form = open_form(weights=None)
    offered = [form.generator.itemData(i) for i in range(form.generator.count())]
    assert offered == list(names())
    for name in offered:
        pick(form, name)
        assert (
            form.settings().resolved()
            == EnhanceSettings(
                generator=name, mode="detailed", steps=2, precision="float32"
            ).resolved()
        )
        assert form.settings().changed().keys() <= {"generator", "mode", "steps", "precision"}
        assert form.reliability.text()


def test_a_generator_without_chance_offers_one_picture(open_form):
    form = open_form(weights=None, mode="balanced")
    pick(form, "pix2pix")
    assert form.mode == "balanced"
    assert [form.modes[m].isEnabled() for m in ("detailed", "balanced", "accurate")] == [
        False, True, False,
    ]  # fmt: skip
    assert "one image for every purpose" in form.modes["accurate"].toolTip()
    fields = form.advanced._fields
    assert not any(fields[name].isEnabled() for name in ("steps", "samples", "sampler"))
    assert not form.advanced.poster.isEnabled()
    pick(form, "mhvae")
    assert all(button.isEnabled() for button in form.modes.values())
    form.modes["balanced"].click()
    assert fields["samples"].isEnabled()
    assert not fields["steps"].isEnabled()


def test_anothers_weights_are_forgotten(open_form, small_weights):
    form = open_form()
    assert form.settings().weights == str(small_weights)
    pick(form, "pix2pix")
    assert form.settings().weights is None


def test_the_studys_recipe_is_one_click_away_and_so_is_the_way_back(open_form, qtbot):
    from napari_fus_ulm.inference.settings import POSTER

    form = open_form()
    before = form.settings()
    qtbot.mouseClick(form.advanced.poster, Qt.MouseButton.LeftButton)
    after = form.settings()
    assert {name: getattr(after, name) for name in POSTER} == dict(POSTER)
    assert after != before
    qtbot.mouseClick(form.advanced.reset, Qt.MouseButton.LeftButton)
    assert form.settings() == EnhanceSettings(mode="detailed").resolved()


def test_a_finely_sampled_image_is_offered_finer_results(open_form):
    form = open_form()
    form.describe_input("linear", 50.0, 10.0, certain=True)
    offered = [form.pixel.itemText(i) for i in range(form.pixel.count())]
    assert offered[0] == "10 µm = ×5"
    form.pixel.setCurrentIndex(0)
    assert form.settings().pixel_um == 10.0
    form.describe_input("linear", 100.0, 20.0, certain=True)
    assert form.pixel.itemText(0) == "20 µm = ×5"


def test_native_sampling_is_estimated_unless_it_is_set(open_form):
    form = open_form()
    field = form.advanced._fields["native_um"]
    assert field.text() == "estimated"
    assert form.settings().native_um is None
    field.setValue(50.0)
    assert form.settings().native_um == 50.0
    form.advanced.reset.click()
    assert form.settings().native_um is None


def test_models_of_ones_own_are_generators_too(open_form, tmp_path, monkeypatch, small_weights):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    form = open_form()
    assert form.generator.count() == len(names())
    add_model(small_weights, "Our rats")
    form.generator.refresh()  # as when the list is opened
    assert form.generator.itemText(len(names())) == "Our rats (your Diffusion)"
    form.generator.setCurrentIndex(len(names()))
    chosen = form.settings()
    assert (chosen.generator, chosen.weights) == ("diffusion", "Our rats")
    again = open_form()
    again.set_settings(chosen)
    assert again.generator.model_name == "Our rats"
    assert again.settings() == chosen
    remove_model("Our rats")
    again.generator.refresh()
    assert again.generator.generator_name == "diffusion"
    assert again.generator.model_name is None
    pick(form, "pix2pix")
    assert (form.settings().generator, form.settings().weights) == ("pix2pix", None)


def test_purposes_and_their_numbers_fit_a_narrow_dock(open_form):
    form = open_form(weights=None)
    assert form.minimumSizeHint().width() <= 320 - 12 - 18  # margins, and a scroll bar
