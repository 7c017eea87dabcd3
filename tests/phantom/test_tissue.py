"""The field that says where small vessels are dense."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.anatomy import anatomy_of
from napari_fus_ulm.phantom.doppler import GRID, capillary_bed
from napari_fus_ulm.phantom.section import grow_vessels
from napari_fus_ulm.phantom.tissue import CONTRAST, draw_tissue


def test_the_density_is_log_normal_about_one_and_smooth() -> None:
    place = np.arange(0.0, 12000.0, 50.0)
    x, y = np.meshgrid(place, place)
    logs = np.stack(
        [np.log(draw_tissue(np.random.default_rng(seed)).density(x, y)) for seed in range(10)]
    )
    assert logs.mean() == pytest.approx(0.0, abs=0.05)
    assert logs.std() == pytest.approx(CONTRAST, rel=0.1)
    # The shortest wave is 900 µm long: neighbours 50 µm apart differ little.
    assert np.abs(np.diff(logs, axis=2)).max() < CONTRAST


def test_vessels_and_capillaries_are_dense_in_the_same_places() -> None:
    params = PhantomParams()
    anatomy = anatomy_of(params)
    shape = (round(params.depth_mm * 1000 / GRID), round(params.width_mm * 1000 / GRID))
    y, x = (GRID * (np.arange(n) + 0.5) for n in shape)
    inside = anatomy.below(*np.meshgrid(x, y)) > 2500.0

    def cells(image: np.ndarray) -> np.ndarray:
        """Sums over cells of 400 µm."""
        return image.reshape(shape[0] // 16, 16, shape[1] // 16, 16).sum(axis=(1, 3))

    same, other = [], []
    for seed in range(3):
        tissue, foreign = (draw_tissue(np.random.default_rng(s)) for s in (seed, seed + 100))
        points = grow_vessels(np.random.default_rng(seed), params, tissue)
        small = points.points[points.radii < 10.0]
        edges = [GRID * np.arange(n + 1) for n in shape]
        count = np.histogram2d(small[:, 1], small[:, 0], edges)[0]
        whole = cells(inside.astype(float)) == 256
        for field, into in ((tissue, same), (foreign, other)):
            bed = capillary_bed(np.random.default_rng(seed), anatomy, field, x, y)
            into.append(spearmanr(cells(bed)[whole], cells(count)[whole]).statistic)
    assert min(same) > 0.1
    assert np.mean(same) > np.mean(other) + 0.15
