"""Generators that are called once: their own patches, and whether they are stochastic."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from napari_fus_ulm import EnhanceSettings, enhance, enhance_events
from napari_fus_ulm.generators import build
from napari_fus_ulm.generators.checkpoint import card_path
from napari_fus_ulm.inference.events import Finished, Progress
from napari_fus_ulm.io.atomic import write_tensors, write_text
from napari_fus_ulm.phantom import PhantomPair

SMALL = {
    "pix2pix": {"widths": [8, 8]},
    "mhvae": {"widths": [8, 8], "latents": [4, 8], "head_blocks": 1, "temperature": 1.0},
}


@pytest.fixture(scope="module")
def fus(section: PhantomPair) -> xr.DataArray:
    return section.fus.isel(j=slice(10, 50), i=slice(20, 56))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Untrained weights, by generator."""
    folder, paths = tmp_path_factory.mktemp("weights"), {}
    for name, config in SMALL.items():
        torch.manual_seed(0)
        path = folder / f"{name}.safetensors"
        write_tensors(path, build(name, config).state_dict())
        card = {"generator": name, "config": config, "pixel_um": 20.0, "training": {}}
        write_text(card_path(path), json.dumps({**card, "metrics": {}, "notes": ""}))
        paths[name] = str(path)
    return paths


def run(name: str, weights: dict[str, str], fus: xr.DataArray, **changes: object) -> xr.DataArray:
    settings = EnhanceSettings(
        mode="detailed", generator=name, weights=weights[name], precision="float32"
    )
    return enhance(fus, settings, **changes).image.values


def test_mhvae_draws_by_the_seed_and_accurate_is_its_mean(
    weights: dict[str, str], fus: xr.DataArray
) -> None:
    drawn = [run("mhvae", weights, fus, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).mean() > 1e-4
    mean = [run("mhvae", weights, fus, seed=seed, mode="accurate") for seed in (0, 1)]
    np.testing.assert_array_equal(mean[0], mean[1])
    assert np.abs(mean[0] - drawn[0]).mean() > 1e-4


def test_balanced_of_mhvae_has_a_spread(weights: dict[str, str], fus: xr.DataArray) -> None:
    path = Path(weights["mhvae"])
    result = enhance(
        fus, generator="mhvae", weights=str(path), mode="balanced", samples=3, precision="float32"
    )
    assert result.spread is not None
    assert float(result.spread.mean()) > 1e-4


def test_pix2pix_gives_the_same_image_in_every_mode(
    weights: dict[str, str], fus: xr.DataArray
) -> None:
    one = run("pix2pix", weights, fus)
    for changes in ({"seed": 3}, {"mode": "accurate"}, {"mode": "balanced"}):
        np.testing.assert_array_equal(run("pix2pix", weights, fus, **changes), one)
    settings = EnhanceSettings(generator="pix2pix", weights=weights["pix2pix"], mode="balanced")
    *_, last = events = list(enhance_events(fus, settings))
    assert isinstance(last, Finished)
    assert last.enhancement.spread is None
    assert "Balanced" not in last.enhancement.title
    # And it is not computed six times over.
    totals = {event.total for event in events if isinstance(event, Progress)}
    assert totals == {100}


def test_a_one_shot_generator_is_applied_to_half_overlapping_patches(
    weights: dict[str, str], fus: xr.DataArray
) -> None:
    settings = EnhanceSettings(generator="pix2pix", weights=weights["pix2pix"])
    applied = enhance(fus, settings).settings
    assert (applied.patch, applied.overlap) == (128, 64)
    assert (applied.window, applied.fusion) == ("hann", "at-end")


@pytest.mark.parametrize("fusion", ["per-step", "at-end"])
def test_ancestral_sampling_follows_from_the_seed(fus: xr.DataArray, fusion: str) -> None:
    part = fus.isel(j=slice(0, 30), i=slice(0, 30))
    settings = EnhanceSettings(
        mode="detailed",
        sampler="ancestral",
        steps=3,
        patch=128,
        overlap=64,
        window="hann",
        fusion=fusion,
    )  # type: ignore[arg-type]
    one, again, other = (enhance(part, settings, seed=s).image.values for s in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.01
    plain = enhance(part, settings, sampler="ddim", seed=4).image.values
    assert np.abs(one - plain).mean() > 0.01
