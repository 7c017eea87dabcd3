"""Declared sizes are held against memory before anything is allocated."""

from pathlib import Path

import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import affordable
from napari_fus_ulm.io.affordable import check_affordable, in_words, memory_free

PATH = Path("rat.npy")


def test_an_ordinary_film_is_affordable():
    check_affordable(PATH, (100, 128, 128), "f4")
    check_affordable(PATH, (0, 5), "f8")
    assert memory_free() > 1e8


def test_the_sentence_names_the_file_and_both_sizes(monkeypatch):
    monkeypatch.setattr(affordable, "memory_free", lambda: 2_000_000_000)
    with pytest.raises(ScanError, match=r"“rat.npy”.*float64.*12 GB.*2 GB are free"):
        check_affordable(PATH, (1000, 1000, 1000), "f8")


@pytest.mark.parametrize("shape", [(2**62, 2**62), (10**5000, 1), (-1, 5), (1,) * 40])
def test_absurd_shapes_are_refused_without_overflow(shape):
    with pytest.raises(ScanError, match=r"rat\.npy"):
        check_affordable(PATH, shape, "u1")


def test_a_container_s_limit_counts(tmp_path: Path, monkeypatch):
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("2500\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 400\n")
    monkeypatch.setattr(affordable, "_CGROUP", tmp_path)
    assert memory_free() == 900


@pytest.mark.parametrize(("count", "text"), [(5, "5 bytes"), (2.5e6, "2.5 MB"), (1e19, "1e+04 PB")])
def test_bytes_in_words(count: float, text: str):
    assert in_words(count) == text
