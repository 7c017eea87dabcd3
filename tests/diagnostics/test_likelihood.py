from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from napari_fus_ulm.diagnostics.likelihood import WEIGHTS, likelihood, network, run


def test_two_threads_get_what_one_gets() -> None:
    rng = np.random.default_rng(0)
    images = [rng.random((48, 40 + 8 * (n % 3)), dtype=np.float32) for n in range(40)]
    net = network(WEIGHTS)
    alone = [run(net, image) for image in images]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda image: run(net, image), images))
    for (logits, deep), (other_logits, other_deep) in zip(alone, together, strict=True):
        np.testing.assert_array_equal(logits, other_logits)
        np.testing.assert_array_equal(deep, other_deep)


def test_maps_lie_on_the_requested_grid() -> None:
    grey = np.random.default_rng(1).random((50, 70), dtype=np.float32)
    maps = likelihood(grey, pixel_mm=0.03)
    for one in (maps.backed, maps.visible, maps.strangeness):
        assert one.shape == grey.shape
        assert np.isfinite(one).all()
    assert 0.0 <= maps.backed.min() <= maps.backed.max() <= 1.0
