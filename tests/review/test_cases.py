"""Pictures on one view: only their content distinguishes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.io import write
from napari_fus_ulm.review.cases import Candidate, Case, one_view, read_cases
from napari_fus_ulm.scan import make_scan


def smooth(rows: int, columns: int, phase: float = 0.0) -> Any:
    """A pattern that is the same in mm, whatever the pixels; values in [0, 1]."""
    y, x = ((np.arange(n) + 0.5) / n for n in (rows, columns))
    return 0.5 + 0.5 * np.sin(6 * y[:, None] + phase) * np.cos(5 * x)


def test_pictures_get_the_coarsest_grid_but_that_of_power_doppler() -> None:
    case = Case(
        "one",
        (
            Candidate("fine", smooth(80, 120), "generated", 0.01),
            Candidate("coarse", smooth(40, 60), "ulm", (0.02, 0.02)),
            Candidate("doppler", smooth(8, 12), "fus", 0.1),
        ),
    )
    view = one_view(case)
    assert {picture.shape for picture in view.values()} == {(40, 60)}
    assert {picture.dtype for picture in view.values()} == {np.dtype(np.uint8)}
    assert np.abs(view["fine"].astype(int) - view["coarse"]).max() <= 3
    assert np.corrcoef(view["doppler"].ravel(), view["coarse"].ravel())[0, 1] > 0.99


def test_gain_and_offset_do_not_tell_pictures_apart() -> None:
    picture = smooth(30, 40)
    case = Case(
        "one",
        (
            Candidate("bright", picture, "generated", 0.02),
            Candidate("dim", 0.1 + 0.3 * picture, "generated", 0.02),
        ),
    )
    view = one_view(case)
    assert np.abs(view["bright"].astype(int) - view["dim"]).max() <= 1
    assert (view["dim"].min(), view["dim"].max()) == (0, 255)


def test_an_empty_picture_is_black() -> None:
    case = Case(
        "one",
        (
            Candidate("a", np.zeros((9, 9)), "generated", 0.02),
            Candidate("b", smooth(9, 9), "generated", 0.02),
        ),
    )
    assert not one_view(case)["a"].any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": np.full((9, 9), 1.5)}, "grey levels from 0 to 1"),
        ({"image": np.full((9, 9), np.nan)}, "grey levels from 0 to 1"),
        ({"image": np.zeros(9)}, "must be 2-D"),
        ({"kind": "real"}, "generated, ulm, fus"),
        ({"name": " "}, "without a name"),
        ({"pixel_mm": 0.0}, "larger than 0"),
    ],
)
def test_what_is_no_picture_is_refused(change: Any, sentence: str) -> None:
    whole = {"name": "a", "image": np.zeros((9, 9)), "kind": "ulm", "pixel_mm": 0.02}
    with pytest.raises(ValueError, match=sentence):
        Candidate(**{**whole, **change})


def test_other_fields_of_view_and_equal_names_are_refused() -> None:
    one = Candidate("a", smooth(40, 40), "generated", 0.02)
    wider = Candidate("b", smooth(40, 60), "generated", 0.02)
    with pytest.raises(ValueError, match="same field of view"):
        Case("one", (one, wider))
    with pytest.raises(ValueError, match="same name"):
        Case("one", (one, one))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Generated pictures of 20 µm, ULM counts of 10 µm, power Doppler of 100 µm; two sections."""
    for kind in ("gen", "ulm", "fus"):
        (tmp_path / kind).mkdir()
    for n, name in enumerate(("sub-01_a", "sub-02_b")):
        grey = make_scan(
            smooth(60, 80, n), spacing=0.02, modality="ulm", values_kind="grey", generated=True
        )
        counts = np.random.default_rng(n).poisson(3 * smooth(120, 160, n))
        maps = make_scan(counts, spacing=0.01, modality="ulm", values_kind="linear")
        power = np.exp(4 * smooth(12, 16, n))
        doppler = make_scan(power, spacing=0.1, modality="fus", values_kind="linear")
        write(tmp_path / "gen" / f"{name}_enhanced.nii.gz", grey)
        write(tmp_path / "ulm" / f"{name}.npy", maps)
        write(tmp_path / "fus" / f"{name}.ome.tif", doppler)
    return tmp_path


def test_folders_are_read_by_name_counts_on_the_generated_grid(files: Path) -> None:
    cases = read_cases(
        {
            "mine": ("generated", files / "gen"),
            "ULM": ("ulm", files / "ulm"),
            "fUS": ("fus", files / "fus"),
        }
    )
    assert [(case.name, case.animal) for case in cases] == [
        ("sub-01_a", "sub-01"),
        ("sub-02_b", "sub-02"),
    ]
    for case in cases:
        assert [one.kind for one in case.candidates] == ["generated", "ulm", "fus"]
        assert {one.image.shape for one in case.candidates} == {(60, 80)}
        pictures = one_view(case)
        assert np.corrcoef(pictures["mine"].ravel(), pictures["fUS"].ravel())[0, 1] > 0.9
        assert np.corrcoef(pictures["mine"].ravel(), pictures["ULM"].ravel())[0, 1] > 0.7


def test_a_generated_picture_cannot_be_the_control(files: Path) -> None:
    with pytest.raises(ValueError, match="is marked as generated"):
        read_cases({"a": ("generated", files / "gen"), "ULM": ("ulm", files / "gen")})


def test_a_missing_partner_and_an_unknown_pixel_size_are_named(files: Path) -> None:
    sources: Any = {"a": ("generated", files / "gen"), "ULM": ("ulm", files / "ulm")}
    (files / "ulm" / "sub-02_b.npy").unlink()
    with pytest.raises(ValueError, match="without a partner: sub-02_b"):
        read_cases(sources)
    bare = files / "bare.npy"
    np.save(bare, smooth(60, 80))
    single: Any = {
        "a": ("generated", files / "gen" / "sub-01_a_enhanced.nii.gz"),
        "ULM": ("ulm", bare),
    }
    with pytest.raises(ValueError, match="--spacing"):
        read_cases(single)
    (case,) = read_cases(single, spacing=0.02)
    assert case.candidates[1].extent_mm == pytest.approx((1.2, 1.6))
