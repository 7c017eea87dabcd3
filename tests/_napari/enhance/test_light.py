"""The light beside the input: what it says, what the button asks, and which layer is offered."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fus_ulm._napari.enhance.input import Light
from napari_fus_ulm._napari.enhance.state import EnhanceState
from napari_fus_ulm._napari.picker.state import PickerState
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import make_scan

NOISE = np.random.default_rng(3).gamma(2.0, 1.0, (60, 80)).astype(np.float32)
MM = {"scale": (0.1, 0.1), "units": ("mm", "mm")}


def test_red_asks_on_the_button_and_beside_the_input(qtbot, dock_alone) -> None:
    viewer, dock = dock_alone()
    viewer.add_image(NOISE, name="rat pwd", **MM)
    qtbot.waitUntil(lambda: dock.state.shown.light.colour == "red", timeout=30_000)
    assert dock.run.button.text() == "Enhance anyway"
    assert dock.light.text().startswith("■ This does not look like a fUS image: ")
    assert dock.light.text().endswith("Enhance anyway?")
    viewer.layers.clear()
    assert dock.state.shown.light == Light()
    assert dock.run.button.text() == "Enhance"
    assert not dock.light.isVisibleTo(dock)


@pytest.mark.parametrize(
    ("colour", "question"),
    [("green", ""), ("yellow", "Odd."), ("red", "Odd. Vessels would be drawn all the same.")],
)
def test_a_light_speaks_for_its_input_only(colour: str, question: str) -> None:
    viewer = ViewerModel()
    viewer.add_image(NOISE, name="rat pwd", **MM)
    state = EnhanceState(viewer, EnhanceSettings().resolved())
    key = state.light_key
    state.set_light(Light(key, colour, "Odd." if question else ""))
    assert state.shown.light.colour == colour
    assert state.shown.light.question.startswith(question)
    viewer.layers[0].scale = (0.2, 0.2)
    state.fus.read_if_new()
    assert state.shown.light == Light()
    state.close()


def test_a_film_on_disk_is_not_read_for_its_light() -> None:
    import dask.array

    viewer = ViewerModel()
    viewer.add_image(dask.array.from_array(NOISE), name="rat pwd", **MM)
    state = EnhanceState(viewer, EnhanceSettings().resolved())
    assert state.light_key is None
    state.close()


def test_a_generated_ground_truth_is_named_as_such() -> None:
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer

    viewer = ViewerModel()
    fus = viewer.add_image(NOISE, name="rat pwd", **MM)
    scan = make_scan(NOISE, spacing=0.1, modality="ulm", name="drawn", generated=True)
    data, kwargs, _ = scan_to_layer(scan)
    truth = viewer.add_image(data, **kwargs)
    state = EnhanceState(viewer, EnhanceSettings().resolved())
    state.fus.choose(fus)
    state.ulm.choose(truth)
    warnings = [one.text for one in state.shown.input.warnings]
    assert "“drawn” is generated, not measured: it is no ground truth." in warnings
    state.close()


@pytest.mark.parametrize("name", ["rat ulm", "counts", "tracks 1"])
def test_without_fus_no_ulm_takes_its_place(name: str) -> None:
    viewer = ViewerModel()
    picker = PickerState(viewer, "fus")
    fus = viewer.add_image(NOISE, name="rat pwd", **MM)
    viewer.add_image(NOISE, name=name, **MM)
    assert picker.layer is fus
    viewer.layers.remove(fus)
    assert picker.layer is None
    picker.close()


def test_the_chosen_ground_truth_never_becomes_the_input() -> None:
    viewer = ViewerModel()
    fus = viewer.add_image(NOISE, name="rat pwd", **MM)
    truth = viewer.add_image(NOISE, name="image 7", **MM)
    state = EnhanceState(viewer, EnhanceSettings().resolved())
    state.fus.choose(fus)
    state.ulm.choose(truth)
    viewer.layers.remove(fus)
    assert state.fus.layer is None
    state.close()
