import json

import pytest

from napari_fus_ulm.inference.settings import EnhanceSettings


def test_json_round_trip() -> None:
    settings = EnhanceSettings(mode="balanced", seed=7, pixel_um=33.0, patch=128, overlap=64)
    assert EnhanceSettings.from_mapping(json.loads(settings.to_json())) == settings


def test_only_what_differs_is_told() -> None:
    assert EnhanceSettings().changed() == {}
    assert EnhanceSettings(seed=3).changed() == {"seed": 3}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"mode": "magic"}, "mode"),
        ({"steps": 0}, "steps"),
        ({"samples": 1}, "samples"),
        ({"patch": 130}, "multiple of 8"),
        ({"patch": 128, "overlap": 120}, "overlap"),
        ({"pixel_um": 0.0}, "pixel_um"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_values_are_named(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        EnhanceSettings(**wrong)  # type: ignore[arg-type]


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ValueError, match="colour"):
        EnhanceSettings.from_mapping({"colour": "red"})
