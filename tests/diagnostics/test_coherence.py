"""Patch coherence: both directions, both kinds of noise, seams, and a run's own patches."""

import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm import EnhanceSettings, enhance
from napari_fus_ulm.diagnostics.coherence import (
    Coherence,
    CoherenceFinished,
    coherence_events,
    coherence_of,
    summary,
)
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.metrics.seams import LEFT_RIGHT, UPPER_LOWER
from napari_fus_ulm.phantom import PhantomPair
from napari_fus_ulm.scan import extent_of

AT_END = {"patch": 128, "overlap": 64, "window": "hann", "fusion": "at-end"}


def run(fus: xr.DataArray, **options: str) -> tuple[Coherence, list[Progress]]:
    events = list(coherence_events(fus, EnhanceSettings(mode="detailed", steps=3), **options))  # type: ignore[arg-type]
    assert isinstance(events[-1], CoherenceFinished)
    return events[-1].coherence, [e for e in events if isinstance(e, Progress)]


@pytest.fixture(scope="module")
def fus(section: PhantomPair) -> xr.DataArray:
    """A piece of a phantom: 40 × 50 pixels of power Doppler."""
    return section.fus.isel(j=slice(5, 45), i=slice(20, 70))


@pytest.fixture(scope="module")
def independent(fus: xr.DataArray) -> Coherence:
    return run(fus)[0]


def test_both_sides_lie_where_patches_overlap_and_mostly_agree_on_what_the_input_shows(
    fus: xr.DataArray,
) -> None:
    coherence, progress = run(fus)
    left, right = (side.values for side in coherence.columns.compared)
    # 50 pixels of 0.1 mm are 254 result pixels: columns start at 0, 64 and 128.
    both = np.zeros(left.shape, bool)
    both[:, 64:192] = True
    # At the edge only one patch lies: that is shown, apart from what is compared.
    single = coherence.columns.single.values
    assert np.isnan(left[:, :64]).all()
    assert np.isnan(right[:, :64]).all()
    assert (single[:, :64] > 0).mean() > 0.4
    assert np.isnan(single[both]).all()
    assert (np.isfinite(left) ^ np.isfinite(single)).all()
    assert (left[both] > 0).mean() > 0.4
    assert (right[both] > 0).mean() > 0.4
    assert np.corrcoef(left[both], right[both])[0, 1] > 0.2
    assert np.nanmax(np.abs(left - right)) > 0.05
    assert progress[-1].done == progress[-1].total
    np.testing.assert_allclose(extent_of(coherence.left), extent_of(fus))


def test_rows_of_patches_are_compared_too(independent: Coherence) -> None:
    upper, lower = (side.values for side in independent.sides(UPPER_LOWER).compared)
    # 40 pixels of 0.1 mm are 200 result pixels: rows start at 0, 64 and at the border.
    assert np.isnan(upper[:64]).all()
    assert np.isnan(lower[:64]).all()
    assert upper[64:128].any()
    assert np.corrcoef(upper[64:128].ravel(), lower[64:128].ravel())[0, 1] > 0.2
    assert independent.sides(LEFT_RIGHT).one is independent.left


def test_two_patches_share_only_their_seam(independent: Coherence) -> None:
    for number in (0, len(independent.seams) - 1):
        sides = independent.two(number)
        one, other = (np.isfinite(side.values) for side in sides.compared)
        top, left, bottom, right = independent.seams[number].box
        shared = np.argwhere(one & other)
        np.testing.assert_allclose(shared.min(axis=0), (top, left), atol=1)
        np.testing.assert_allclose(shared.max(axis=0) + 1, (bottom, right), atol=1)
        covered = np.argwhere(one | other)
        field = np.array(independent.field_mm(number))
        steps = np.array([0.02, 0.02])
        np.testing.assert_allclose(covered.min(axis=0) * steps, field[:2], atol=0.02)
        ends = field[:2] + field[2:]
        np.testing.assert_allclose((covered.max(axis=0) + 1) * steps, ends, atol=0.04)
        # In their overlap they are the pictures of the whole frame, wherever that has no third.
        assert np.isfinite(sides.one.values[one]).all()


def test_shared_noise_agrees_more_than_independent_noise(
    independent: Coherence, fus: xr.DataArray
) -> None:
    def disagreement(coherence: Coherence) -> float:
        one, other = coherence.columns.compared
        return float(np.nanmean(np.abs(one.values - other.values)))

    def agreement(coherence: Coherence) -> float:
        return float(np.nanmean([one.correlation for one in coherence.seams]))

    shared = run(fus, noise="shared")[0]
    assert disagreement(shared) < disagreement(independent)
    assert agreement(shared) > agreement(independent)


