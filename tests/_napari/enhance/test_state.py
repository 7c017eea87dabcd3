"""What the Enhance dock does, driven without a viewer's window or a click."""

import threading
from importlib import import_module

import numpy as np
import pytest
import xarray as xr
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_fus_ulm._napari.enhance.input import Input
from napari_fus_ulm._napari.enhance.place import look_beside
from napari_fus_ulm._napari.enhance.shown import Shown, resolve
from napari_fus_ulm._napari.enhance.state import READING, UNANSWERED, EnhanceState
from napari_fus_ulm._napari.layers.family import OURS, hanging_on
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm._napari.layers.to_scan import layer_to_scan
from napari_fus_ulm._napari.picker.part_form import Corrections
from napari_fus_ulm._napari.run import Run, Warned
from napari_fus_ulm._napari.samples import phantom_pair
from napari_fus_ulm._napari.worker import RunError, run_events
from napari_fus_ulm.inference.events import Finished, Notice, Preview, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io import read_one
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.tasks.laying import lies_beside


@pytest.fixture
def open_state(small_weights):
    """A viewer's model and the state, with the small generator and two steps."""
    opened = []

    def open_(**changes):
        base = {"mode": "detailed", "steps": 2, "precision": "float32"}
        settings = {"weights": str(small_weights), **base, **changes}
        viewer = ViewerModel()
        opened.append(EnhanceState(viewer, EnhanceSettings(**settings).resolved()))
        return viewer, opened[-1]

    yield open_
    for state in opened:
        state.close()


def add(viewer, scan, **kwargs):
    data, meta, _ = scan_to_layer(scan)
    return viewer.add_image(data, **(meta | kwargs))


def change(state, **settings):
    state.set_settings(EnhanceSettings(**(vars_of(state.settings) | settings)))


def vars_of(settings):
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def run(state, on_event=None, start=None):
    """Do what a click on *Enhance* (or another button) starts, here and at once."""
    work = (start or state.start)()
    assert work is not None
    assert state.shown.phase == "running"
    outcome, error = "done", ""
    try:
        for event in run_events(work, []):
            state.on_event(event)
            if on_event is not None:
                on_event(event)
    except RunError as failed:
        outcome, error = "failed", str(failed)
    state.on_ended(outcome, error)


def texts(state):
    """Every sentence in the dock, as its notices show it."""
    shown = state.shown
    warnings = [one.text for one in shown.input.warnings]
    return [*([shown.error] if shown.error else []), *warnings, *shown.notices]


def rows(state):
    """Rows of the table, without the previews."""
    return sorted({one.row for one in state.shown.measured} - {"preview"})


def edges(layer):
    """Outer edges of a layer in world units: (2, ndim)."""
    half = np.abs(np.asarray(layer.scale)) / 2
    low, high = np.asarray(layer.extent.world)
    return np.stack([low - half, high + half])


def assert_same_extent(result, source):
    pixel = np.abs(np.asarray(result.scale))
    assert result.ndim == source.ndim
    assert (np.abs(edges(result) - edges(source)) < 0.01 * pixel).all()
    assert tuple(map(str, result.units)) == tuple(map(str, source.units))


def result_of(viewer):
    return next(layer for layer in viewer.layers if layer.name.endswith("(generated)"))


# ---------------------------------------------------------------- what follows from what


def test_words_go_with_the_image_that_they_are_about():
    here, there = Input(image=1, usable=True), Input(image=2, usable=True)
    run_ = Run(image=1, notices=("odd",), measured=("m",), error="failed", status="Done.")
    shown = resolve(here, run_, "")
    assert (shown.notices, shown.measured) == (("odd",), ("m",))
    assert (shown.error, shown.status, shown.phase) == ("failed", "Done.", "ready")
    assert resolve(there, run_, "") == resolve(there, Run(), "")
    # While it goes on, it is shown whatever is chosen: the image may have been deleted.
    going = Run(image=1, phase="running", notices=("odd",))
    assert resolve(there, going, "").notices == ("odd",)
    assert resolve(there, going, "").locked


def test_nothing_is_said_twice_and_a_refusal_comes_first():
    chosen = Input(image=1, usable=True, warnings=(Warned("odd"),))
    run_ = Run(image=1, notices=("odd", "new"), error="failed")
    shown = resolve(chosen, run_, "Steps is 0.")
    assert shown.notices == ("new",)
    assert shown.error == "Steps is 0."
    assert resolve(Input(), Run(), "") == Shown()


