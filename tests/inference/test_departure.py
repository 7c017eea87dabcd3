"""One number between the mean and a free sample, and the anchor that it loosens."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.inference.departure import Around, anchored, around


def test_no_departure_has_no_noise_and_a_full_one_is_the_plain_sampler() -> None:
    assert around(0.0).noise_scale == 0.0
    assert around(1.0) == Around(start=1.0, noise_scale=1.0, anchor_px=math.inf)


def test_every_part_loosens_with_the_departure() -> None:
    ways = [around(d) for d in np.linspace(0.0, 1.0, 11)]
    for name in ("start", "noise_scale", "anchor_px"):
        values = [getattr(way, name) for way in ways]
        assert values == sorted(values)
        assert len(set(values)) == len(values)


def test_an_anchored_image_has_the_means_low_frequencies() -> None:
    rng = np.random.default_rng(0)
    mean = gaussian_filter(rng.random((96, 96), np.float32), 6.0)
    sample = np.clip(mean * rng.uniform(0.6, 1.4, mean.shape).astype(np.float32), 0.0, 1.0)
    drifted = sample * np.linspace(0.7, 1.3, 96, dtype=np.float32)
    near = gaussian_filter(anchored(drifted, mean, 2.5), 2.5) / gaussian_filter(mean, 2.5)
    assert np.abs(near - 1.0).max() < 0.1
    assert np.abs(gaussian_filter(drifted, 2.5) / gaussian_filter(mean, 2.5) - 1.0).max() > 0.25


def test_what_agrees_with_the_mean_is_left_alone_and_hair_where_it_is_dark_is_not() -> None:
    mean = np.zeros((1, 1, 64, 64), np.float32)
    mean[..., :24] = gaussian_filter(np.random.default_rng(1).random((64, 24)), 2.0)
    np.testing.assert_allclose(anchored(mean, mean, 2.5), mean, rtol=1e-6)
    hairy = mean.copy()
    hairy[..., ::6, 40:] = 0.8
    assert anchored(hairy, mean, 2.5)[..., 40:].max() < 0.01


def test_an_anchor_at_most_doubles() -> None:
    faint = np.full((32, 32), 0.1, np.float32)
    assert anchored(faint, np.ones_like(faint), 2.5).max() == pytest.approx(0.2)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    rng = np.random.default_rng(2)
    images, means = rng.random((2, 3, 1, 40, 40), np.float32)
    together = anchored(images, means, 1.5)
    for one, image, mean in zip(together, images, means, strict=True):
        np.testing.assert_array_equal(one, anchored(image, mean, 1.5))
