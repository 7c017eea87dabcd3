"""Real maps as geometry: a map in, a scene out whose ULM is that map's."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fus_ulm.grey.resampling import bin_counts
from napari_fus_ulm.io import write
from napari_fus_ulm.phantom import ulm_maps
from napari_fus_ulm.phantom.recording import RecordingParams, record
from napari_fus_ulm.phantom.scene import Scene
from napari_fus_ulm.phantom.ulm_maps import (
    UlmMap,
    bubble_unit,
    map_scene,
    read_maps,
    thinned,
)
from napari_fus_ulm.scan import make_scan


def counts(seed: int = 0) -> np.ndarray:
    """Straight tracks of 1 to 40 bubbles over 6 × 7 mm of 10 µm."""
    rng = np.random.default_rng(seed)
    image = np.zeros((600, 700), np.float32)
    for column in rng.choice(700, 80, replace=False):
        top = rng.integers(0, 200)
        image[top : top + rng.integers(100, 400), column] += rng.integers(1, 40)
    return image


@pytest.fixture
def ulm() -> UlmMap:
    return UlmMap(counts(), 10.0, density=False)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps are laid as they are: neither turned, magnified, bent nor misregistered."""
    monkeypatch.setattr(ulm_maps, "MAGNIFIED", (1.0, 1.0))
    for name in ("TURNED", "BENT_UM", "OFFSET_UM", "CENTRE_UM"):
        monkeypatch.setattr(ulm_maps, name, 0.0)


def test_scenes_follow_from_the_seed(ulm: UlmMap, small_scene: Scene) -> None:
    one, same, other = (
        map_scene(ulm, small_scene, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.counts, same.counts)
    assert np.array_equal(one.vessels, same.vessels)
    assert one.counts.shape != other.counts.shape or not np.array_equal(one.counts, other.counts)
    assert not one.placed
    for image in (one.vessels, one.bed):
        assert image.mean() == pytest.approx(1.0, rel=1e-3)
        assert image.min() >= 0.0


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("seed", range(6))
def test_the_ulm_of_a_scene_is_the_map_mirrored_and_thinned(
    ulm: UlmMap, small_scene: Scene, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []
    real = ulm_maps.thinned

    def watching(image: np.ndarray, share: float) -> np.ndarray:
        shares.append(share)
        return real(image, share)

    monkeypatch.setattr(ulm_maps, "thinned", watching)
    counts = map_scene(ulm, small_scene, np.random.default_rng(seed)).counts
    (share,) = shares
    expected = [framed(thinned(one, share), counts.shape) for one in (ulm.counts, mirrored(ulm))]
    assert any(np.allclose(counts, one, atol=1e-3) for one in expected)
    assert counts.max() > 0.0


def mirrored(ulm: UlmMap) -> np.ndarray:
    return ulm.counts[:, ::-1]


def framed(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The image in the middle of a larger black one."""
    around = [((n - m) // 2, (n - m) // 2) for n, m in zip(shape, image.shape, strict=True)]
    return np.pad(image, around)


def test_thinning_keeps_tracks_whole() -> None:
    track = np.zeros((5, 50), np.float32)
    track[2] = np.linspace(5.0, 9.0, 50)
    track[0, 10:20] = 1.0
    thin = thinned(track, 0.4)
    assert (thin[2] > 0.0).all()
    assert (np.diff(thin[2]) > 0.0).all()
    assert thin[0].max() == 0.0
    assert np.array_equal(thinned(track, 1.0), track)


def test_power_doppler_of_a_map_shows_its_vessels(ulm: UlmMap, small_scene: Scene) -> None:
    """Correlated with the blurred counts as real recordings are, not more."""
    scene = map_scene(ulm, small_scene, np.random.default_rng(0))
    clean = RecordingParams(bed=0.3, grain=0.05)
    power = record(scene, clean, np.random.default_rng(0)).power
    rows, columns = power.shape
    blocks = bin_counts(scene.counts, (rows, columns))
    assert 0.4 < np.corrcoef(np.log(power.ravel()), np.log1p(blocks.ravel()))[0, 1] < 0.98


def test_the_numbers_of_a_density_are_brought_to_bubbles() -> None:
    image = counts()
    assert bubble_unit(image) == (1.0, False)
    unit, density = bubble_unit(image * 0.001)
    assert density
    assert unit == pytest.approx(0.001 * np.percentile(image[image > 0], 10))


def test_maps_are_read_from_a_folder(tmp_path: Path) -> None:
    image = counts()
    write(tmp_path / "b.ome.tif", make_scan(image, spacing=0.01, modality="ulm"))
    write(tmp_path / "a.npy", make_scan(image * 0.5, spacing=(0.02, 0.01), modality="ulm"))
    one, two = read_maps(tmp_path)
    assert (one.pixel_um, one.counts.shape, one.density) == (10.0, (1200, 700), True)
    assert np.array_equal(two.counts, image)
    assert not two.density


def test_a_folder_without_maps_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no ULM map"):
        read_maps(tmp_path)
    with pytest.raises(ValueError, match="There is no folder"):
        read_maps(tmp_path / "nowhere")


def test_a_map_without_pixel_size_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", counts())
    with pytest.raises(ValueError, match=r"a\.tif: the file does not store its pixel size"):
        read_maps(tmp_path)


def test_an_empty_map_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.npy", make_scan(counts() * 0.0, spacing=0.01, modality="ulm"))
    with pytest.raises(ValueError, match=r"a\.npy: a ULM map is one image with some positive"):
        read_maps(tmp_path)
