import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fus_ulm.inference.tiles import (
    axis_weights,
    batches,
    make_tiling,
    pad_frame,
    starts,
)

sizes = st.integers(1, 700)
windows = st.sampled_from(["box", "hann"])


@st.composite
def patches(draw: st.DrawFn) -> tuple[int, int]:
    patch = 8 * draw(st.integers(4, 60))
    return patch, draw(st.integers(0, patch * 3 // 4))


@given(sizes, sizes, patches(), windows)
@settings(max_examples=120, deadline=None)
def test_every_pixel_is_covered_and_blending_a_constant_gives_it_back(
    height: int, width: int, patch: tuple[int, int], window: str
) -> None:
    tiling = make_tiling((height, width), *patch, window)
    total = tiling.total_weight()
    assert total.min() > 0
    assert tiling.padded[0] >= height
    assert tiling.padded[1] >= width
    assert all(n % 8 == 0 for n in (*tiling.padded, *tiling.side))
    blended = np.zeros(tiling.padded)
    for tile in tiling.tiles:
        assert tile.weight.shape == tiling.side
        assert tile.rows.stop <= tiling.padded[0]
        assert tile.columns.stop <= tiling.padded[1]
        blended[tile.rows, tile.columns] += 3.0 * tile.weight
    np.testing.assert_allclose(blended / total, 3.0, rtol=1e-5)


@given(sizes, patches())
@settings(max_examples=120, deadline=None)
def test_a_box_window_gives_each_pixel_to_one_tile(size: int, patch: tuple[int, int]) -> None:
    tiling = make_tiling((size, 200), *patch, "box")
    np.testing.assert_array_equal(tiling.total_weight(), 1.0)


@given(st.integers(8, 700), patches())
@settings(max_examples=120, deadline=None)
def test_the_last_patch_snaps_to_the_border(size: int, patch: tuple[int, int]) -> None:
    side, overlap = patch
    if side > size:
        return
    begins = starts(size, side, overlap)
    assert begins[0] == 0
    assert begins[-1] == size - side
    gaps = np.diff(begins)
    assert (gaps > 0).all()
    assert (gaps <= max(8, side - overlap)).all()
    assert all(begin % 8 == 0 for begin in begins[:-1])


def test_windows_keep_their_weight_at_the_frames_edge() -> None:
    first, middle, last = axis_weights([0, 64, 128], 128, "hann")
    assert first[0] == 1.0
    assert last[-1] == 1.0
    assert middle[0] < 0.01
    np.testing.assert_allclose(first[64:] + middle[:64], 1.0, atol=1e-6)


def test_a_halo_of_half_the_overlap_lies_around_every_inner_part() -> None:
    tiling = make_tiling((1000, 1000), 256, 192, "box")
    for tile in tiling.tiles:
        rows = np.flatnonzero(tile.weight.any(axis=1))
        if tile.rows.start > 0:
            assert rows[0] >= 96
        if tile.rows.stop < tiling.padded[0]:
            assert tiling.side[0] - 1 - rows[-1] >= 95


def test_padding_mirrors_even_where_the_frame_is_tiny() -> None:
    frame = np.arange(3, dtype=np.float32)[None, :, None] * np.ones((1, 3, 2), np.float32)
    padded = pad_frame(frame, (8, 8))
    assert padded.shape == (1, 8, 8)
    np.testing.assert_array_equal(padded[0, :, 0], [0, 1, 2, 2, 1, 0, 0, 1])


def test_batches_hold_all_tiles_once() -> None:
    tiling = make_tiling((400, 300), 128, 64, "hann")
    groups = list(batches(tiling, 5))
    assert [t for group in groups for t in group] == list(tiling.tiles)
    assert max(map(len, groups)) == 5
    assert all(len(group) == 1 for group in batches(tiling, 1))


def test_a_patch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        starts(100, 128, 0)
