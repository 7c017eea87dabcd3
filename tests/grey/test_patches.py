"""Patches: position, mirroring, padding, and the seed."""

import numpy as np
import pytest

from napari_fus_ulm.grey.pair import PreparedPair
from napari_fus_ulm.grey.patches import draw_patches, padded
from napari_fus_ulm.grey.position import position_channels, position_window

HEIGHT, WIDTH = 90, 120


def telling_pair(shape: tuple[int, int] = (HEIGHT, WIDTH)) -> PreparedPair:
    """Images whose pixels are their own positions: fus y, ulm x, both in [0, 1]."""
    known = position_channels(shape)
    return PreparedPair((known[0] + 1) / 2, (known[1] + 1) / 2)


def draw(**changes: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    settings: dict = {"without_position": 0.0, "vary_display": 0.0, **changes}
    seed = settings.pop("seed", 0)
    pairs = settings.pop("pairs", [telling_pair()])
    return draw_patches(pairs, np.random.default_rng(seed), 60, 32, **settings)


@pytest.mark.parametrize("flip", [False, True])
def test_every_pixel_knows_where_it_comes_from(flip: bool) -> None:
    fus, ulm, position = draw(flip=flip)
    assert fus.shape == ulm.shape == (60, 1, 32, 32)
    assert position.shape == (60, 3, 32, 32)
    assert np.allclose(position[:, 0], 2 * fus[:, 0] - 1, atol=1e-6)
    assert (position[:, 2] == 1.0).all()
    rightwards = ulm[:, 0, 0, -1] > ulm[:, 0, 0, 0]
    if not flip:
        assert rightwards.all()
        assert np.allclose(position[:, 1], 2 * ulm[:, 0] - 1, atol=1e-6)
        return
    # Mirrored patches come from a mirrored brain: position x is that of the mirror image.
    assert 0.3 < rightwards.mean() < 0.7
    sign = np.where(rightwards, 1.0, -1.0)[:, None, None]
    assert np.allclose(position[:, 1], sign * (2 * ulm[:, 0] - 1), atol=1e-6)
    assert (np.diff(position[:, 1], axis=-1) > 0).all()


def test_patches_come_from_everywhere() -> None:
    fus, ulm, _ = draw_patches(
        [telling_pair()], np.random.default_rng(0), 400, 32, without_position=0.0, vary_display=0.0
    )
    assert fus.min() < 0.02
    assert fus.max() > 0.98
    assert ulm.min() < 0.02
    assert ulm.max() > 0.98


def test_the_seed_decides() -> None:
    varied = {"flip": True, "without_position": 0.3, "vary_display": 0.5}
    one, again, other = (draw(seed=s, **varied) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_all_pairs_are_used() -> None:
    pairs = [PreparedPair(np.full((40, 40), g), np.full((40, 40), g)) for g in (0.1, 0.5, 0.9)]
    fus, _, _ = draw(pairs=pairs)
    assert np.unique(fus.round(3)).tolist() == pytest.approx([0.1, 0.5, 0.9])


def test_positions_are_withheld_as_often_as_asked() -> None:
    _, _, position = draw_patches(
        [telling_pair()], np.random.default_rng(0), 500, 32, without_position=0.15
    )
    withheld = position[:, 2, 0, 0] == 0.0
    assert 0.1 < withheld.mean() < 0.2
    assert not position[withheld].any()


def test_displays_vary_without_touching_the_target() -> None:
    fus, ulm, position = draw(vary_display=0.5)
    assert np.allclose(position[:, 1], 2 * ulm[:, 0] - 1, atol=1e-6)
    true = (position[:, 0] + 1) / 2
    assert np.abs(fus[:, 0] - true).max() > 0.1
    assert fus.min() >= 0.0
    assert fus.max() <= 1.0
    # Monotone: brighter tissue stays at least as bright.
    assert (np.diff(fus[:, 0], axis=1) >= 0).all()


def test_an_image_smaller_than_a_patch_is_mirrored_at_its_border() -> None:
    small = telling_pair((20, 25))
    fus, ulm, position = draw(pairs=[small])
    assert np.isfinite(fus).all()
    assert np.array_equal(fus[0, 0, :20, :25], small.fus)
    assert np.array_equal(fus[0, 0, 20:32, :25], small.fus[::-1][:12])
    assert np.array_equal(ulm[0, 0, :20, 25:32], small.ulm[:, ::-1][:, :7])
    assert position[0, 0, 19, 0] < 1.0 < position[0, 0, 20, 0]  # padding lies outside


def test_padding_reaches_any_size() -> None:
    tiny = np.arange(6.0).reshape(2, 3)
    assert padded(tiny, 9).shape == (9, 9)
    assert set(np.unique(padded(tiny, 9))) == set(range(6))
    assert padded(np.zeros((40, 5)), 32).shape == (40, 32)
    assert np.array_equal(padded(tiny, 2), tiny)


def test_positions_are_those_of_pixel_centres() -> None:
    known = position_channels((2, 4))
    assert known[0, :, 0].tolist() == [-0.5, 0.5]
    assert known[1, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert (known[2] == 1).all()
    window = position_window((HEIGHT, WIDTH), 7, 11, (32, 32))
    assert np.allclose(window, position_channels((HEIGHT, WIDTH))[:, 7:39, 11:43], atol=1e-7)
