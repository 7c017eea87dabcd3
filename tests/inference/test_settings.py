import json
from dataclasses import replace

import pytest

from napari_fus_ulm.generators import kind, names
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings


def test_json_round_trip() -> None:
    settings = EnhanceSettings(mode="balanced", seed=7, pixel_um=33.0, patch=128, overlap=64)
    assert EnhanceSettings.from_mapping(json.loads(settings.to_json())) == settings


def test_only_changed_settings_are_listed() -> None:
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
        ({"overlap": 600}, "overlap"),
        ({"sampler": "magic"}, "sampler"),
        ({"window": "magic"}, "window"),
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


@pytest.mark.parametrize("name", names())
def test_what_is_left_open_is_the_generators_own(name: str) -> None:
    settings = EnhanceSettings(generator=name)
    assert settings.application == kind(name).application
    assert settings.resolved().resolved() == settings.resolved()
    assert settings.resolved().patch == kind(name).application.patch
    assert settings.resolved().changed() == settings.changed()
    assert set(settings.changed()) <= {"generator"}


def test_what_is_set_stays_and_a_small_patch_brings_a_small_overlap() -> None:
    settings = EnhanceSettings(patch=128, window="hann").application
    assert (settings.patch, settings.overlap) == (128, 64)
    assert (settings.window, settings.fusion) == ("hann", "per-step")
    assert EnhanceSettings(overlap=0).application.overlap == 0


def test_changing_the_generator_changes_how_it_is_applied() -> None:
    assert replace(EnhanceSettings(), generator="mhvae").application.fusion == "at-end"


def test_a_generator_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"magic.*diffusion, pix2pix, mhvae"):
        EnhanceSettings(generator="magic").resolved()


def test_the_posters_recipe_is_valid() -> None:
    poster = EnhanceSettings(**POSTER)
    assert (poster.sampler, poster.patch, poster.overlap) == ("ancestral", 128, 64)
