import numpy as np
import pytest

from napari_fus_ulm import EnhanceSettings
from napari_fus_ulm.inference.coherence import Coherence, CoherenceFinished, coherence_events
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.scan import extent_of

PAIR = simulate_pair(910_000_003)
FUS = PAIR.fus.isel(j=slice(5, 45), i=slice(20, 70))


def run(**options: bool) -> tuple[Coherence, list[Progress]]:
    events = list(coherence_events(FUS, EnhanceSettings(steps=3), **options))
    assert isinstance(events[-1], CoherenceFinished)
    return events[-1].coherence, [e for e in events if isinstance(e, Progress)]


def test_both_sides_lie_where_patches_overlap_and_mostly_agree_on_what_the_input_shows() -> None:
    found, progress = run()
    left, right = found.left.values, found.right.values
    # 50 pixels of 0.117 mm are 293 result pixels: columns start at 0, 64, 128 and at the border.
    assert not left[:, :64].any()
    assert not right[:, :64].any()
    both = np.zeros(left.shape, bool)
    both[:, 64:192] = True
    assert (left[both] > 0).mean() > 0.4
    assert (right[both] > 0).mean() > 0.4
    assert np.corrcoef(left[both], right[both])[0, 1] > 0.2
    assert np.abs(left - right).max() > 0.05
    assert progress[-1].done == progress[-1].total
    np.testing.assert_allclose(extent_of(found.left), extent_of(FUS))


def test_shared_noise_agrees_more_than_independent_noise() -> None:
    def disagreement(found: Coherence) -> float:
        inner = np.s_[:, 64:-64]
        return float(np.abs(found.left.values - found.right.values)[inner].mean())

    assert disagreement(run(shared_noise=True)[0]) < disagreement(run()[0])


def test_the_grid_lies_in_the_image() -> None:
    corners = run()[0].corners
    height, width = extent_of(FUS)
    top, left = float(FUS.y[0]), float(FUS.x[0])
    assert corners.shape[1:] == (4, 2)
    assert corners[..., 0].min() == pytest.approx(top - 0.05, abs=0.02)
    assert corners[..., 0].max() == pytest.approx(top - 0.05 + height, abs=0.05)
    assert corners[..., 1].max() - corners[..., 1].min() == pytest.approx(width, abs=0.02)
    assert corners[..., 1].min() == pytest.approx(left - 0.055, abs=0.02)


def test_an_image_of_one_patch_has_no_neighbours() -> None:
    with pytest.raises(ValueError, match="no neighbouring patches"):
        list(coherence_events(FUS.isel(i=slice(0, 20)), EnhanceSettings()))


def test_a_stack_is_asked_for_one_plane() -> None:
    with pytest.raises(ValueError, match="one plane"):
        list(coherence_events(FUS.expand_dims("k"), EnhanceSettings()))
