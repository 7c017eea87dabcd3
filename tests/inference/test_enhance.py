"""The one path, with the weights that ship."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
import xarray as xr

import napari_fus_ulm
from napari_fus_ulm import EnhanceSettings, enhance, enhance_events, make_scan
from napari_fus_ulm.errors import CheckpointError, ScanError
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.enhance import input_on_grid
from napari_fus_ulm.inference.events import Finished, Notice, Preview, Progress, SliceDone
from napari_fus_ulm.inference.prepare import prepare
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import PhantomPair
from napari_fus_ulm.scan import extent_of, spacing_of


@pytest.fixture(scope="module")
def pair(section: PhantomPair) -> PhantomPair:
    return section


@pytest.fixture(scope="module")
def fus(pair: PhantomPair) -> xr.DataArray:
    """A piece of a phantom: 40 × 36 pixels of power Doppler."""
    return pair.fus.isel(j=slice(10, 50), i=slice(20, 56))


@pytest.mark.slow
def test_tiles_with_a_halo_give_what_the_whole_frame_gives(pair: PhantomPair) -> None:
    settings = EnhanceSettings(mode="detailed", steps=3, precision="float32")
    whole = enhance(pair.fus, settings).image.values
    tiled = enhance(pair.fus, settings, patch=288, overlap=192).image.values
    assert whole.std() > 0.05
    assert np.abs(whole - tiled).max() <= 1e-4


def test_batch_size_changes_nothing(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(
        mode="detailed", steps=2, precision="float32", patch=128, overlap=64, window="hann"
    )
    one, many = (enhance(fus, settings, batch=n).image.values for n in (1, 16))
    np.testing.assert_allclose(one, many, atol=2e-5)


def test_the_seed_is_the_result(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(mode="detailed", steps=3)
    first, again, other = (enhance(fus, settings, seed=s).image.values for s in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


def test_accurate_hardly_depends_on_the_seed(fus: xr.DataArray) -> None:
    accurate = [enhance(fus, mode="accurate", seed=s).image.values for s in range(3)]
    free = EnhanceSettings(mode="detailed", sampler="ddim", steps=4)
    detailed = [enhance(fus, free, seed=s).image.values for s in range(3)]
    # 0 in theory; the shipped weights reach 0.12 here, half a hundredth of a grey level.
    assert np.std(accurate, axis=0).mean() < 0.15 * np.std(detailed, axis=0).mean()
    assert np.std(accurate, axis=0).mean() < 0.01


@pytest.mark.parametrize("mode", ["accurate", "detailed", "balanced"])
@pytest.mark.slow
def test_bfloat16_keeps_the_metrics(pair: PhantomPair, mode: str) -> None:
    from napari_fus_ulm.grey.reference import reference_on_grid
    from napari_fus_ulm.metrics.fidelity import fidelity

    scores = {}
    for precision in ("float32", "bfloat16"):
        settings = EnhanceSettings(mode=mode, precision=precision, samples=2)  # type: ignore[arg-type]
        image = enhance(pair.fus, settings).image
        scores[precision] = fidelity(image.values, reference_on_grid(pair.ulm, Grid.of(image)))
    exact, fast = scores["float32"], scores["bfloat16"]
    assert fast.mse == pytest.approx(exact.mse, rel=0.03)
    assert fast.ssim == pytest.approx(exact.ssim, abs=0.01)
    assert fast.psnr == pytest.approx(exact.psnr, abs=0.15)
    assert fast.lpips == pytest.approx(exact.lpips, abs=0.01)


def test_the_result_lies_on_the_input(fus: xr.DataArray) -> None:
    result = enhance(fus, mode="accurate")
    np.testing.assert_allclose(extent_of(result.image), extent_of(fus), rtol=1e-9)
    for axis in "xy":
        ours, theirs = result.image.coords[axis].values, fus.coords[axis].values
        edge = ours[0] - 0.5 * (ours[1] - ours[0])
        assert edge == pytest.approx(theirs[0] - 0.5 * (theirs[1] - theirs[0]), abs=1e-9)
    assert result.image.values.min() >= 0
    assert result.image.values.max() <= 1
    assert result.image.attrs["generated"] is True


@pytest.mark.parametrize("spacing", [(0.1, 0.1), (0.05, 0.2), (0.11, 0.3)])
def test_anisotropic_pixels_stay_true_to_scale(spacing: tuple[float, float]) -> None:
    image = np.random.default_rng(0).gamma(3.0, size=(30, 40)).astype(np.float32)
    result = enhance(image, spacing=spacing, mode="accurate").image
    height, width = 30 * spacing[0], 40 * spacing[1]
    assert result.shape == (round(height / 0.02), round(width / 0.02))
    np.testing.assert_allclose(extent_of(result), (height, width), rtol=1e-9)


def test_a_coarser_result_is_binned_from_the_generators(fus: xr.DataArray) -> None:
    fine = enhance(fus, mode="accurate").image
    coarse = enhance(fus, mode="accurate", pixel_um=33.0).image
    assert coarse.shape[0] == round(extent_of(fus)[0] / 0.033)
    assert float(coarse.mean()) == pytest.approx(float(fine.mean()), rel=1e-4)


def test_a_finer_one_than_trained_is_refused(fus: xr.DataArray) -> None:
    with pytest.raises(ValueError, match="finer than the 20 µm"):
        enhance(fus, pixel_um=10.0)


def test_what_arrives_under_another_transform_gives_the_same(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(mode="accurate", precision="float32")
    linear = enhance(fus, settings).image.values
    db = fus.copy(data=10 * np.log10(fus.values)).assign_attrs(values="db")
    root = fus.copy(data=np.sqrt(fus.values)).assign_attrs(values="sqrt")
    for other in (db, root):
        np.testing.assert_allclose(enhance(other, settings).image.values, linear, atol=2e-3)


def test_an_upsampled_input_is_first_brought_to_its_native_sampling(fus: xr.DataArray) -> None:
    from scipy.ndimage import zoom

    finer = make_scan(
        np.exp(zoom(np.log(fus.values), 3, order=1, grid_mode=True, mode="nearest")),
        spacing=[side / 3 for side in (0.1, 0.11)],
        modality="fus",
        values_kind="linear",
    )
    events = list(enhance_events(finer, EnhanceSettings(mode="accurate")))
    assert any(
        "finer than the recording resolves" in e.message for e in events if isinstance(e, Notice)
    )
    result = events[-1].enhancement  # type: ignore[union-attr]
    assert 90 < result.provenance["native_pixel_um"][0] < 110
    assert 4 < result.provenance["gain"] < 6


def stack(fus: xr.DataArray, dim: str, n: int, **coords: object) -> xr.DataArray:
    rng = np.random.default_rng(0)
    noisy = [fus * (1 + 0.02 * rng.normal(size=fus.shape)) for _ in range(n)]
    scan = xr.concat(noisy, dim).astype(np.float32).assign_attrs(fus.attrs)
    return scan.assign_coords(coords)


def test_frames_of_a_time_series_share_their_noise_and_slices_do_not(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(mode="detailed", steps=2)
    series = stack(fus, "time", 2, time=("time", [0.0, 1.0]))
    frames = enhance(series, settings).image
    assert frames.dims == ("time", "j", "i")
    slices = stack(fus, "k", 2, z=("k", [0.0, 0.5], {"units": "mm"}))
    planes = enhance(slices, settings).image
    assert planes.dims == ("k", "j", "i")
    np.testing.assert_array_equal(planes.coords["z"], [0.0, 0.5])
    same = np.abs(frames[0] - frames[1]).mean()
    different = np.abs(planes[0] - planes[1]).mean()
    assert float(same) < 0.5 * float(different)


def test_a_stack_is_enhanced_slice_by_slice(fus: xr.DataArray) -> None:
    slices = stack(fus, "k", 2, z=("k", [0.0, 0.5], {"units": "mm"}))
    events = list(enhance_events(slices, EnhanceSettings(mode="detailed", steps=2)))
    assert [e.plane for e in events if isinstance(e, SliceDone)] == [0, 1]
    assert {e.plane for e in events if isinstance(e, Preview)} == {0, 1}
    progress = [e for e in events if isinstance(e, Progress)]
    assert progress[-1].done == progress[-1].total
    assert [p.done for p in progress] == sorted(p.done for p in progress)
    assert progress[0].what == "slice 1/2"
    assert isinstance(events[-1], Finished)


def test_a_blank_slice_stays_black_and_a_bad_one_is_named(fus: xr.DataArray) -> None:
    slices = stack(fus, "k", 3, z=("k", [0.0, 0.5, 1.0], {"units": "mm"}))
    slices[1] = 0.0
    events = list(enhance_events(slices, EnhanceSettings(mode="accurate")))
    result = events[-1].enhancement  # type: ignore[union-attr]
    assert not result.image.values[1].any()
    assert result.image.values[2].any()
    assert any("slice 2/3; left black" in e.message for e in events if isinstance(e, Notice))
    slices[1, 0, 0] = np.inf
    with pytest.raises(ScanError, match=r"Image 2 of 3: .*infinite"):
        enhance(slices)
    with pytest.raises(ScanError, match="everywhere"):
        enhance(xr.zeros_like(slices))


def test_memory_that_ran_out_is_in_the_provenance(
    fus: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = ConditionalDiffusion.predict

    def greedy(model: ConditionalDiffusion, noisy: torch.Tensor, *rest: torch.Tensor) -> Any:
        if len(noisy) > 1:
            raise MemoryError
        return predict(model, noisy, *rest)

    monkeypatch.setattr(ConditionalDiffusion, "predict", greedy)
    result = enhance(fus, steps=1, patch=128, overlap=64, batch=2)
    assert "1 patches at a time" in result.provenance["notices"][-1]


def test_balanced_is_the_mean_with_its_spread(fus: xr.DataArray) -> None:
    result = enhance(fus, mode="balanced", samples=3, steps=2)
    assert result.spread is not None
    assert result.spread.shape == result.image.shape
    assert float(result.spread.mean()) > 0.005
    detailed = enhance(fus, mode="detailed", steps=2)
    assert float(result.image.std()) < float(detailed.image.std())


@pytest.mark.parametrize("size", [(8, 8), (9, 61), (130, 17)])
def test_any_image_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).gamma(3.0, size=size).astype(np.float32)
    result = enhance(image, spacing=0.1, steps=2).image
    assert result.shape == (5 * size[0], 5 * size[1])
    assert np.isfinite(result.values).all()


def test_fusion_at_the_end_is_another_image_of_the_same_place(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(mode="detailed", steps=2, patch=128, overlap=64, window="hann")
    per_step = enhance(fus, settings).image
    at_end = enhance(fus, settings, fusion="at-end").image
    assert at_end.shape == per_step.shape
    assert np.corrcoef(at_end.values.ravel(), per_step.values.ravel())[0, 1] > 0.3
    assert np.abs(at_end - per_step).max() > 0.01


def test_the_position_is_not_used_for_an_unfamiliar_field_of_view() -> None:
    image = np.random.default_rng(0).gamma(3.0, size=(20, 20)).astype(np.float32)
    scan = make_scan(image, spacing=0.1, modality="fus", values_kind="linear")
    notices = [
        e.message
        for e in enhance_events(scan, EnhanceSettings(mode="accurate"))
        if isinstance(e, Notice)
    ]
    assert any("unlike those" in n for n in notices)


def test_settings_and_provenance_make_the_run_again(fus: xr.DataArray) -> None:
    first = enhance(fus, steps=2, seed=9)
    stored = json.loads(json.dumps(first.image.attrs["provenance"]))
    again = enhance(fus, EnhanceSettings.from_mapping(stored["settings"]))
    np.testing.assert_array_equal(first.image.values, again.image.values)
    assert len(stored["weights_sha256"]) == 64
    assert stored["software"].endswith(napari_fus_ulm.__version__)
    assert stored["phantom_trained"] is True
    assert "(generated)" in first.title


def test_stopping_the_iteration_is_cancelling(fus: xr.DataArray) -> None:
    events = enhance_events(fus, EnhanceSettings(mode="detailed", steps=50))
    for event in events:
        if isinstance(event, Progress) and event.done > 0:
            break
    events.close()  # type: ignore[attr-defined]
    assert list(events) == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda a: np.where(a > np.median(a), np.inf, a), "infinite"),
        (lambda a: np.full_like(a, 3.0), "everywhere"),
        (lambda a: np.full_like(a, np.nan), "no value at all"),
        (lambda a: a[:5], "at least"),
    ],
)
def test_bad_images_get_a_sentence(spoil, sentence: str) -> None:  # type: ignore[no-untyped-def]
    image = np.random.default_rng(0).gamma(3.0, size=(20, 20)).astype(np.float32)
    with pytest.raises(ScanError, match=sentence):
        enhance(spoil(image), spacing=0.1)


def test_bad_weights_get_a_sentence(fus: xr.DataArray, tmp_path: Path) -> None:
    fake = tmp_path / "weights.pt"
    fake.write_bytes(b"\x80\x04\x95 not safetensors")
    with pytest.raises(CheckpointError, match="safetensors only"):
        enhance(fus, weights=str(fake))


def test_a_plain_array_needs_its_pixel_size() -> None:
    with pytest.raises(ValueError, match="pixel size"):
        enhance(np.ones((20, 20)))


def test_the_input_row_is_on_the_results_grid(pair: PhantomPair) -> None:
    base = input_on_grid(pair.fus, EnhanceSettings())
    result = enhance(pair.fus, mode="accurate").image
    assert base.shape == result.shape
    assert 0 <= float(base.min()) <= float(base.max()) <= 1


def test_a_notebook_sees_a_picture(fus: xr.DataArray) -> None:
    html = enhance(fus, mode="accurate")._repr_html_()
    assert "data:image/png;base64" in html
    assert "phantom-trained" in html


def test_a_guess_of_the_values_is_reported(fus: xr.DataArray) -> None:
    """A reader marks what it guessed; a file that tells needs no notice."""
    for guessed in (True, False):
        marked = fus.assign_attrs(values_guessed=guessed)
        ready = prepare(marked, EnhanceSettings())
        assert any("“linear” was guessed" in notice for notice in ready.notices) is guessed


def test_the_result_of_an_oblique_image_lies_where_the_image_lies(
    fus: xr.DataArray, tmp_path: Path
) -> None:
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    dy, dx = spacing_of(fus)
    matrix = turn @ np.diag([0.4, dy, dx, 1.0])
    placed = fus.assign_attrs(voxel_to_world=matrix.tolist())
    result = enhance(placed, steps=1).image
    corners = []
    for image, name in ((placed, "fus.nii"), (result, "result.nii")):
        affine = nib.load(write(tmp_path / name, image)).affine
        corners.append(affine @ [-0.5, -0.5, 0, 1])
    np.testing.assert_allclose(corners[1], corners[0], atol=1e-4)


def test_departure_goes_from_accurate_to_the_plain_sample(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(mode="detailed", precision="float32", steps=3)
    accurate = enhance(fus, settings, mode="accurate").image.values
    near, half, free = (
        enhance(fus, settings, departure=departure).image.values for departure in (0.0, 0.5, 1.0)
    )
    np.testing.assert_array_equal(near, accurate)
    np.testing.assert_array_equal(free, enhance(fus, settings, sampler="ddim").image.values)
    assert 0.0 < np.abs(half - accurate).mean() < np.abs(free - accurate).mean()


def test_a_spread_says_of_which_samples_it_is(fus: xr.DataArray) -> None:
    settings = EnhanceSettings(mode="balanced", steps=2, samples=2)
    held, free = (enhance(fus, settings, sampler=name) for name in ("around-mean", "ddim"))
    assert held.spread is not None
    assert free.spread is not None
    assert held.provenance["spread_of"] == "2 samples around the mean (departure 0.5)"
    assert free.provenance["spread_of"] == "2 free samples (DDIM)"
    assert any("underestimates the uncertainty" in notice for notice in held.provenance["notices"])
    assert not any("uncertainty" in notice for notice in free.provenance["notices"])
    assert float(held.spread.mean()) < float(free.spread.mean())
    assert enhance(fus, settings, departure=0.0).spread is None
