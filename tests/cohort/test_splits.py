"""Splits never leak: not when given, not when drawn, and not through what weights have seen."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fus_ulm.cohort.splits import (
    Split,
    animal_key,
    draw_splits,
    pixel_fingerprint,
    refuse_seen,
    same_images,
    seen_animals,
    split_of,
)
from napari_fus_ulm.cohort.table import PairFiles
from napari_fus_ulm.errors import CohortError, LeakageError
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.scan import make_scan


def pair(name: str, animal: str, split: str = "") -> PairFiles:
    return PairFiles(name, animal, Path(f"{name}_pwd.npy"), Path(f"{name}_ulm.npy"), split)


def animals(count: int) -> list[PairFiles]:
    return [pair(f"p{n:02d}", f"rat{n:02d}") for n in range(count)]


def names(pairs: tuple[PairFiles, ...]) -> set[str]:
    return {one.animal for one in pairs}


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (1, 2)])
@pytest.mark.parametrize("spelling", ["rat1", "Rat1 "])
def test_an_animal_on_two_sides_is_refused(one: int, other: int, spelling: str) -> None:
    sides: list[tuple[PairFiles, ...]] = [(pair(f"x{n}", f"other{n}"),) for n in range(3)]
    sides[one] += (pair("plane1", "rat1"),)
    sides[other] += (pair("plane2", spelling),)
    names = ["train", "validation", "test"]
    with pytest.raises(
        LeakageError,
        match=f"animal rat1 is on two sides of the split, {names[one]} and {names[other]}",
    ):
        Split(*sides)


@pytest.mark.parametrize("kind", ["fus", "ulm"])
def test_an_image_on_two_sides_is_refused(kind: str) -> None:
    first = pair("a", "rat1")
    files = {"fus": Path("b.npy"), "ulm": Path("c.npy")}
    files[kind] = Path("folder/..") / getattr(first, kind)  # another spelling of the same file
    second = PairFiles("b", "rat2", **files)
    with pytest.raises(LeakageError, match=r"The image .* train \(pair a\) and test \(pair b\)"):
        Split((first,), (), (second,))


def test_several_planes_of_an_animal_on_one_side_are_fine() -> None:
    split = Split((pair("1", "rat1"), pair("2", "rat1")), (pair("3", "rat2"),), ())
    assert [side for side, _ in split.sides()] == ["train", "validation", "test"]


def test_a_told_split_is_used_as_it_is() -> None:
    pairs = [
        pair("1", "a", "test"),
        pair("2", "b", "train"),
        pair("3", "c"),
        pair("4", "b", "train"),
    ]
    split = split_of(pairs)
    assert split == Split((pairs[1], pairs[3]), (), (pairs[0],))


def test_a_cohort_without_a_split_says_so() -> None:
    with pytest.raises(CohortError, match=r"no split; write .* “split” of pairs\.csv, or have"):
        split_of(animals(5))


def test_a_told_split_that_leaks_is_refused() -> None:
    with pytest.raises(LeakageError):
        split_of([pair("1", "a", "test"), pair("2", "a", "train")])


# ---------------------------------------------------------------- drawn


@given(
    owners=st.lists(st.sampled_from([*"abcdefghij", "A", "B ", "C"]), min_size=1, max_size=40),
    k=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    sizes=st.tuples(*[st.integers(1, 30)] * 3),
)
def test_no_drawn_split_leaks(
    owners: list[str], k: int, seed: int, sizes: tuple[int, int, int]
) -> None:
    pairs = [pair(f"p{n}", animal) for n, animal in enumerate(owners)]
    train, validation, test = sizes
    try:
        splits = draw_splits(pairs, k, seed=seed, train=train, validation=validation, test=test)
    except CohortError:
        known = len({animal_key(animal) for animal in owners})
        assert known < 3 or k > 1
        return
    assert len(splits) == k
    for split in splits:
        sides = [{animal_key(one.animal) for one in side} for _, side in split.sides()]
        assert all(sides)
        assert all(one.isdisjoint(other) for one, other in itertools.combinations(sides, 2))
        used = set().union(*sides)
        chosen = [one for _, side in split.sides() for one in side]
        # All planes of an animal go with it, each once.
        assert sorted(one.name for one in chosen) == sorted(
            one.name for one in pairs if animal_key(one.animal) in used
        )
        everyone = {animal_key(animal) for animal in owners}
        assert len(used) == min(len(everyone), sum(sizes))
    tests = {frozenset(animal_key(one.animal) for one in split.test) for split in splits}
    assert len(tests) == k


def test_thirty_five_animals_are_split_as_in_the_study() -> None:
    for split in draw_splits(animals(35), 5):
        assert [len(side) for _, side in split.sides()] == [29, 1, 5]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(3, [1, 1, 1]), (5, [3, 1, 1]), (10, [7, 1, 2]), (34, [28, 1, 5]), (50, [29, 1, 5])],
)
def test_fewer_animals_are_split_in_proportion(count: int, sizes: list[int]) -> None:
    (split,) = draw_splits(animals(count), 1)
    assert [len(names(side)) for _, side in split.sides()] == sizes


def test_draws_follow_from_the_seed_alone() -> None:
    pairs = animals(12)
    three = draw_splits(pairs, 3, seed=4)
    assert draw_splits(pairs[::-1], 5, seed=4)[:3] == three
    assert draw_splits(pairs, 3, seed=5) != three


def test_every_animal_gets_its_turn() -> None:
    tested = set().union(*(names(split.test) for split in draw_splits(animals(10), 20)))
    assert len(tested) == 10


def test_too_few_animals_are_said() -> None:
    with pytest.raises(CohortError, match="There are 2 animals; a split needs at least three"):
        draw_splits([pair("1", "a"), pair("2", "a"), pair("3", "b")], 1)
    with pytest.raises(CohortError, match="allow 3 different splits; 4 were requested"):
        draw_splits(animals(3), 4)
    assert len(draw_splits(animals(3), 3)) == 3


# ---------------------------------------------------------------- what weights have seen


@pytest.fixture
def files(tmp_path: Path) -> list[PairFiles]:
    pairs = []
    random = np.random.default_rng(0)
    for n in range(4):
        paths = [tmp_path / f"{kind}{n}.npy" for kind in "fu"]
        for path in paths:
            np.save(path, random.random((12, 9)))
        pairs.append(PairFiles(f"p{n}", f"rat{n}", *paths))
    return pairs


def sides(files: list[PairFiles]) -> Split:
    return Split((files[0],), (files[1],), (files[2],))


def test_weights_that_have_seen_the_train_side_only_are_welcome(files: list[PairFiles]) -> None:
    seen = seen_animals([files[0], files[3]], "lab")
    refuse_seen(sides(files), seen, "w.safetensors", cohort="lab")
    refuse_seen(sides(files), [], "w.safetensors", cohort="lab")


@pytest.mark.parametrize(("n", "side"), [(1, "validation"), (2, "test")])
def test_weights_that_have_seen_an_animal_are_refused(
    files: list[PairFiles], n: int, side: str
) -> None:
    seen = seen_animals([files[n]], "lab")
    with pytest.raises(
        LeakageError, match=rf"w\.safetensors were trained on .* rat{n} of the {side}"
    ):
        refuse_seen(sides(files), seen, "w.safetensors", cohort="lab")


def test_a_renamed_animal_is_found(files: list[PairFiles], tmp_path: Path) -> None:
    seen = seen_animals([files[2]], "lab")
    moved = files[2].fus.rename(tmp_path / "other name.npy")
    files[2] = PairFiles("new", "new", moved, files[2].ulm)
    with pytest.raises(
        LeakageError, match=r"image other name\.npy of the test side, under the name r"
    ):
        refuse_seen(sides(files), seen, "w.safetensors", cohort="lab, copied")


@pytest.mark.parametrize("suffix", [".nii.gz", ".ome.tif", ".npy"])
def test_an_image_in_another_format_is_found(
    files: list[PairFiles], tmp_path: Path, suffix: str
) -> None:
    seen = seen_animals([files[2]], "lab")
    saved = write(tmp_path / f"new{suffix}", make_scan(np.load(files[2].fus), spacing=0.05))
    assert saved.read_bytes() != files[2].fus.read_bytes()
    files[2] = PairFiles("new", "new", saved, files[2].ulm)
    with pytest.raises(LeakageError, match=r"image new.* of the test side, under the name rat2"):
        refuse_seen(sides(files), seen, "w.safetensors", cohort="another folder")


def test_a_phantom_is_found_by_its_seed(files: list[PairFiles], tmp_path: Path) -> None:
    """Two sections of one simulated animal have different pixels but one seed."""

    def phantom(name: str, seed: int, n: int) -> PairFiles:
        provenance = {"simulated": True, "seed": seed}
        scan = make_scan(np.load(files[n].fus), spacing=0.1, provenance=provenance)
        return PairFiles(name, name, write(tmp_path / f"{name}.nii.gz", scan), files[n].ulm)

    seen = seen_animals([phantom("x", 7, 0)], "lab")
    assert seen[0]["simulated"] is True
    split = Split((), (), (phantom("y", 8, 1),))
    refuse_seen(split, seen, "w.safetensors", cohort="another folder")
    split = Split((), (), (phantom("z", 7, 1),))
    with pytest.raises(
        LeakageError, match=r"z\.nii\.gz of the test side, or another of the same ph"
    ):
        refuse_seen(split, seen, "w.safetensors", cohort="another folder")


def test_a_hash_of_pixels_is_that_of_their_values_and_shape(files: list[PairFiles]) -> None:
    scan = read_one(files[0].fus)
    digest = pixel_fingerprint(scan)
    assert digest == pixel_fingerprint(make_scan(scan.values.astype(np.float64), spacing=1.0))
    other = scan.values.copy()
    other[3, 4] = np.nextafter(other[3, 4], np.float32(2))
    assert digest != pixel_fingerprint(make_scan(other, spacing=1.0))
    assert digest != pixel_fingerprint(make_scan(scan.values.reshape(9, 12), spacing=1.0))


def test_an_image_that_cannot_be_read_is_named(files: list[PairFiles]) -> None:
    files[1].fus.write_bytes(b"")
    with pytest.raises(CohortError, match=r"f1\.npy: "):
        seen_animals(files, "lab")


def test_another_plane_of_a_seen_animal_is_found(files: list[PairFiles]) -> None:
    seen = seen_animals([PairFiles("other plane", "RAT2", files[3].fus, files[3].ulm)], "lab")
    with pytest.raises(LeakageError, match="animal rat2 of the test side"):
        refuse_seen(sides(files), seen, "w.safetensors", cohort="lab")


def test_two_laboratories_may_both_have_a_rat_of_that_name(files: list[PairFiles]) -> None:
    seen = seen_animals([PairFiles("p2", "rat2", files[3].fus, files[3].ulm)], "their lab")
    refuse_seen(sides(files), seen, "w.safetensors", cohort="our lab")


def test_copies_are_found_under_any_name(files: list[PairFiles]) -> None:
    assert same_images(files) == []
    files[3].ulm.write_bytes(files[1].ulm.read_bytes())
    assert same_images(files) == [(files[1], files[1].ulm, files[3], files[3].ulm)]
    files[3].ulm.unlink()  # a file that cannot be opened is reported elsewhere
    assert same_images(files) == []
    same = PairFiles("x", "x", files[0].fus, files[0].fus)
    assert same_images([same]) == [(same, same.fus, same, same.fus)]
