"""Support and missed vessels of one result, beside each other."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.tasks.both import confirmed_shares, why_they_differ


def test_shares_are_those_of_the_drawn_centrelines_that_the_ulm_shows() -> None:
    lines = np.zeros((40, 100), bool)
    lines[[10, 20, 30], :] = True
    classes = np.zeros(lines.shape, np.uint8)
    classes[10], classes[20], classes[30] = 1, 3, 4
    vessels = np.zeros(lines.shape, np.uint8)
    vessels[10, :80], vessels[10, 80:] = 1, 3
    vessels[20, :25], vessels[20, 25:50] = 1, 3  # the ULM is not known further right
    support = SimpleNamespace(
        evidence=SimpleNamespace(lines=lines), support=SimpleNamespace(classes=classes)
    )
    missed = SimpleNamespace(comparison=SimpleNamespace(vessels=xr.DataArray(vessels)))
    shares = confirmed_shares(support, missed)
    assert list(shares) == ["supported", "unlikely"]
    assert shares["supported"] == pytest.approx(0.8, abs=0.01)
    assert shares["unlikely"] == pytest.approx(0.5, abs=0.02)
    words = why_they_differ(support, missed)
    assert "80 % of what is supported" in words
    missed.comparison.vessels[:] = 0
    assert "lie" not in why_they_differ(support, missed)