def test_a_run_keeps_what_its_events_say():
    run_ = Run(image=1, phase="running")
    for event in (Progress(1, 4, "x"), Notice("a"), Notice("b"), Notice("a"), object()):
        run_ = run_.after(event)
    assert run_.notices == ("a", "b")
    assert run_.progress == Progress(1, 4, "x")
    over = run_.ended("Done.")
    assert (over.running, over.progress, over.notices) == (False, None, ("a", "b"))


def test_listeners_hear_what_has_changed_and_nothing_else(open_state, small_pair):
    viewer, state = open_state()
    heard = []
    state.changed.connect(heard.append)
    add(viewer, small_pair[0])
    assert heard == [{"input", "phase"}]
    state.fail("Something is wrong.")
    assert heard[1:] == [{"error"}]
    state.fail("Something is wrong.")
    assert len(heard) == 2


def test_stale_words_go_when_another_image_is_chosen(open_state, small_pair):
    viewer, state = open_state(steps=1)
    fus, ulm = small_pair
    truth = add(viewer, ulm, name="true")
    add(viewer, fus, name="one pwd")
    state.ulm.choose(truth)
    run(state)
    assert rows(state) == ["input", "input, laid", "result", "result, laid"]
    assert state.shown.status.startswith("Done in")
    state.fail("It cannot be written.")
    add(viewer, fus, name="two pwd")
    assert state.fus.layer.name == "two pwd"
    assert rows(state) == []
    assert (state.shown.error, state.shown.status, texts(state)) == ("", "", [])
    state.fus.choose(viewer.layers["one pwd"])
    assert rows(state) == ["input", "input, laid", "result", "result, laid"]
    viewer.layers.remove(viewer.layers["one pwd"])
    assert rows(state) == []
    assert state.shown.error == ""


def test_measures_are_those_against_the_ulm_that_is_chosen(open_state, small_pair):
    viewer, state = open_state(steps=1)
    fus, ulm = small_pair
    truth, other = (
        add(viewer, ulm, name="true"),
        add(viewer, ulm.copy(data=ulm.values[:, ::-1]), name="other ULM"),
    )
    add(viewer, fus, name="one pwd")
    state.ulm.choose(truth)
    run(state)
    at_once = {one.row: one.fidelity for one in state.shown.measured if one.row != "preview"}
    state.ulm.choose(other)
    assert rows(state) == []
    assert state.shown.measurable
    run(state, start=state.start_measuring)
    assert rows(state) == ["input", "result"]
    assert not state.shown.measurable
    state.ulm.choose(truth)
    assert state.shown.measured == ()
    run(state, start=state.start_measuring)
    assert {one.row: one.fidelity for one in state.shown.measured} == at_once
    assert state.shown.status.startswith("Done in")  # what was said of the run is kept
    state.ulm.choose(None)
    assert rows(state) == []
    assert not state.shown.measurable


def test_settings_that_do_not_go_together_are_refused_until_they_do(open_state, small_pair):
    viewer, state = open_state()
    add(viewer, small_pair[0])
    settings = state.settings
    state.refuse_settings("The overlap is larger than the patch.")
    assert state.start() is None
    assert state.diagnosed() is None
    assert state.shown.error == "The overlap is larger than the patch."
    state.set_settings(settings)
    assert state.shown.error == ""
    assert state.start() is not None


def test_values_belong_to_the_image(open_state, small_pair):
    viewer, state = open_state()
    add(viewer, small_pair[0], name="one pwd")
    change(state, values="sqrt")
    add(viewer, small_pair[0], name="two pwd")
    assert state.settings.values == "auto"


def test_nothing_begins_twice(open_state, small_pair):
    viewer, state = open_state()
    assert state.start() is None
    add(viewer, small_pair[0])
    assert state.start() is not None
    assert state.start() is None
    assert state.start_diagnostic(lambda context: context) is None
    state.cancel()
    assert state.shown.phase == "cancelling"
    state.on_ended("cancelled")
    assert state.shown.phase == "ready"


# ---------------------------------------------------------------- runs


