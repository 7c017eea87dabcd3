"""Impossible settings are refused before hours of training."""

import json

import pytest

from napari_fus_ulm.cohort.seeds import SEED_BLOCK, TEST_SEED, VALIDATION_SEED
from napari_fus_ulm.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("phantoms", 0),
        ("steps", 0),
        ("batch", 0),
        ("patch", 16),
        ("patch", 100),
        ("precision", "float16"),
        ("generator", "gan"),
        ("seed", -1),
        ("seed", 900),
        ("pixel_um", 0.0),
        ("pixel_um", float("nan")),
        ("learning_rate", 0.0),
        ("workers", 0),
        ("checkpoint_minutes", -1.0),
    ],
)
def test_a_wrong_value_is_named(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{setting} (is|called) “?{value}"):
        TrainSettings(**{setting: value})


def test_no_run_trains_on_the_phantoms_kept_for_judging_it() -> None:
    last = TrainSettings(seed=899, phantoms=SEED_BLOCK)
    assert last.seed * SEED_BLOCK + last.phantoms <= VALIDATION_SEED < TEST_SEED


def test_settings_survive_json() -> None:
    settings = TrainSettings(steps=17, pairs="here", learning_rate=1e-3)
    assert TrainSettings(**json.loads(settings.to_json())) == settings
