"""Registration by places that a person has marked."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.registration.landmarks import register_landmarks

PLACES = np.array([[1.0, 1.0], [1.5, 8.0], [6.0, 2.0], [7.0, 9.0], [4.0, 5.0], [3.0, 6.5]])
TURN = np.deg2rad(7.0)
MOVES = {
    "shift": np.array([[1.0, 0.0, 0.3], [0.0, 1.0, -0.2]]),
    "rigid": np.array([[np.cos(TURN), np.sin(TURN), 0.3], [-np.sin(TURN), np.cos(TURN), -0.2]]),
    "affine": np.array([[1.08, 0.05, 0.3], [-0.02, 0.94, -0.2]]),
}


def moved(kind: str, places: np.ndarray) -> np.ndarray:
    return places @ MOVES[kind][:, :2].T + MOVES[kind][:, 2]


@pytest.mark.parametrize("kind", MOVES)
def test_a_transform_is_found_again(kind: str) -> None:
    found = register_landmarks(PLACES, moved(kind, PLACES), kind)
    assert np.allclose(found.matrix, MOVES[kind], atol=1e-9)
    assert found.residual_um < 1e-3
    assert found.left_out_um is not None
    assert found.left_out_um < 1e-3


@pytest.mark.parametrize("kind", MOVES)
def test_what_is_left_says_how_precisely_places_were_marked(kind: str) -> None:
    """Marked with 50 µm per axis: what is left out is 1 to 3 times as far as that."""
    rng = np.random.default_rng(0)
    places = rng.uniform(0.0, 9.0, (12, 2))
    marked = moved(kind, places) + rng.normal(0.0, 0.05, places.shape)
    found = register_landmarks(places, marked, kind)
    assert found.left_out_um is not None
    assert 40.0 < found.residual_um < found.left_out_um < 200.0
    truth = moved(kind, PLACES)
    there = PLACES @ np.array(found.matrix)[:, :2].T + np.array(found.matrix)[:, 2]
    assert 1000.0 * np.hypot(*(there - truth).T).max() < 120.0


@pytest.mark.parametrize(
    ("kind", "n", "words"),
    [
        ("shift", 0, "1 or more pairs of places"),
        ("rigid", 1, "2 or more pairs of places"),
        ("affine", 2, "3 or more pairs of places"),
    ],
)
def test_too_few_places_are_refused(kind: str, n: int, words: str) -> None:
    with pytest.raises(MeasureError, match=words):
        register_landmarks(PLACES[:n], PLACES[:n], kind)


def test_places_on_a_line_and_without_partner_are_refused() -> None:
    line = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    with pytest.raises(MeasureError, match="lie on one line"):
        register_landmarks(line, line, "affine")
    with pytest.raises(MeasureError, match="6 places in the ULM and 5"):
        register_landmarks(PLACES, PLACES[:5])
    (only,) = register_landmarks(PLACES[:1], PLACES[:1] + 0.1, "shift").matrix[0][2:]
    assert only == pytest.approx(0.1)
