"""Tables whose numbers are known, and a picture."""

import csv
import io
import json
import math
import re

import numpy as np
import pytest

from napari_fus_ulm.evaluation.columns import difference_of
from napari_fus_ulm.evaluation.export import as_json, csv_table
from napari_fus_ulm.evaluation.harness import (
    Evaluation,
    EvaluationSettings,
    ImageScored,
    Row,
)
from napari_fus_ulm.evaluation.pairs import EvaluationPair
from napari_fus_ulm.evaluation.picture import INSET_MM, richest_part, study_picture
from napari_fus_ulm.evaluation.report import markdown
from napari_fus_ulm.evaluation.scores import Scores
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.metrics import Fidelity, mask_scores
from napari_fus_ulm.output.figures import cut_out
from napari_fus_ulm.scan import make_scan

LINE = np.zeros((40, 60), bool)
LINE[20, 10:50] = True


def scored(method: str, image: str, mse: float, split: int = 1, **more: float) -> ImageScored:
    near = Fidelity(mse=mse, ssim=0.5, psnr=-10 * math.log10(mse) if mse else math.inf, lpips=0.2)
    scores = Scores(near, more.get("r", 0.3), mask_scores(LINE, LINE, 0.02))
    return ImageScored(split, method, image, image, scores, 0.5)


@pytest.fixture
def evaluation() -> Evaluation:
    rows = (Row("input", "input", "The input.", ("",)), Row("m", "model", "A | model.", ("x",)))
    images = (
        scored("input", "a", 0.04),
        scored("input", "b", 0.02),
        scored("m", "a", 0.01, r=0.9),
        scored("m", "b", 0.01, r=0.7),
    )
    return Evaluation(EvaluationSettings(), rows, images)


def test_the_table_has_means_deviations_and_the_best_in_bold(evaluation: Evaluation) -> None:
    text = markdown(evaluation)
    assert "2 images of 2 animals" in text
    assert "| input | 0.0300 ± 0.0141 |" in text
    assert "| model | **0.0100** ± 0.0000 |" in text
    assert "**0.800** ± 0.141 |" in text
    assert "simulated tree" not in text  # recordings have none
    assert "A | model. Here: x." in text
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for block in tables:
        lines = block.strip().splitlines()
        assert len({line.count("|") for line in lines}) == 1, block


def test_the_vessels_means_have_intervals_and_both_sides_have_classes(
    evaluation: Evaluation,
) -> None:
    text = markdown(evaluation)
    assert "| Vessels: mean [95 % interval] | clDice ↑ | recall ↑ | precision ↑ |" in text
    assert "| model | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] |" in text
    assert "recall < 60 µm ↑ " in text
    assert "precision < 60 µm ↑ " in text
    assert "partly their contrast" in text


def test_rows_made_from_the_ulm_do_not_compete(evaluation: Evaluation) -> None:
    rows = (evaluation.rows[0], Row("ulm-shifted", "shifted", "S."), Row("ulm", "itself", "I."))
    images = (
        *evaluation.images[:2],
        scored("ulm-shifted", "a", 0.001),
        scored("ulm-shifted", "b", 0.001),
        scored("ulm", "a", 0.0),
        scored("ulm", "b", 0.0),
    )
    text = markdown(Evaluation(evaluation.settings, rows, images))
    assert "| shifted | 0.0010 ± 0.0000 |" in text  # it is among the rows, never in bold
    assert "| input | 0.0300 ± 0.0141 |" in text  # and who is alone is not either
    assert "| itself |" not in text  # without a tree
    (one_by_one,) = [part for part in text.split("\n\n") if "Image by image" in part]
    assert [line.split("|")[1].strip() for line in one_by_one.splitlines()[2:]] == ["a", "b"]
    assert "Difference to" not in text
    both = Evaluation(
        evaluation.settings,
        (*evaluation.rows, rows[1]),
        (*evaluation.images, *images[2:4]),
        notes=("Left out.",),
    )
    text = markdown(both)
    assert "| model | **0.0100** ± 0.0000 |" in text
    assert "- Left out." in text
    assert "what a sharp and perfect answer scores here" in text
    assert as_json(both)["notes"] == ["Left out."]


def test_differences_are_paired_by_image(evaluation: Evaluation) -> None:
    difference = difference_of(evaluation, evaluation.rows[1], "mse")
    assert difference.mean == pytest.approx(-0.02)
    assert difference.sd == pytest.approx(math.sqrt(2) * 0.01)  # -0.03 and -0.01
    assert (difference.low, difference.high) == pytest.approx((-0.03, -0.01))
    assert "| model | -0.0200 [-0.0300, -0.0100] |" in markdown(evaluation)


def test_one_image_has_no_deviation_and_no_interval(evaluation: Evaluation) -> None:
    one = Evaluation(evaluation.settings, evaluation.rows, evaluation.images[::2])
    text = markdown(one)
    assert "| model | **0.0100** ± – |" in text
    assert "| model | -0.0300 [–] |" in text
    assert "with one animal there is none" in text


