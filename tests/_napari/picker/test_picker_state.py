"""What a picker says of its layer, and what it does to it."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fus_ulm._napari.picker.part_form import Corrections
from napari_fus_ulm._napari.picker.state import PickerState

IMAGE = np.random.default_rng(0).random((60, 80)) + 1


@pytest.fixture
def opened():
    """A viewer's model and a picker; what it is told of by others is read at once."""
    viewer = ViewerModel()
    state = PickerState(viewer, "fus")
    state.touched.connect(state.read_if_new)
    yield viewer, state
    state.close()


def add(viewer, image=IMAGE, scale=(0.1, 0.1), units="mm", **kwargs):
    units = None if units is None else (units,) * len(scale)
    return viewer.add_image(image, name="rat pwd", scale=scale, units=units, rgb=False, **kwargs)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"scale": (0.05, 0.05)}, "80 × 60 px · 50 × 50 µm"),
        ({"units": ("um", "um"), "scale": (100, 100)}, "80 × 60 px · 100 × 100 µm"),
        ({"affine": np.diag([0.5, 1, 1])}, "80 × 60 px · 100 × 50 µm"),
        ({"data": IMAGE[:40]}, "80 × 40 px · 100 × 100 µm"),
        ({"axis_labels": ("x", "y")}, "60 × 80 px · 100 × 100 µm"),
    ],
)
def test_the_line_follows_what_others_do_to_the_layer(opened, change, line):
    viewer, state = opened
    layer = add(viewer)
    for name, value in change.items():
        setattr(layer, name, value)
    assert state.line == line


def test_the_newest_word_on_the_size_holds(opened):
    viewer, state = opened
    layer = add(viewer)
    state.correct(Corrections(spacing=(0.05, 0.05)))
    assert "50 × 50 µm" in state.line
    layer.scale = (0.2, 0.2)
    assert "200 × 200 µm" in state.line


@pytest.mark.parametrize(
    ("scale", "unit", "becomes", "stays"),
    [
        ((1.0, 1.0), None, (0.1, 0.12), "millimeter"),
        ((1.0, 1.0), "um", (100.0, 120.0), "micrometer"),
        ((-1.0, 1.0), "mm", (-0.1, 0.12), "millimeter"),
    ],
)
def test_a_size_is_applied_to_the_layer(opened, scale, unit, becomes, stays):
    viewer, state = opened
    layer = add(viewer, scale=scale, units=unit)
    state.correct(Corrections(spacing=(0.1, 0.12)))
    assert state.differs
    state.apply_to_layer()
    assert layer.scale == pytest.approx(becomes)
    assert [str(one) for one in layer.units] == [stays] * 2
    assert not state.differs
    assert state.unanswered == ""
    assert "120 × 100 µm" in state.line


def test_applying_a_size_leaves_the_place_of_the_image_to_scale(opened):
    viewer, state = opened
    layer = add(viewer, np.stack([IMAGE] * 3), (1.0, 1.0, 1.0), None, translate=(2, 3, 4))
    state.correct(Corrections(spacing=(0.1, 0.1), slice_mm=0.4))
    before = state.layer_scan.scan
    state.apply_to_layer()
    assert layer.scale == pytest.approx((0.4, 0.1, 0.1))
    after = state.layer_scan.scan
    for axis in "zyx":
        np.testing.assert_allclose(after[axis], before[axis])


def test_an_offer_answers_a_question(opened):
    viewer, state = opened
    add(viewer, scale=(100.0, 100.0))
    assert "How wide is it really?" in state.unanswered
    (offer,) = state.layer_scan.questions[0].offers
    state.take(offer)
    assert state.unanswered == ""
    assert "100 × 100 µm" in state.line


def test_a_large_field_may_be_what_it_is(opened):
    viewer, state = opened
    add(viewer, scale=(0.1, 0.5))
    (offer,) = state.layer_scan.questions[0].offers
    assert offer.label == "It is 40 mm wide"
    state.take(offer)
    assert state.unanswered == ""


def test_shown_is_what_is_shown(opened):
    viewer, state = opened
    add(viewer, np.stack([IMAGE] * 4), (0.4, 0.1, 0.1))
    viewer.dims.set_point(0, 0.8)
    assert state.line.endswith("slice 3 of 4 (shown)")
    viewer.dims.order = (1, 0, 2)
    assert state.line.endswith("slice 3 of 4 (by its slider)")
    viewer.dims.order = (0, 2, 1)
    assert state.line.endswith("(shown)")
    viewer.dims.ndisplay = 3
    assert state.line.endswith("(by its slider)")


