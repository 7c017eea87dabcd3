"""All measures of a picture at once."""

import json
import math

import numpy as np
import pytest
from scipy import ndimage

from napari_fus_ulm.evaluation.pairs import EvaluationPair
from napari_fus_ulm.evaluation.scores import pearson, score


def test_the_ulm_itself_is_perfect_and_a_blank_picture_is_not(pairs: list[EvaluationPair]) -> None:
    pair = pairs[0]
    options = {"vessels": pair.vessels, "extent_mm": pair.grid.extent_mm}
    same = score(pair.truth, pair.truth, pair.grid.pixel_mm, **options)
    assert same.fidelity.mse == 0.0
    assert same.r == pytest.approx(1.0)
    assert same.vessels.cl_dice == same.vessels.recall == 1.0
    assert same.tree is not None
    assert same.tree.precision > 0.9  # the ULM shows vessels of the tree, and no others
    blank = score(np.zeros_like(pair.truth), pair.truth, pair.grid.pixel_mm, **options)
    assert blank.vessels.recall == 0.0
    assert blank.tree is not None
    assert blank.tree.recall == 0.0
    assert math.isnan(blank.r)
    flat = blank.as_dict()
    assert flat["r"] is None
    assert flat["tree_precision"] is None
    assert flat["tree_recall"] == 0.0
    assert flat["recall"] == 0.0
    json.dumps(flat, allow_nan=False)


def test_the_tree_lies_where_the_ulm_does(pairs: list[EvaluationPair]) -> None:
    """A picture that is shifted or mirrored agrees less with the tree: nothing is transposed."""
    pair = pairs[1]

    def recall(picture: np.ndarray) -> float:
        scores = score(
            picture,
            pair.truth,
            pair.grid.pixel_mm,
            vessels=pair.vessels,
            extent_mm=pair.grid.extent_mm,
        )
        assert scores.tree is not None
        return scores.tree.precision

    upright = recall(pair.truth)
    for off in ((0, 6), (6, 0), (0, -6), (-6, 0)):
        assert recall(ndimage.shift(pair.truth, off, order=0)) < upright - 0.05
    assert recall(pair.truth[:, ::-1]) < upright - 0.05


def test_pearson_is_numpys() -> None:
    one, two = np.random.default_rng(0).random((2, 20, 30))
    assert pearson(one, two) == pytest.approx(np.corrcoef(one.ravel(), two.ravel())[0, 1])
    assert pearson(one, 3 - 2 * one) == pytest.approx(-1.0)