def test_pooled_splits_are_noted(evaluation: Evaluation) -> None:
    again = (scored("input", "a", 0.04, 2), scored("m", "a", 0.01, 2))
    pooled = Evaluation(evaluation.settings, evaluation.rows, (*evaluation.images, *again))
    text = markdown(pooled)
    assert "2 splits drawn by animal and pooled (3 judgements per row)" in text
    assert "generators were not trained again" in text


def test_a_perfect_picture_has_an_infinite_psnr(evaluation: Evaluation) -> None:
    rows = evaluation.rows[:1]
    text = markdown(Evaluation(evaluation.settings, rows, (scored("input", "a", 0.0),)))
    assert "∞ ± –" in text
    json.dumps(
        as_json(Evaluation(evaluation.settings, rows, (scored("input", "a", 0.0),))),
        allow_nan=False,
    )


def test_the_csv_has_a_line_for_every_image(evaluation: Evaluation) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_table(evaluation))))
    assert [(line["method"], line["image"]) for line in lines] == [
        ("input", "a"), ("input", "b"), ("m", "a"), ("m", "b"),
    ]  # fmt: skip
    assert float(lines[0]["mse"]) == 0.04
    assert float(lines[0]["cl_dice"]) == 1.0
    assert lines[0]["recall_from_120_um"] == ""  # the line is thin


def test_the_json_holds_everything(evaluation: Evaluation) -> None:
    data = json.loads(json.dumps(as_json(evaluation), allow_nan=False))
    assert data["rows"]["m"]["summary"]["mse"]["mean"] == pytest.approx(0.01)
    assert data["rows"]["m"]["difference_to_input"]["mse"]["low"] == pytest.approx(-0.03)
    assert data["settings"]["tree_rule"]["slice_um"] == 500.0
    assert data["settings"]["rule"]["tolerance_um"] == 30.0
    assert len(data["images"]) == 4
    assert re.match(r"\d+\.", data["versions"]["torch"])


# ---------------------------------------------------------------- picture


def pair_with(truth: np.ndarray) -> EvaluationPair:
    """6 × 8 mm on pixels of 20 µm."""
    fus = make_scan(np.ones((60, 80)), spacing=0.1)
    ulm = make_scan(truth, spacing=0.02)
    grey = np.full(truth.shape, 0.5, np.float32)
    return EvaluationPair(
        name="a",
        animal="a",
        fus=fus,
        ulm=ulm,
        grid=Grid.of(ulm),
        condition=grey,
        truth=truth.astype(np.float32),
        values="linear",
    )


def test_the_inset_lies_where_the_ulm_has_most_centreline() -> None:
    truth = np.zeros((300, 400))
    for row in range(210, 290, 10):
        truth[row : row + 3, 10:100] = 1.0
    truth[50:53, 200:300] = 1.0
    top, left, height, width = richest_part(pair_with(truth))
    assert (height, width) == pytest.approx((INSET_MM, INSET_MM))
    assert top <= 210 * 0.02
    assert top + height >= 281 * 0.02  # where the last centreline lies
    assert left <= 10 * 0.02
    assert left + width >= 100 * 0.02


def test_the_picture_shows_every_method_and_its_inset() -> None:
    truth = np.zeros((300, 400))
    truth[100:104, 100:200] = 1.0
    pair = pair_with(truth)
    figure = study_picture(pair, {"dark": truth * 0, "bright": truth * 0 + 1})
    whole, parts = figure.axes[:4], figure.axes[4:]
    assert [text.get_text() for text in figure.texts if text.get_text()] == [
        *("fUS", "dark", "bright", "ULM")
    ]
    box = richest_part(pair)
    assert len(parts) == 4
    for axes, level in zip(parts, (0.5, 0.0, 1.0, None), strict=True):
        shown = axes.images[0].get_array()
        assert shown.shape == (100, 100)  # 2 mm
        assert level is None or (shown == level).all()
    richest = cut_out(truth, (6.0, 8.0), box)
    assert richest.any()
    np.testing.assert_array_equal(parts[3].images[0].get_array(), richest)
    assert [axes.images[0].get_cmap().name for axes in parts] == ["gray"] + 3 * ["vessels"]
    for axes in whole:
        (outline,) = (patch for patch in axes.patches if not patch.get_fill())
        assert outline.get_bbox().bounds == pytest.approx((box[1], box[0], box[3], box[2]))


def test_a_field_of_view_smaller_than_the_inset(pairs: list[EvaluationPair]) -> None:
    fus = make_scan(np.ones((12, 40)), spacing=0.1)
    truth = np.zeros((60, 200), np.float32)
    ulm = make_scan(truth, spacing=0.02)
    small = EvaluationPair(
        name="a",
        animal="a",
        fus=fus,
        ulm=ulm,
        grid=Grid.of(ulm),
        condition=truth,
        truth=truth,
        values="linear",
    )
    assert richest_part(small) == pytest.approx((0.0, 0.0, 1.2, 1.2))
    assert len(study_picture(small, {"x": truth}).axes) == 6
    assert len(study_picture(pairs[0], {"input": pairs[0].condition}).axes) == 6
