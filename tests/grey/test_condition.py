"""What a generator is conditioned on."""

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_fus_ulm.grey.condition import condition_grey, condition_on_grid
from napari_fus_ulm.grey.intensity import FusRange, log_power
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.scan import make_scan

TEXTURE = np.exp(gaussian_filter(np.random.default_rng(0).normal(size=(40, 50)), 1.2) * 3).astype(
    np.float32
)


def test_a_stack_can_share_its_range() -> None:
    logged = log_power(TEXTURE, "linear")
    limits = FusRange(float(logged.min()) - 5, float(logged.max()) + 5)
    grey = condition_grey(logged, (40, 50), (80, 100), limits)
    assert grey.shape == (80, 100)
    assert 0.2 < grey.min() < grey.max() < 0.8


def test_decibels_that_do_not_say_so_are_no_power() -> None:
    """The same image, linear and in decibels of unknown kind, gives the same grey levels."""
    grid = Grid(shape=(200, 250), spacing_mm=(0.02, 0.02))
    decibels = 10.0 * np.log10(TEXTURE / TEXTURE.max())
    linear, guessed = (
        condition_on_grid(make_scan(values, spacing=0.1, values_kind=kind), grid)
        for values, kind in ((TEXTURE, "linear"), (decibels, "unknown"))
    )
    assert linear.shape == grid.shape
    assert np.abs(linear - guessed).max() < 0.02