def test_bundled_weights_on_the_sample_pair(open_state):
    viewer, state = open_state(weights=None, steps=8, precision="auto")
    ulm, fus = (viewer.add_layer(Layer.create(*data)) for data in phantom_pair())
    state.ulm.choose(ulm)
    assert state.fus.layer.unique_id == fus.unique_id
    run(state)
    assert state.shown.error == ""
    table = {one.row: one.fidelity for one in state.shown.measured}
    # Not MSE: a sample pays for its detail there, and the input's intensities are fitted.
    assert table["result"].lpips < table["input"].lpips
    assert_same_extent(result_of(viewer), state.fus.layer)


def test_real_power_doppler(open_state, real_data):
    viewer, state = open_state()
    layer = add(viewer, read_one(real_data("rat_power_doppler.png")))
    assert state.fus.layer.unique_id == layer.unique_id
    assert any("pixel size" in text for text in texts(state))
    state.fus.correct(Corrections(spacing=(0.046, 0.046)))
    assert state.fus.picked().source.spacing == pytest.approx((0.046, 0.046))
    run(state)
    assert state.shown.error == ""
    result = result_of(viewer)
    assert_same_extent(result, layer)
    assert np.isfinite(result.data).all()
    image = result.metadata["xarray"]
    assert float(image["x"][1] - image["x"][0]) == pytest.approx(0.02, rel=0.01)
    assert any("finer than the recording resolves" in text for text in texts(state))


def test_balanced_adds_a_hidden_spread(open_state, small_pair):
    viewer, state = open_state(mode="balanced", samples=2)
    layer = add(viewer, small_pair[0])
    run(state)
    result = result_of(viewer)
    [spread] = hanging_on(viewer, result)
    assert spread.name.startswith("spread · Balanced ×")
    assert not spread.visible
    assert spread.colormap.name == "magma"
    assert_same_extent(spread, layer)
    assert viewer.layers.selection.active is result


