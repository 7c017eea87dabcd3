"""Images compared with their ULM, registered where needed; and two real maps of one brain."""

import re
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_fus_ulm.evaluation.compare import compare_events, matched
from napari_fus_ulm.evaluation.harness import Evaluation, Finished
from napari_fus_ulm.evaluation.pairs import EvaluationPair
from napari_fus_ulm.io import write
from napari_fus_ulm.registration.shift import align
from napari_fus_ulm.scan import extent_of, make_scan


def compared(*files: Path, **options: object) -> Evaluation:
    for event in compare_events([(files[0], files[1])], **options):  # type: ignore[arg-type]
        if isinstance(event, Finished):
            return event.evaluation
    raise AssertionError


def counts_of(pair: EvaluationPair) -> np.ndarray:
    return pair.ulm.values


@pytest.mark.parametrize("shift", [(12, -20), (-30, 7), (0, 0)])
def test_a_shifted_map_is_moved_back(pairs: list[EvaluationPair], shift: tuple[int, int]) -> None:
    whole = counts_of(pairs[0])
    down, right = shift
    pad = 40
    first = whole[pad:-pad, pad:-pad]
    second = whole[pad - down : -pad - down, pad - right : -pad - right]
    scans = [
        make_scan(x, spacing=0.01, modality="ulm", values_kind="linear") for x in (second, first)
    ]
    registered = align(*scans)
    # «second» shows everything so much further down and right, so it goes back.
    assert registered.shift_mm == pytest.approx((-down * 0.01, -right * 0.01), abs=0.003)
    assert np.array_equal(registered.image.values, registered.reference.values)
    rows, columns = first.shape
    assert registered.image.shape == (rows - abs(down), columns - abs(right))


def test_images_of_other_pixels_and_extents_are_aligned(pairs: list[EvaluationPair]) -> None:
    """A result of 20 µm and counts of 10 µm over a larger field."""
    pair = pairs[0]
    part = pair.truth[10:-15, 20:-10]
    image = make_scan(part, spacing=0.02, modality="ulm", values_kind="grey")
    registered = align(image, pair.ulm)
    assert registered.shift_mm == pytest.approx((0.2, 0.4), abs=0.003)
    assert extent_of(registered.image) == pytest.approx(extent_of(registered.reference), abs=0.011)


def test_images_of_different_things_are_not_forced_together() -> None:
    blob = np.zeros((60, 60))
    first, second = blob.copy(), blob.copy()
    first[:8, :8], second[-8:, -8:] = 50, 50
    scans = [
        make_scan(x, spacing=0.05, modality="ulm", values_kind="linear") for x in (first, second)
    ]
    with pytest.raises(ValueError, match="hardly overlap"):
        align(*scans)


def test_the_shift_is_reported_and_the_score_restored(
    pairs: list[EvaluationPair], tmp_path: Path
) -> None:
    whole = counts_of(pairs[1])
    parts = {"first": whole[20:-20, 20:-20], "second": whole[8:-32, 30:-10]}
    files = [
        write(tmp_path / f"{name}_ulm.npy", make_scan(x, spacing=0.01, values_kind="linear"))
        for name, x in parts.items()
    ]
    apart = compared(*files).images[0].scores
    evaluation = compared(*files, aligned=True)
    assert evaluation.images[0].scores.fidelity.mse == pytest.approx(0.0, abs=1e-6)
    assert evaluation.images[0].scores.r == pytest.approx(1.0, abs=1e-3)
    assert apart.r < 0.7
    # What is 12 pixels further down and 10 further left in the second image moves there.
    numbers = re.findall(r"[-+]\d\.\d+", evaluation.rows[0].chosen[-1])
    assert [float(one) for one in numbers] == pytest.approx([0.12, -0.10], abs=0.004)


def test_power_doppler_is_aligned_to_less_than_its_pixel(
    pairs: list[EvaluationPair], tmp_path: Path
) -> None:
    pair = pairs[0]
    away = pair.ulm.isel(j=slice(7, None), i=slice(0, -13))
    files = write(tmp_path / "a_pwd.nii.gz", pair.fus), write(tmp_path / "a_ulm.nii.gz", away)
    evaluation = compared(*files, aligned=True)
    numbers = re.findall(r"[-+]\d\.\d+", evaluation.rows[0].chosen[-1])
    assert [float(one) for one in numbers] == pytest.approx([-0.07, 0.0], abs=0.04)
    still = write(tmp_path / "b_pwd.nii.gz", pair.fus), write(tmp_path / "b_ulm.nii.gz", pair.ulm)
    apart, aligned = compared(*still).images[0].scores.r, evaluation.images[0].scores.r
    assert aligned == pytest.approx(apart, abs=0.1)


def test_power_doppler_without_an_intensity_map_is_noted(
    pairs: list[EvaluationPair], tmp_path: Path
) -> None:
    fus = write(tmp_path / "a_pwd.nii.gz", pairs[0].fus)
    ulm = write(tmp_path / "a_ulm.nii.gz", pairs[0].ulm)
    (note,) = compared(fus, ulm).rows[0].chosen
    assert "a_pwd.nii.gz is power Doppler without an intensity map" in note
    assert compared(ulm, ulm).rows[0].chosen == ()


def test_a_pixel_size_that_the_file_does_not_store(tmp_path: Path) -> None:
    import tifffile

    counts = np.random.default_rng(0).poisson(0.5, (200, 300)).astype(np.uint16)
    for name in ("one_ulm.tif", "two_ulm.tif"):
        tifffile.imwrite(tmp_path / name, counts)
    files = (tmp_path / "one_ulm.tif", tmp_path / "two_ulm.tif")
    assumed = compared(*files)
    assert "stores no pixel size; 10 µm assumed" in assumed.rows[0].chosen[0]
    given = compared(*files, spacing=0.005)
    assert given.rows[0].chosen == ()
    assert (
        given.images[0].scores.vessels.reference_mm < assumed.images[0].scores.vessels.reference_mm
    )


def test_files_are_matched_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file or folder"):
        matched(tmp_path / "none", tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="there are none"):
        matched(tmp_path / "a", tmp_path / "a")


@pytest.fixture(scope="module")
def test_retest(repository: Path) -> ModuleType:
    spec = spec_from_file_location("test_retest", repository / "benchmarks" / "test_retest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # A frozen dataclass looks its own module up.
    sys.modules["test_retest"] = module
    spec.loader.exec_module(module)
    return module


def test_the_documented_likeness_of_two_real_maps_is_reproduced(
    real_data: Callable[[str], Path], test_retest: ModuleType
) -> None:
    folder = real_data("mouse_ulm_week2_counts.tif").parent
    real_data("mouse_ulm_week3_counts.tif")
    first, second = test_retest.read(folder)
    shift = test_retest.coarse_shift(first, second)
    likeness = test_retest.likeness(test_retest.brain(test_retest.common(first, second, shift)))
    for value, documented, within in zip(
        likeness.values(), test_retest.DOCUMENTED, test_retest.WITHIN, strict=True
    ):
        assert value == pytest.approx(documented, abs=within)
    assert test_retest.best_shift(first, second) == pytest.approx((70, 22), abs=2)
    r, mse, lpips = test_retest.own_rule(first, second)
    assert r.r > likeness.r
    assert r.cl_dice > likeness.cl_dice
    assert 0.0 < mse < 0.03
    assert 0.0 < lpips < 0.3
