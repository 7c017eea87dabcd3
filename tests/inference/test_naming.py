"""What a result is called."""

import pytest

from napari_fus_ulm.inference.naming import caption_of, title_of
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings

MADE = {"generator_title": "Diffusion", "has_modes": True, "gain": 5.0, "input_name": "rat01"}


@pytest.mark.parametrize(
    ("settings", "made", "part", "title"),
    [
        ({"seed": 1}, {}, "slice 3", "Detailed ×5 · slice 3 · seed 1 · rat01 (generated)"),
        ({"mode": "accurate", "seed": 1, "steps": 9}, {}, "", "Accurate ×5 · rat01 (generated)"),
        ({"departure": 0.0}, {}, "", "Detailed ×5 · departure 0 · rat01 (generated)"),
        (
            {"mode": "balanced", "samples": 3, "batch": 1, "precision": "float32"},
            {},
            "",
            "Balanced ×5 · seed 0 · samples 3 · rat01 (generated)",
        ),
        (
            dict(POSTER),
            {"familiarity": {"light": "red"}},
            "",
            "unlike fUS · Detailed ×5 · seed 0 · Study's recipe · rat01 (generated)",
        ),
        (
            {"generator": "pix2pix"},
            {"generator_title": "Pix2Pix", "has_modes": False},
            "",
            "Pix2Pix ×5 · rat01 (generated)",
        ),
        (
            {"generator": "mhvae", "weights": "/a/mine.safetensors"},
            {"generator_title": "MHVAE"},
            "",
            "MHVAE Detailed ×5 · seed 0 · weights mine · rat01 (generated)",
        ),
        (
            {"region": (1.0, 2.5, 3.0, 4.0)},
            {},
            "",
            "Detailed ×5 · region 4 × 3 mm at 2.5, 1 · seed 0 · rat01 (generated)",
        ),
    ],
)
def test_what_tells_results_apart_comes_first(settings, made, part, title):
    assert title_of(EnhanceSettings(**{"mode": "detailed"} | settings), MADE | made, part) == title


def test_in_a_figure_the_generator_is_named_and_the_input_is_not():
    name = title_of(EnhanceSettings(mode="detailed"), MADE)
    assert caption_of(name, MADE) == "Diffusion Detailed ×5 · seed 0 (generated)"
    assert caption_of(f"unlike fUS · {name}", MADE).startswith("unlike fUS · Diffusion Detailed ×5")
    assert caption_of("Pix2Pix ×5 · rat01 (generated)", MADE) == "Pix2Pix ×5 (generated)"
    assert caption_of("my favourite", MADE) == "my favourite"