def test_a_lazy_layer_is_read_once(opened):
    da = pytest.importorskip("dask.array")
    reads = []

    def block(block_info=None):
        reads.append(1)
        return IMAGE[None]

    chunks, meta = ((1,) * 5, (60,), (80,)), np.empty((0,) * 3)
    film = da.map_blocks(block, chunks=chunks, dtype=float, meta=meta)
    viewer, state = opened
    layer = add(viewer, film, (0.4, 0.1, 0.1), contrast_limits=(0, 2))
    reads.clear()
    layer.name = "another pwd"
    state.correct(Corrections(spacing=(0.2, 0.2)))
    assert not reads


def test_what_was_turned_can_be_repeated_from_the_file(opened):
    viewer, state = opened
    add(viewer, axis_labels=("x", "y"))
    assert (state.picked().source.depth, state.picked().source.flip) == ("x", None)
    state.correct(Corrections(flip="y"))
    assert state.picked().source.flip == "y"
    viewer.layers.clear()
    add(viewer, scale=(0.1, -0.1))
    assert (state.picked().source.depth, state.picked().source.flip) == (None, "x")


# ---------------------------------------------------------------- layers that are read slowly


class Later:
    """A background that works when it is told to."""

    def __init__(self):
        self.waiting = []

    def __call__(self, work, then):
        self.waiting.append((work, then))

    def work(self, number=0):
        work, then = self.waiting.pop(number)
        then(work())


class Lazy:
    """Pixels that are counted when somebody asks for them."""

    def __init__(self, pixels):
        self.pixels, self.read = pixels, 0
        self.shape, self.dtype, self.ndim = pixels.shape, pixels.dtype, pixels.ndim

    def __getitem__(self, index):
        return self.pixels[index]

    def __array__(self, dtype=None, copy=None):
        self.read += 1
        return np.asarray(self.pixels, dtype)


@pytest.fixture
def slow():
    viewer, background = ViewerModel(), Later()
    state = PickerState(viewer, "fus", background)
    yield viewer, state, background
    state.close()


def add_lazy(viewer, name="slow pwd"):
    lazy = Lazy(IMAGE)
    mm = {"scale": (0.1, 0.1), "units": ("mm", "mm"), "contrast_limits": (1, 2)}
    return viewer.add_image(lazy, name=name, rgb=False, multiscale=False, **mm), lazy


def test_a_lazy_layer_is_read_in_the_background(slow):
    viewer, state, background = slow
    _, lazy = add_lazy(viewer)
    before = lazy.read
    assert state.reading
    assert state.line == "Reading “slow pwd”…"
    assert state.picked() is None
    assert lazy.read == before
    background.work()
    assert not state.reading
    assert state.line == "80 × 60 px · 100 × 100 µm"
    assert state.picked() is not None


def test_what_is_known_of_the_same_pixels_is_shown_until_they_are_read_again(slow):
    viewer, state, background = slow
    add_lazy(viewer)
    background.work()
    state.correct(Corrections(spacing=(0.05, 0.05)))
    assert state.reading
    assert state.line == "80 × 60 px · 100 × 100 µm"
    background.work()
    assert state.line == "80 × 60 px · 50 × 50 µm"


def test_what_comes_too_late_is_dropped(slow):
    viewer, state, background = slow
    first, _ = add_lazy(viewer)
    second = add(viewer)
    state.choose(second)
    assert not state.reading
    line = state.line
    background.work()
    assert state.line == line
    state.choose(first)
    state.choose(first)
    background.work(1)
    background.work(0)
    assert not state.reading


def test_a_small_layer_is_read_at_once(slow):
    viewer, state, background = slow
    add(viewer)
    assert not background.waiting
    assert state.picked() is not None


def test_what_cannot_be_read_is_said(slow):
    viewer, state, background = slow
    _, lazy = add_lazy(viewer)

    def fail(*_, **__):
        raise OSError(5, "Input/output error", "/data/film.zarr")

    lazy.__class__ = type("Broken", (Lazy,), {"__array__": fail})
    background.work()
    assert "film.zarr" in state.line
    assert state.picked() is None
