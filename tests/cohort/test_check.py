"""Every fault put into a cohort is reported, and nothing else."""

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.cohort.check import Checked, Finding, PairChecked, check_cohort
from napari_fus_ulm.cohort.table import PairFiles, write_pairs_table
from napari_fus_ulm.io import write
from napari_fus_ulm.scan import make_scan

Maker = Callable[..., tuple[xr.DataArray, xr.DataArray]]
Cohort = tuple[Path, list[PairFiles]]
Rewrite = Callable[[Path, xr.DataArray], None]


def findings(folder: Path) -> list[Finding]:
    return [event for event in check_cohort(folder) if isinstance(event, Finding)]


def only(folder: Path) -> Finding:
    (finding,) = findings(folder)
    assert finding.sentence.endswith(".")
    return finding


def remade(scan: xr.DataArray, values: np.ndarray | None = None, **kwargs: object) -> xr.DataArray:
    """The same image with other values, pixel size or kind."""
    attrs: dict[str, object] = {
        "spacing": 0.1 if scan.attrs["modality"] == "fus" else 0.01,
        "modality": scan.attrs["modality"],
        "values_kind": "linear",
    }
    return make_scan(
        scan.values if values is None else values,
        **(attrs | kwargs),  # type: ignore[arg-type]
    )


def test_a_cohort_without_a_fault_gives_no_finding(cohort: Cohort) -> None:
    events = list(check_cohort(cohort[0]))
    assert events == [*(PairChecked(n, 3) for n in (1, 2, 3)), Checked(3, 3)]


def test_a_folder_of_names_is_told_that_it_has_no_split(cohort: Cohort, tmp_path: Path) -> None:
    _, pairs = cohort
    for pair in pairs:
        for path, kind in ((pair.fus, "fus"), (pair.ulm, "ulm")):
            for part in (path, path.with_name(path.name.replace(".nii.gz", ".json"))):
                (tmp_path / "plain" / kind).mkdir(parents=True, exist_ok=True)
                name = part.name.replace("_pwd", "").replace("_ulm", "")
                shutil.copy(part, tmp_path / "plain" / kind / name)
    finding = only(tmp_path / "plain")
    assert (finding.level, finding.pair) == ("note", "")
    assert "No pair has a split" in finding.sentence


# ---------------------------------------------------------------- one image of one pair


@pytest.mark.parametrize(
    ("kind", "level", "spoil", "words"),
    [
        ("fus", "error", lambda s: remade(s, np.where(s > s.mean(), s, np.nan)), "are NaN or inf"),
        ("ulm", "error", lambda s: remade(s, np.where(s > 0, s, np.inf)), "are NaN or infinite"),
        ("fus", "error", lambda s: remade(s, 0 * s.values + 7), "is 7 everywhere; put the right"),
        ("ulm", "error", lambda s: remade(s, 0 * s.values), "is 0 everywhere"),
        ("fus", "error", lambda s: remade(s, np.stack([s] * 3)), r"shape 3 × 40 × 60; one 2-D"),
        ("fus", "error", lambda s: remade(s, s.values[:4, :6]), "is 4 × 6 pixels; at least 8 × 8"),
        ("fus", "error", lambda s: remade(s, spacing_known=False), "stores no pixel size; save it"),
        ("ulm", "error", lambda s: remade(s, spacing_known=False), "stores no pixel size"),
        ("fus", "error", lambda s: remade(s, spacing=100.0), r"pixels of 1e\+05 µm; 30 to 400 µm"),
        ("ulm", "error", lambda s: remade(s, spacing=1e-5), r"pixels of 0\.01 µm; 2 to 60 µm"),
        ("ulm", "error", lambda s: remade(s, spacing=0.2), "ULM is the finer one: .* swapped"),
        ("ulm", "error", lambda s: remade(s, spacing=0.012), r"covers 6\.000 × 4\.000 mm and .* 7"),
        (
            "ulm",
            "error",
            lambda s: remade(s, s.values.T),
            "stored with its two axes exchanged; tra",
        ),
        (
            "ulm",
            "error",
            lambda s: remade(s, s.values[:, ::-1]),
            "to be mirrored left to right rel",
        ),
        (
            "fus",
            "error",
            lambda s: remade(s, s.values[:, ::-1]),
            "to be mirrored left to right rel",
        ),
        (
            "ulm",
            "error",
            lambda s: remade(s, s.values[::-1]),
            "to be upside down relative to",
        ),
        ("ulm", "error", lambda s: remade(s, s.values[::-1, ::-1]), "seems to be turned by 180°"),
        (
            "ulm",
            "warning",
            lambda s: remade(s, np.roll(s.values, (-15, 20), (0, 1))),
            r"lies 1[3-7]\d µm above and (1[89]|2[01])\d µm to the right of where .*\(100 µm\)",
        ),
        (
            "ulm",
            "warning",
            lambda s: remade(s, s.values - 1.0),
            "negative values down to -1, which",
        ),
        ("ulm", "warning", lambda s: remade(np.sqrt(s), values_kind="sqrt"), "holds sqrt values; "),
        (
            "fus",
            "warning",
            lambda s: remade(s, np.round(255 * s.values / s.values.max()), values_kind="display"),
            "8-bit grey levels of a picture; use the linear power Doppler",
        ),
    ],
)
def test_one_fault_gives_one_finding(
    cohort: Cohort,
    make_pair: Maker,
    rewrite: Rewrite,
    kind: str,
    level: str,
    spoil: Callable[[xr.DataArray], xr.DataArray],
    words: str,
) -> None:
    folder, pairs = cohort
    scan = make_pair(2)[("fus", "ulm").index(kind)]
    path = getattr(pairs[1], kind)
    rewrite(path, spoil(scan))
    finding = only(folder)
    assert (finding.level, finding.pair) == (level, "sub-02")
    assert path.name in finding.sentence
    assert re.search(words, finding.sentence), finding.sentence