def test_a_result_that_cannot_be_measured_is_kept(open_state, small_pair, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("mat1 and mat2")

    viewer, state = open_state()
    fus, ulm = small_pair
    truth = add(viewer, ulm, name="true")
    add(viewer, fus)
    state.ulm.choose(truth)
    # The package has a function of this name too.
    monkeypatch.setattr(import_module("napari_fus_ulm.metrics.fidelity"), "fidelity", fail)
    run(state)
    assert texts(state) == ["No measures: mat1 and mat2"]
    assert result_of(viewer)
    assert state.shown.status.startswith("Done in")


def test_a_result_that_is_there_outlives_a_cancel(open_state, small_pair):
    """Measuring comes after the result, and is all that a late Cancel can stop."""
    viewer, state = open_state()
    fus, ulm = small_pair
    truth = add(viewer, ulm, name="true")
    add(viewer, fus)
    state.ulm.choose(truth)
    for event in state.start()():
        state.on_event(event)
        if isinstance(event, Finished):
            break
    assert result_of(viewer)
    assert rows(state) == ["input"]
    state.cancel()
    state.on_ended("cancelled")
    assert state.shown.status.startswith("Done in")
    assert not any("cancelled" in layer.name for layer in viewer.layers)


def film_of(fus, count=7):
    rng = np.random.default_rng(0)
    noise = rng.gamma(5.0, 0.2, (count, *fus.shape)).astype(np.float32)
    return fus.values * noise


def test_a_film_is_looked_through_once_and_averaged_in_the_work(
    open_state, small_pair, monkeypatch
):
    from napari_fus_ulm import selection as selection_module
    from napari_fus_ulm._napari.layers import to_scan as layer_scans

    guessed, averaged = [], []

    def guess(image, real=layer_scans.guess_values):
        guessed.append(threading.current_thread() is threading.main_thread())
        return real(image)

    def average(scan, real=selection_module.mean_over_time):
        averaged.append(threading.current_thread() is threading.main_thread())
        return real(scan)

    monkeypatch.setattr(layer_scans, "guess_values", guess)
    monkeypatch.setattr(selection_module, "mean_over_time", average)
    viewer, state = open_state()
    fus, ulm = small_pair
    truth = add(viewer, ulm, name="true")
    dy, dx = (float(c[1] - c[0]) for c in (fus["y"], fus["x"]))
    layer = viewer.add_image(
        film_of(fus), name="film pwd", scale=(1.0, dy, dx), translate=(0.0, dy / 2, dx / 2),
        units=("s", "mm", "mm"),
    )  # fmt: skip
    state.ulm.choose(truth)
    state.fus.correct(Corrections(spacing=(dy + 0.00001, dx)))
    state.fus.follow_sliders()
    assert (state.shown.input.values, state.shown.input.values_certain) == ("linear", False)
    assert guessed == [True]
    assert averaged == []
    layer.data[:] *= 2.0  # in place: no event is emitted
    work, events = state.start(), []
    thread = threading.Thread(target=lambda: events.extend(work()))
    thread.start()
    thread.join(60)
    for event in events:
        state.on_event(event)
    state.on_ended("done")
    assert result_of(viewer)
    assert guessed == [True, False]
    assert averaged == [False]
    np.testing.assert_allclose(state.fus.picked().take().values, layer.data.mean(axis=0), rtol=1e-5)


def test_everything_a_layer_leaves_open_is_said(open_state, small_pair):
    viewer, state = open_state()
    fus, _ = small_pair
    stack = make_scan(
        np.stack([fus.values] * 3), spacing=(0.1, 0.1), modality="fus", values_kind="linear",
        name="stack",
    )  # fmt: skip
    layer = add(viewer, stack, rotate=(0.0, 0.0, 10.0))
    assert any("slice spacing" in text for text in texts(state))
    assert any("rotated" in text for text in texts(state))
    state.fus.correct(Corrections(slice_mm=0.4))
    assert not any("slice spacing" in text for text in texts(state))
    ulm = viewer.add_image(
        np.random.default_rng(0).random((300, 400)), name="turned ULM", scale=(0.01, 0.01),
        units="mm", rotate=5,
    )  # fmt: skip
    assert state.fus.layer.unique_id == layer.unique_id
    state.ulm.choose(ulm)
    assert any("turned ULM" in t and "rotated" in t for t in texts(state))


def test_a_ulm_that_lies_beside_is_measured_with_a_warning(open_state, small_pair):
    fus, ulm = small_pair
    viewer, state = open_state()
    y, x = (float(ulm[axis][0]) for axis in "yx")
    truth = add(viewer, ulm, name="ULM")
    layer = add(viewer, fus, name="fUS")
    state.ulm.choose(truth)
    assert texts(state) == []
    truth.translate = (y, x + 0.04)
    state.ulm.read_if_new()
    assert texts(state) == []
    truth.translate = (y + 3.0, x + 4.0)
    run(state)
    sentence = (
        "“ULM” lies 5 mm beside “fUS”; they are compared pixel by pixel as if they lay on each "
        "other."
    )
    assert texts(state) == [sentence]
    assert "result" in rows(state)
    layer.translate = (float(fus["y"][0]) + 3.0, float(fus["x"][0]) + 4.0)
    state.fus.read_if_new()
    assert texts(state) == []


def test_a_rerun_keeps_earlier_results(open_state, small_pair):
    viewer, state = open_state()
    add(viewer, small_pair[0])
    run(state)
    first = result_of(viewer)
    before = first.data.copy()
    change(state, seed=5)
    run(state)
    assert len(viewer.layers) == 3
    np.testing.assert_array_equal(first.data, before)
    assert state.fus.layer is viewer.layers[0]
    assert state.result() is viewer.layers[2]
    viewer.layers.selection.active = first
    assert state.result() is first
    assert state.diagnosed().enhancement.settings.seed == 0  # its own, not the newest one's


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "mat1 and mat2"),
        (RuntimeError("CUDA out of memory"), "Memory ran out"),
        (MemoryError(), "Memory ran out"),
    ],
)
def test_an_error_of_the_model_is_shown_and_the_dock_lives(
    open_state, small_pair, monkeypatch, error, sentence
):
    from napari_fus_ulm.generators.diffusion import ConditionalDiffusion

    def fail(*args):
        raise error

    viewer, state = open_state()
    add(viewer, small_pair[0])
    with monkeypatch.context() as patch:
        patch.setattr(ConditionalDiffusion, "predict", fail)
        run(state)
    assert sentence in state.shown.error
    assert state.shown.phase == "ready"
    assert len(viewer.layers) == 1
    run(state)
    assert state.shown.error == ""
    assert len(viewer.layers) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda image: np.where(image > np.median(image), np.inf, image), "infinite"),
        (lambda image: np.full_like(image, 3.0), "everywhere"),
        (lambda image: image[:6, :6], "at least 8"),
    ],
)
def test_an_image_that_cannot_be_enhanced(open_state, small_pair, change, sentence):
    viewer, state = open_state()
    viewer.add_image(
        np.asarray(change(small_pair[0].values)), name="odd pwd", scale=(0.1, 0.1), units="mm"
    )
    run(state)
    assert sentence in state.shown.error
    assert "odd pwd" in state.shown.error
    assert len(viewer.layers) == 1
    assert state.shown.phase == "ready"