def test_every_overlap_of_neighbours_is_a_seam_the_worst_first(independent: Coherence) -> None:
    rows, columns = 3, 3
    directions = [one.direction for one in independent.seams]
    assert directions.count(LEFT_RIGHT) == rows * (columns - 1)
    assert directions.count(UPPER_LOWER) == (rows - 1) * columns
    shown = [one.correlation for one in independent.seams if not math.isnan(one.cl_dice)]
    assert shown == sorted(shown)
    assert len({one.name for one in independent.seams}) == len(independent.seams)
    text = summary(independent)
    assert f"{len(shown)} seams" in text
    assert independent.seams[0].name in text


def test_the_grid_and_the_seams_lie_in_the_image(independent: Coherence, fus: xr.DataArray) -> None:
    height, width = extent_of(fus)
    top, left = float(fus.y[0]), float(fus.x[0])
    for corners in (independent.corners, independent.seam_corners):
        assert corners.shape[1:] == (4, 2)
        assert corners[..., 0].max() == pytest.approx(top - 0.05 + height, abs=0.05)
    corners = independent.corners
    assert corners[..., 0].min() == pytest.approx(top - 0.05, abs=0.02)
    assert corners[..., 1].max() - corners[..., 1].min() == pytest.approx(width, abs=0.02)
    assert corners[..., 1].min() == pytest.approx(left - 0.055, abs=0.02)
    first = independent.seams[0]
    sides = np.ptp(independent.seam_corners[0], axis=0) / 0.02
    box = np.array([first.box[2] - first.box[0], first.box[3] - first.box[1]])
    np.testing.assert_allclose(sides, box, rtol=0.02)


def test_the_patches_of_a_run_are_compared_without_running_again(fus: xr.DataArray) -> None:
    result = enhance(fus, EnhanceSettings(mode="detailed", steps=3, **AT_END))  # type: ignore[arg-type]
    coherence = coherence_of(result)
    assert coherence.noise == "run"
    assert len(coherence.seams) == 12
    np.testing.assert_allclose(result.image.values.shape, coherence.left.values.shape)
    # The result is the blend of these very patches, so both sides are near it where both lie.
    assert result.patches is not None
    both = coherence.left.values > 0
    apart = np.abs(coherence.left.values - result.image.values)[both]
    assert np.median(apart) < 0.05


def test_a_seam_made_on_purpose_is_the_worst(fus: xr.DataArray) -> None:
    result = enhance(fus, EnhanceSettings(mode="detailed", steps=3, **AT_END))  # type: ignore[arg-type]
    assert result.patches is not None
    images = np.tile(_vessels(), (len(result.patches.images), 1, 1))
    spoiled = next(
        n for n, tile in enumerate(result.patches.tiling.tiles) if (tile.row, tile.column) == (1, 1)
    )
    images[spoiled] = images[spoiled].T[::-1]
    edited = replace(result, patches=replace(result.patches, images=images))
    touching = [one for one in coherence_of(edited).seams if _touches(one, 1, 1)]
    assert coherence_of(edited).seams[: len(touching)] == tuple(touching)


def _vessels() -> np.ndarray:
    """Vertical vessels that repeat every 64 pixels, so that neighbours agree exactly."""
    patch = np.zeros((128, 128), np.float32)
    for column in (10, 30, 74, 94):
        patch[:, column : column + 4] = 0.9
    return patch


def _touches(one: object, row: int, column: int) -> bool:
    down, right = (0, 1) if one.direction == LEFT_RIGHT else (1, 0)  # type: ignore[attr-defined]
    patches = {(one.row, one.column), (one.row + down, one.column + right)}  # type: ignore[attr-defined]
    return (row, column) in patches


def test_a_run_on_the_whole_frame_kept_no_patches(fus: xr.DataArray) -> None:
    result = enhance(fus, EnhanceSettings(mode="accurate"))
    assert result.patches is None
    with pytest.raises(ValueError, match="sample them anew"):
        coherence_of(result)


def test_an_image_of_one_patch_has_no_neighbours(fus: xr.DataArray) -> None:
    small = fus.isel(j=slice(0, 20), i=slice(0, 20))
    with pytest.raises(ValueError, match="no neighbour to compare"):
        list(coherence_events(small, EnhanceSettings()))


def test_a_stack_is_refused(fus: xr.DataArray) -> None:
    with pytest.raises(ValueError, match="one plane"):
        list(coherence_events(fus.expand_dims("k"), EnhanceSettings()))


def test_other_noise_is_refused(fus: xr.DataArray) -> None:
    with pytest.raises(ValueError, match="independent or shared"):
        list(coherence_events(fus, EnhanceSettings(), noise="white"))  # type: ignore[arg-type]
