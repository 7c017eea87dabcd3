"""Weights of one's own are offered first where they are better, and nowhere else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.evaluation.acceptance import rivals, verdict
from napari_fus_ulm.evaluation.harness import Evaluation, EvaluationSettings, ImageScored, Row
from napari_fus_ulm.evaluation.scores import Scores
from napari_fus_ulm.generators.checkpoint import Card, bundled_weights, write_weights
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.metrics import Fidelity, mask_scores
from napari_fus_ulm.tasks.acceptance import Judged, acceptance_run

LINE = np.zeros((40, 60), bool)
LINE[20, 10:50] = True
PAIRS = {"rats-accurate": "diffusion-accurate", "rats-detailed": "diffusion-detailed"}
NOISE = (0.9, 1.0, 1.1, 1.05, 0.95)


def evaluated(mse: float, lpips: float, animals: int = 5) -> Evaluation:
    """New weights with these means, ones before with 0.02 and 0.3; vessels are the same."""

    def one(key: str, n: int) -> ImageScored:
        new = key.startswith("rats")
        near = Fidelity(
            mse=NOISE[n] * (mse if new else 0.02),
            ssim=0.5,
            psnr=17.0,
            lpips=NOISE[-n] * (lpips if new else 0.3),
        )
        scores = Scores(near, 0.3, mask_scores(LINE, LINE, 0.02))
        return ImageScored(1, key, f"image {n}", f"animal {n}", scores, 0.5)

    keys = [*PAIRS, *PAIRS.values()]
    images = tuple(one(key, n) for key in keys for n in range(animals))
    return Evaluation(EvaluationSettings(), tuple(Row(key, key, "") for key in keys), images)


def test_better_weights_are_offered_first() -> None:
    said = verdict(evaluated(0.015, 0.25), PAIRS)
    assert said.offered
    assert said.sentence == (
        "Offered first: better than before in Accurate MSE, Detailed LPIPS, worse in nothing."
    )
    assert [one.sense for one in said.compared] == ["better", "undecided", "better", "undecided"]
    assert str(said.compared[0]).startswith("Accurate, MSE: -0.0050 (-0.00")


def test_what_is_gained_here_does_not_pay_for_what_is_lost_there() -> None:
    said = verdict(evaluated(0.015, 0.35), PAIRS)
    assert not said.offered
    assert "worse than before in Detailed LPIPS, although better in Accurate MSE" in said.sentence


@pytest.mark.parametrize("animals", [1, 2])
def test_a_few_animals_decide_nothing(animals: int) -> None:
    said = verdict(evaluated(0.015, 0.25, animals), PAIRS)
    assert not said.offered
    assert "Keep more animals apart" in said.sentence
    assert math.isnan(said.compared[0].difference.low) == (animals == 1)


def test_chance_is_no_gain() -> None:
    said = verdict(evaluated(0.02, 0.3), PAIRS)
    assert not said.offered
    assert "no difference that matters is beyond chance" in said.sentence


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Weights that know nothing yet, under the name of the bundled ones."""
    model = ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1))
    path = tmp_path / "diffusion.safetensors"
    write_weights(
        path, model.state_dict(), Card("diffusion", model.config(), 20.0, {"data": "none"}, {}, "")
    )
    return path


def test_both_stand_beside_the_input_and_chance(mine: Path) -> None:
    methods, pairs = rivals(mine)
    assert [one.key for one in methods[:2]] == ["input", "other"]
    by_key = {one.key: one.weights for one in methods}
    assert len(pairs) == 3
    assert {by_key[key] for key in pairs} == {mine}
    assert {by_key[key] for key in pairs.values()} == {bundled_weights("diffusion")}


@pytest.mark.slow
def test_weights_that_know_nothing_are_not_offered(mine: Path, cohort: Path) -> None:
    *_, judged = acceptance_run(mine, cohort)
    assert isinstance(judged, Judged)
    assert not judged.verdict.offered
    assert "worse than before in" in judged.verdict.sentence
    assert len({one.method for one in judged.evaluated.drawn}) == 8