def test_a_size_that_cannot_be_starts_nothing_until_it_is_answered(open_state, small_pair):
    viewer, state = open_state(mode="accurate")
    image = np.asarray(small_pair[0].values)
    viewer.add_image(image, name="odd pwd", scale=(1e-3, 1e-3), units="mm")
    (warning,) = (one for one in state.shown.input.warnings if "really?" in one.text)
    assert warning.fix == "fus"
    assert state.shown.input.native_um is None
    assert state.start() is None
    assert state.shown.error == UNANSWERED
    state.fus.correct(Corrections(spacing=(0.1, 0.1)))
    assert state.shown.error == ""
    run(state)
    assert "×5" in state.shown.status


def test_pixels_without_a_value_become_dark_at_one_click(open_state, small_pair):
    viewer, state = open_state(mode="accurate")
    image = np.asarray(small_pair[0].values).copy()
    image[:4] = np.nan
    viewer.add_image(image, name="odd pwd", scale=(0.1, 0.1), units="mm")
    assert state.start() is None
    (offer,) = next(one.offers for one in state.shown.input.warnings if "NaN" in one.text)
    state.fus.take(offer)
    run(state)
    assert state.shown.error == ""
    assert not [text for text in state.shown.notices if "NaN" in text]


def test_wrong_weights(open_state, small_pair, tmp_path):
    wrong = tmp_path / "model.pt"
    wrong.write_bytes(b"not safetensors")
    viewer, state = open_state(weights=str(wrong))
    add(viewer, small_pair[0])
    run(state)
    assert "safetensors" in state.shown.error


@pytest.mark.parametrize("which", ["input", "preview", "everything"])
def test_deleting_layers_during_a_run(open_state, small_pair, which):
    viewer, state = open_state(steps=3)
    layer = add(viewer, small_pair[0])
    source = edges(layer)
    deleted = []

    def delete(event):
        if isinstance(event, Preview) and not deleted:
            deleted.append(True)
            if which == "everything":
                viewer.layers.clear()
            else:
                viewer.layers.remove(layer if which == "input" else viewer.layers[-1])
            assert state.shown.phase == "running"

    run(state, delete)
    assert deleted
    assert state.shown.error == ""
    np.testing.assert_allclose(edges(result_of(viewer)), source, atol=1e-4)
    assert not any("preview" in x.name for x in viewer.layers)


def test_ulm_of_another_extent(open_state, small_pair):
    viewer, state = open_state()
    fus, ulm = small_pair
    truth = add(viewer, ulm.isel(i=slice(0, 250)), name="half ULM")
    add(viewer, fus)
    state.ulm.choose(truth)
    [warning] = [one for one in state.shown.input.warnings if "cannot be compared" in one.text]
    assert "half ULM" in warning.text
    assert str(fus.name) in warning.text
    assert warning.fix == "ulm"
    run(state)
    assert state.shown.error == ""
    assert result_of(viewer)
    assert rows(state) == []


# ---------------------------------------------------------------- layers of every kind


def test_colour_screenshot(open_state, small_pair):
    grey = small_pair[0].values
    picture = np.repeat((255 * (grey / grey.max()) ** 0.3).astype(np.uint8)[..., None], 3, axis=2)
    viewer, state = open_state()
    layer = viewer.add_image(picture, rgb=True, name="screenshot")
    assert (state.shown.input.values, state.shown.input.values_certain) == ("display", False)
    run(state)
    assert state.shown.error == ""
    result = result_of(viewer)
    np.testing.assert_allclose(edges(result), edges(layer), atol=1e-3)
    assert result.metadata[OURS]["provenance"]["values"] == "display"


