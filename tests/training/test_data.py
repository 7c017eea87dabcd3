"""Where the pairs come from: simulated on several processes, or a laboratory's folder."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.cohort.table import read_cohort, write_pairs_table
from napari_fus_ulm.errors import CohortError, LeakageError
from napari_fus_ulm.grey.pair import prepare_pair
from napari_fus_ulm.grey.reference import binned_reference
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.phantom.scene import phantom_scene, read_scene
from napari_fus_ulm.scan import make_scan, spacing_of
from napari_fus_ulm.training.data import (
    PairReady,
    SceneTask,
    load_folder,
    map_tasks,
    phantom_tasks,
    prepare_scene,
    prepare_scenes,
    training_files,
)


@pytest.mark.slow
def test_missing_scenes_are_made_in_processes_of_their_own(tmp_path: Path) -> None:
    tasks = phantom_tasks([3, 4], tmp_path)
    tasks[0].path.write_bytes(b"there")
    assert list(prepare_scenes(tasks, workers=2)) == [PairReady(1, 2), PairReady(2, 2)]
    assert tasks[0].path.read_bytes() == b"there"
    expected = phantom_scene(4)
    scene = read_scene(tasks[1].path)
    assert scene.counts == pytest.approx(expected.counts, rel=1e-3)
    assert np.array_equal(scene.tops, expected.tops)
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        "phantom_000000003.npz",
        "phantom_000000004.npz",
    ]


def test_maps_take_turns_and_follow_from_seed_and_number(
    maps_folder: Path, scenes_folder: Path
) -> None:
    tasks = map_tasks(maps_folder, 3, [1, 2], scenes_folder)
    list(prepare_scenes(tasks, workers=1))
    one, two, three = (read_scene(task.path) for task in tasks)
    again = SceneTask(scenes_folder / "again.npz", 1, maps_folder, 0)
    prepare_scene(again)
    assert np.array_equal(read_scene(again.path).counts, one.counts)
    # The first and the third show one map, in two ways; it is the one with few bubbles.
    assert max(one.tops[0], three.tops[0]) < 0.5 * two.tops[0]
    assert one.counts.shape != three.counts.shape


def test_a_folder_of_pairs_is_matched_by_name(pairs_folder: Path) -> None:
    """Names may hold dots, and the JSON beside an array is not an image."""
    assert (pairs_folder / "fus" / "rat.1.npy.json").exists()
    pairs = load_folder(pairs_folder, 20.0)
    assert [pair.fus.shape for pair in pairs] == [(100, 120), (100, 120)]
    for number, pair in zip((1, 2), pairs, strict=True):
        expected = prepare_pair(
            read_one(pairs_folder / "fus" / f"rat.{number}.npy"),
            read_one(pairs_folder / "ulm" / f"rat.{number}.npy"),
            20.0,
        )
        assert np.array_equal(pair.fus, expected.fus)
        assert np.array_equal(pair.ulm, expected.ulm)
    assert not np.array_equal(pairs[0].ulm, pairs[1].ulm)


def test_the_two_images_of_a_pair_may_have_different_formats(
    pairs_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(pairs_folder, tmp_path / "mixed")
    path = tmp_path / "mixed" / "ulm" / "rat.2.npy"
    write(path.with_name("rat.2.ome.tif"), read_one(path))
    path.unlink()
    pairs = load_folder(tmp_path / "mixed", 20.0)
    assert np.array_equal(pairs[1].ulm, load_folder(pairs_folder, 20.0)[1].ulm)


def with_sides(pairs_folder: Path, copy: Path, *sides: str) -> Path:
    """The folder with a table that puts its pairs on these sides."""
    shutil.copytree(pairs_folder, copy)
    pairs = read_cohort(copy)
    split_pairs = [dataclasses.replace(p, split=side) for p, side in zip(pairs, sides, strict=True)]
    write_pairs_table(copy, split_pairs)
    return copy


def test_where_there_is_a_split_only_its_train_side_is_trained_on(
    pairs_folder: Path, tmp_path: Path
) -> None:
    folder = with_sides(pairs_folder, tmp_path / "pairs", "test", "train")
    assert [pair.name for pair in training_files(folder)] == ["rat.2"]
    (pair,) = load_folder(folder, 20.0)
    assert np.array_equal(pair.ulm, load_folder(pairs_folder, 20.0)[1].ulm)


def test_a_split_without_a_train_side_is_refused(pairs_folder: Path, tmp_path: Path) -> None:
    folder = with_sides(pairs_folder, tmp_path / "pairs", "test", "")
    with pytest.raises(CohortError, match=r"pairs\.csv is on the train side"):
        load_folder(folder, 20.0)


def test_an_animal_on_two_sides_is_not_trained_on(pairs_folder: Path, tmp_path: Path) -> None:
    folder = with_sides(pairs_folder, tmp_path / "pairs", "test", "train")
    table = folder / "pairs.csv"
    table.write_text(table.read_text().replace(",rat.2,", ",rat.1,"))
    with pytest.raises(LeakageError, match=r"rat\.1 is on two sides of the split, train and test"):
        load_folder(folder, 20.0)


def test_files_without_a_partner_are_named(pairs_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs_folder, tmp_path / "pairs")
    (tmp_path / "pairs" / "ulm" / "rat.2.npy").unlink()
    with pytest.raises(ValueError, match=r"without a partner: rat\.2\."):
        load_folder(tmp_path / "pairs", 20.0)


def test_two_files_of_one_name_are_refused(pairs_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs_folder, tmp_path / "pairs")
    path = tmp_path / "pairs" / "fus" / "rat.1.npy"
    write(path.with_name("rat.1.ome.tif"), read_one(path))
    with pytest.raises(ValueError, match=r"holds rat\.1\.npy and rat\.1\.ome\.tif; keep one"):
        load_folder(tmp_path / "pairs", 20.0)


def test_a_folder_without_pairs_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"must hold pairs\.csv, or fus/ .* no file was found there"
    ):
        load_folder(tmp_path, 20.0)


def metres_for_millimetres(scan: xr.DataArray) -> xr.DataArray:
    """The same image a thousand times as large."""
    step = tuple(1000.0 * side for side in spacing_of(scan))
    return make_scan(scan.values, spacing=step, modality="fus").assign_attrs(values="linear")


@pytest.mark.parametrize(
    ("kind", "spoil", "words"),
    [
        ("fus", lambda scan: scan.where(scan.j > 0), "NaN or infinite"),
        ("fus", lambda scan: scan * 0, "0 everywhere"),
        ("fus", lambda scan: scan.expand_dims(time=[0.0, 1.0]), "one 2-D plane"),
        ("fus", metres_for_millimetres, "How wide is it really.*in the file .perhaps 0.1"),
        ("ulm", lambda scan: scan.where(scan.j > 0), "NaN or infinite"),
        ("ulm", lambda scan: scan.expand_dims(time=[0.0, 1.0]), "one 2-D plane"),
    ],
)
def test_an_image_that_cannot_be_trained_on_is_named(
    pairs_folder: Path, tmp_path: Path, kind: str, spoil: Callable[..., xr.DataArray], words: str
) -> None:
    shutil.copytree(pairs_folder, tmp_path / "pairs")
    path = tmp_path / "pairs" / kind / "rat.2.npy"
    write(path, spoil(read_one(path)))
    with pytest.raises(ValueError, match=rf"{kind}/rat\.2\.npy: .*{words}"):
        load_folder(tmp_path / "pairs", 20.0)


def test_a_ulm_image_in_grey_levels_is_not_logged_again(pairs_folder: Path, tmp_path: Path) -> None:
    """Training sees what evaluation compares with."""
    shutil.copytree(pairs_folder, tmp_path / "pairs")
    path = tmp_path / "pairs" / "ulm" / "rat.1.npy"
    counts = read_one(path)
    shown = np.sqrt(counts).assign_attrs({**counts.attrs, "values": "sqrt"})
    write(path, shown)
    pair = load_folder(tmp_path / "pairs", 20.0)[0]
    assert np.array_equal(pair.ulm, binned_reference(shown, pair.ulm.shape))
    scaled = np.corrcoef(pair.ulm.ravel(), area_mean(shown.values, pair.ulm.shape).ravel())[0, 1]
    assert scaled > 0.99
