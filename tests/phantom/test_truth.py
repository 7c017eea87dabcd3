"""The vessel tree as a file."""

from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.phantom import PhantomParams, read_vessels, simulate_pair, write_vessels

SMALL = PhantomParams(width_mm=2.0, depth_mm=2.0)


def test_a_tree_comes_back_as_it_was_written(tmp_path: Path) -> None:
    vessels = simulate_pair(1, SMALL, vary=False).vessels
    path = write_vessels(tmp_path / "deep" / "tree.npz", vessels)
    again = read_vessels(path)
    assert np.allclose(again.points, vessels.points, atol=1e-2)
    assert np.allclose(again.radii, vessels.radii, atol=1e-4)
    assert np.array_equal(again.first, vessels.first)
    assert [p.name for p in path.parent.iterdir()] == ["tree.npz"]


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_a_file_that_is_no_tree_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.npz is not a vessel tree"):
        read_vessels(path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, points=np.array([{"a": 1}], dtype=object), radii=0, speed=0, first=0)
    with pytest.raises(ValueError, match=r"evil\.npz is not a vessel tree") as caught:
        read_vessels(path)
    # NumPy's own message recommends loading the file unsafely.
    assert "unsafe" not in str(caught.value)
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"speed": None}, "it lacks speed"),
        ({"radii": np.ones(3)}, "do not fit together"),
        ({"points": np.ones((4, 2))}, "do not fit together"),
        ({"points": np.full((4, 3), np.nan)}, "do not fit together"),
        ({"first": np.array([0, 9])}, "do not fit together"),
        ({"first": np.array([0, 3, 2, 4])}, "do not fit together"),
    ],
)
def test_arrays_that_are_no_tree_are_told(
    tmp_path: Path, changed: dict[str, np.ndarray | None], words: str
) -> None:
    path = tmp_path / "tree.npz"
    good = {"points": np.ones((4, 3)), "radii": np.ones(4), "speed": np.ones(4)}
    good["first"] = np.array([0, 2, 4])
    np.savez(path, **good)
    assert len(read_vessels(path).points) == 4
    spoilt = {name: one for name, one in (good | changed).items() if one is not None}
    np.savez(path, **spoilt)
    with pytest.raises(ValueError, match=rf"tree\.npz is not a vessel tree: .*{words}"):
        read_vessels(path)