def test_film_is_averaged_and_lies_under_all_its_times(open_state, small_pair):
    fus = small_pair[0]
    rng = np.random.default_rng(0)
    frames = fus.values * rng.gamma(5.0, 0.2, (7, 1, *fus.shape)).astype(np.float32)
    film = make_scan(
        frames, spacing=(0.4, 0.1, 0.1), modality="fus", values_kind="linear", name="film",
        time=np.arange(7) * 0.5,
    )  # fmt: skip
    viewer, state = open_state()
    layer = add(viewer, film)
    assert layer.ndim == 4
    assert "mean of 7 time points" in state.fus.line
    step = viewer.dims.current_step
    run(state)
    assert state.shown.error == ""
    result = result_of(viewer)
    assert result.data.shape[:2] == (1, 1)
    assert_same_extent(result, layer)
    assert viewer.dims.current_step[:2] == step[:2]
    for time_ in (0, 6):
        viewer.dims.set_current_step(0, time_)
        assert np.asarray(result._slice.image.raw).max() > 0
    again = layer_to_scan(result)
    assert again.scan.attrs["generated"] is True


def test_stack_uses_the_slice_shown_or_all(open_state, small_pair):
    fus = small_pair[0]
    stack = make_scan(
        np.stack([fus.values * (n + 1) for n in range(3)]),
        spacing=(0.5, 0.1, 0.1), modality="fus", values_kind="linear", name="stack",
    )  # fmt: skip
    viewer, state = open_state(steps=1)
    layer = add(viewer, stack)
    viewer.dims.set_current_step(0, 2)
    assert state.fus.picked().source.slice == 2
    run(state)
    one = result_of(viewer)
    assert one.data.shape[0] == 1
    np.testing.assert_allclose(edges(one)[:, 0], [0.75, 1.25], atol=1e-6)
    np.testing.assert_allclose(edges(one)[:, 1:], edges(layer)[:, 1:], atol=1e-4)
    viewer.layers.remove(one)

    state.fus.correct(Corrections(slices="all"))
    assert "all 3 slices" in state.fus.line
    run(state)
    every = result_of(viewer)
    assert_same_extent(every, layer)
    assert every.data.shape[0] == 3


def test_stack_with_a_stack_of_ulm_is_measured_plane_by_plane(open_state, small_pair):
    fus, ulm = small_pair
    viewer, state = open_state(steps=1)
    truth = make_scan(
        np.stack([ulm.values] * 2), spacing=(0.5, 0.01, 0.01), modality="ulm",
        values_kind="linear", name="ulm stack",
    )  # fmt: skip
    dy, dx = (float(c[1] - c[0]) for c in (fus["y"], fus["x"]))
    stack = make_scan(
        np.stack([fus.values, fus.values[::-1]]), spacing=(0.5, dy, dx), modality="fus",
        values_kind="linear", name="fus stack",
    )  # fmt: skip
    chosen = add(viewer, truth)
    add(viewer, stack)
    state.ulm.choose(chosen)
    for picker in (state.fus, state.ulm):
        picker.correct(Corrections(slices="all"))
    assert texts(state) == []
    run(state)
    assert state.shown.error == ""
    assert {one.plane for one in state.shown.measured if one.row == "preview"} == {0, 1}
    assert rows(state) == ["input", "input, laid", "result", "result, laid"]


def test_layer_in_micrometres_rotated_and_mirrored(open_state, small_pair):
    viewer, state = open_state(steps=1)
    layer = viewer.add_image(
        small_pair[0].values, name="turned pwd", scale=(-100.0, 110.0), translate=(5000.0, 200.0),
        rotate=30, units="um",
    )  # fmt: skip
    run(state)
    assert state.shown.error == ""
    result = result_of(viewer)
    height, width = layer.data.shape
    corner = layer.data_to_world((height - 0.5, -0.5))  # mirrored: the last row comes first
    np.testing.assert_allclose(result.data_to_world((-0.5, -0.5)), corner, atol=0.1)
    far = layer.data_to_world((-0.5, width - 0.5))
    n, m = result.data.shape
    np.testing.assert_allclose(result.data_to_world((n - 0.5, m - 0.5)), far, atol=0.1)


