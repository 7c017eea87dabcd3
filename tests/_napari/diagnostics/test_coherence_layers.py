"""What the layers of patch coherence show, without a window."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_fus_ulm._napari.diagnostics.coherence_layers import CoherenceView, coherence_layers
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.picker.state import PickerState
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.coherence import COHERENCE, CoherenceSettings


@pytest.fixture(scope="module")
def ready(small_pair, small_weights):
    enhance = EnhanceSettings(
        mode="detailed", weights=str(small_weights), steps=1, precision="float32"
    )
    return COHERENCE(CoherenceSettings(enhance=enhance), fus=small_pair[0])


@pytest.fixture
def shown(ready, small_pair):
    viewer = ViewerModel()
    data, meta, _ = scan_to_layer(small_pair[0])
    viewer.add_image(data, **meta)
    picker = PickerState(viewer, "fus")
    placement = picker.picked().placement
    tuples = coherence_layers(ready.coherence, placement, "red and green", "left | right")
    layers = [viewer.add_layer(Layer.create(*one)) for one in tuples]
    view = CoherenceView(viewer, ready, placement, layers)
    view.show("left | right", "red and green")
    yield viewer, view
    view.close()
    picker.close()


def press(viewer, view, position, *, dragged=0.0):
    """A press, a drag of so many pixels, and a release, as napari's canvas tells of them."""
    event = SimpleNamespace(type="mouse_press", pos=(0.0, 0.0), position=position)
    going = view._on_press(viewer, event)
    next(going)
    if dragged:
        event.type, event.pos = "mouse_move", (dragged, 0.0)
        next(going)
    event.type = "mouse_release"
    assert next(going, None) is None


def middles(viewer, view):
    grid = next(one for one in viewer.layers if one.name.startswith("patch grid"))
    return [grid.data_to_world(corners.mean(axis=0)) for corners in view._corners]


def test_a_click_on_the_canvas_chooses_the_seam_of_the_direction_shown(shown, ready):
    viewer, view = shown
    seen = []
    view.clicked.connect(seen.append)
    for direction in ("left | right", "upper / lower"):
        view.show(direction, "red and green")
        for number, middle in enumerate(middles(viewer, view)):
            if ready.coherence.seams[number].direction == direction:
                press(viewer, view, middle)
                assert seen.pop() == number
    press(viewer, view, middles(viewer, view)[0], dragged=20.0)
    press(viewer, view, np.full(2, 1000.0))
    next(one for one in viewer.layers if one.name.startswith("upper")).visible = False
    press(viewer, view, middles(viewer, view)[0])
    assert seen == []


def test_another_direction_and_other_colours_are_shown_in_place(shown, ready):
    viewer, view = shown
    before = list(viewer.layers)
    view.show("upper / lower", "magenta and green")
    assert list(viewer.layers) == before
    names = [layer.name.partition(" ·")[0] for layer in viewer.layers]
    assert {"upper patches", "lower patches", "single patches"} < set(names)
    one = viewer.layers[names.index("upper patches")]
    assert one.colormap.name == "magenta"
    np.testing.assert_array_equal(np.squeeze(one.data), ready.coherence.rows.one)
    single = viewer.layers[names.index("single patches")]
    assert np.nanmax(single.data) > 0


def test_a_closed_view_hears_of_no_clicks(shown):
    viewer, view = shown
    assert view._on_press in viewer.mouse_drag_callbacks
    view.close()
    assert view._on_press not in viewer.mouse_drag_callbacks