def test_a_shift_below_a_fus_pixel_is_fine(
    cohort: Cohort, make_pair: Maker, rewrite: Rewrite
) -> None:
    folder, pairs = cohort
    rewrite(pairs[1].ulm, make_pair(2, 50, -60)[1])
    assert findings(folder) == []


def test_an_upsampled_fus_image_is_only_warned_of(
    cohort: Cohort, make_pair: Maker, rewrite: Rewrite
) -> None:
    folder, pairs = cohort
    fus = make_pair(2)[0]
    rewrite(pairs[1].fus, remade(fus, np.kron(fus.values, np.ones((5, 5))), spacing=0.02))
    finding = only(folder)
    assert finding.level == "warning"
    assert "pixels of 20 µm; 30 to 400 µm were expected of fUS" in finding.sentence


def test_images_of_different_sections_are_told(
    cohort: Cohort, make_pair: Maker, rewrite: Rewrite
) -> None:
    folder, pairs = cohort
    rewrite(pairs[1].ulm, make_pair(77)[1])
    finding = only(folder)
    assert (finding.level, finding.pair) == ("warning", "sub-02")
    assert "hardly resemble each other" in finding.sentence


def test_swapped_files_are_reported(cohort: Cohort) -> None:
    folder, pairs = cohort
    pairs[1] = dataclasses.replace(pairs[1], fus=pairs[1].ulm, ulm=pairs[1].fus)
    write_pairs_table(folder, pairs)
    finding = only(folder)
    assert (finding.level, finding.pair) == ("error", "sub-02")
    assert "the two files are swapped" in finding.sentence


def test_a_damaged_file_is_told(cohort: Cohort) -> None:
    folder, pairs = cohort
    pairs[2].ulm.write_bytes(pairs[2].ulm.read_bytes()[:500])
    finding = only(folder)
    assert (finding.level, finding.pair) == ("error", "sub-03")
    assert str(pairs[2].ulm) in finding.sentence
    assert "could not be read" in finding.sentence


# ---------------------------------------------------------------- the list


def test_a_missing_file_is_told_and_the_other_pairs_are_checked(cohort: Cohort) -> None:
    folder, pairs = cohort
    pairs[0].ulm.unlink()
    listed = findings(folder)
    assert [(one.level, one.pair) for one in listed] == [("error", "sub-01"), ("warning", "")]
    assert "names sub-01/ulm/sub-01_ulm.nii.gz, but there is no such file" in listed[0].sentence
    assert "No pair is on the train side" in listed[1].sentence
    assert list(check_cohort(folder))[-1] == Checked(2, 2)


def test_a_missing_partner_is_told(tmp_path: Path, make_pair: Maker) -> None:
    for kind, scan in zip(("fus", "ulm"), make_pair(1), strict=True):
        (tmp_path / kind).mkdir()
        write(tmp_path / kind / "a.nii.gz", scan)
    write(tmp_path / "fus" / "b.nii.gz", make_pair(2)[0])
    error, note = findings(tmp_path)
    assert (error.level, error.pair, note.level) == ("error", "b", "note")
    assert "without a partner: b." in error.sentence


def test_no_folder_is_one_finding(tmp_path: Path) -> None:
    finding = only(tmp_path / "away")
    assert finding.level == "error"
    assert "There is no folder" in finding.sentence


def test_an_animal_on_two_sides_is_told_once(cohort: Cohort) -> None:
    folder, pairs = cohort
    changed = [dataclasses.replace(pair, animal="sub-01") for pair in pairs[:2]]
    write_pairs_table(folder, [*changed, pairs[2]])
    finding = only(folder)
    assert finding.level == "error"
    assert "sub-01 is on two sides of the split (train and validation)" in finding.sentence


@pytest.mark.parametrize("side", ["train", "validation", "test"])
def test_an_empty_side_and_a_pair_without_one_are_told(cohort: Cohort, side: str) -> None:
    folder, pairs = cohort
    changed = [dataclasses.replace(p, split="" if p.split == side else p.split) for p in pairs]
    write_pairs_table(folder, changed)
    first, second = findings(folder)
    assert {first.level, second.level} == {"warning"}
    assert "has no split although others have one" in first.sentence
    assert f"No pair is on the {side} side" in second.sentence


def test_the_same_image_twice_is_told(cohort: Cohort) -> None:
    folder, pairs = cohort
    for kind in ("fus", "ulm"):
        shutil.copy(getattr(pairs[0], kind), getattr(pairs[2], kind))
    listed = findings(folder)
    assert [(one.level, one.pair) for one in listed] == [("error", "sub-03")] * 2
    assert all(
        "same content as" in one.sentence and "pair sub-01" in one.sentence for one in listed
    )


def test_a_vessel_tree_that_is_none_is_found(cohort: Cohort) -> None:
    folder, pairs = cohort
    tree = folder / "tree.npz"
    write_pairs_table(folder, [dataclasses.replace(pairs[0], vessels=tree), *pairs[1:]])
    arrays = {"points": np.ones((2, 3)), "radii": np.ones(2), "speed": np.ones(2)}
    np.savez(tree, **arrays, first=np.array([0, 2]))
    assert findings(folder) == []
    tree.write_bytes(b"junk")
    finding = only(folder)
    assert (finding.level, finding.pair) == ("error", pairs[0].name)
    assert "tree.npz is not a vessel tree" in finding.sentence
    assert "pwd.nii.gz" not in finding.sentence
    assert "column “vessels” empty" in finding.sentence