def test_xarray_of_confusius_kind(open_state, small_pair):
    """A layer as ConfUSIus makes it: 4-D, with the array in its metadata."""
    fus = small_pair[0]
    da = xr.DataArray(
        np.stack([fus.values, 2 * fus.values])[:, None],
        dims=("time", "z", "y", "x"),
        coords={
            "time": [0.0, 1.0],
            "z": [1.0],
            "y": ("y", fus["y"].values, {"units": "mm"}),
            "x": ("x", fus["x"].values, {"units": "mm"}),
        },
    )
    dy, dx = (float(c[1] - c[0]) for c in (fus["y"], fus["x"]))
    viewer, state = open_state(steps=1)
    layer = viewer.add_image(
        da.values, name="cf", metadata={"xarray": da}, scale=(1.0, 0.4, dy, dx),
        translate=(0.0, 1.0, float(fus["y"][0]), float(fus["x"][0])),
        units=("s", "mm", "mm", "mm"), axis_labels=("time", "z", "y", "x"),
    )  # fmt: skip
    assert "mean of 2 time points" in state.fus.line
    run(state)
    assert state.shown.error == ""
    assert_same_extent(result_of(viewer), layer)


def test_pix2pix_has_one_picture(open_state, small_pair):
    viewer, state = open_state(weights=None, generator="pix2pix")
    add(viewer, small_pair[0])
    run(state)
    result = result_of(viewer)
    assert "Pix2Pix ×" in result.name  # no mode in its name
    assert not [layer for layer in viewer.layers if "spread" in layer.name]


def test_the_sample_pair_is_chosen_as_it_is_opened_from_the_menu(open_state):
    viewer, state = open_state()
    ulm, fus = (Image(data, **kwargs) for data, kwargs, _ in phantom_pair())
    viewer.add_layer(ulm)
    assert state.fus.layer is None
    viewer.add_layer(fus)
    assert state.fus.layer is fus
    assert state.ulm.layer is ulm
    state.ulm.choose(None)
    viewer.add_layer(Image(fus.data, name="another pwd"))
    assert state.ulm.layer is None


def test_no_run_begins_while_a_layer_is_read(open_state):
    viewer, state = open_state()
    viewer.add_layer(Image(phantom_pair()[1][0], scale=(0.1, 0.1), name="pwd"))
    state.fus.reading = True
    assert state.start() is None
    assert state.shown.error == READING
    state.fus.reading = False
    state.refresh()
    assert state.shown.error == ""


def offers_of(state):
    return {offer.label: offer for one in state.shown.input.warnings for offer in one.offers}


def test_a_ulm_beside_its_fus_is_laid_on_it_and_put_back(open_state):
    viewer, state = open_state(steps=1)
    ulm, fus = (viewer.add_image(data, **meta) for data, meta, _ in phantom_pair())
    state.fus.choose(fus)
    state.ulm.choose(ulm)
    look = (state.fus.picked(), state.ulm.picked())
    state.set_beside(look_beside(state.place_key, look))
    before = np.array(ulm.translate)
    state.ulm.take(offers_of(state)["Lay it on the fUS"])
    shift = state.ulm.picked().source.laid_mm
    assert 0.05 < np.hypot(*shift) < 0.1
    np.testing.assert_allclose(ulm.translate - before, shift)
    # What was found before speaks of a layer that lay elsewhere.
    assert list(offers_of(state)) == ["Put it back"]
    look = (state.fus.picked(), state.ulm.picked())
    state.set_beside(look_beside(state.place_key, look))
    assert list(offers_of(state)) == ["Put it back"]
    state.ulm.take(offers_of(state)["Put it back"])
    np.testing.assert_allclose(ulm.translate, before)
    assert state.ulm.picked().source.laid_mm is None


def test_measures_are_given_with_the_ulm_laid_and_without(open_state):
    viewer, state = open_state(steps=1)
    ulm, fus = (viewer.add_image(data, **meta) for data, meta, _ in phantom_pair())
    state.fus.choose(fus)
    state.ulm.choose(ulm)
    run(state)
    as_stored = {one.row: one.fidelity for one in state.shown.measured}
    state.ulm.lay(lies_beside(state.fus.picked().take(), state.ulm.picked().take()).shift_mm)
    run(state)
    laid = {one.row: one.fidelity for one in state.shown.measured}
    for row in ("input", "result"):
        assert laid[row] == as_stored[f"{row}, laid"]
        assert laid[f"{row}, stored"] == as_stored[row]
    assert laid["input"].ssim > as_stored["input"].ssim
