"""v-prediction on a schedule that ends in pure noise; and a loss that learns."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_fus_ulm.generators import build, entry, kind, names
from napari_fus_ulm.generators.base import PatchBatch
from napari_fus_ulm.generators.diffusion import (
    PRESETS,
    ConditionalDiffusion,
    signal_noise,
    training_times,
)


def batch(n: int = 4, size: int = 16, seed: int = 0) -> PatchBatch:
    rng = torch.Generator().manual_seed(seed)
    fus, ulm = (torch.rand(n, 1, size, size, generator=rng) for _ in range(2))
    return PatchBatch(fus, ulm, torch.rand(n, 3, size, size, generator=rng))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_schedule_ends_in_pure_noise() -> None:
    alpha, sigma = signal_noise(torch.tensor([1.0]))
    assert alpha.item() == 0.0  # exactly, not 6e-17
    assert sigma.item() == 1.0
    alpha, sigma = signal_noise(torch.linspace(0, 1, 101))
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(101), atol=1e-6)
    assert (torch.diff(alpha) < 0).all()
    assert alpha[0] == 1.0


def test_at_the_last_time_the_estimate_is_minus_v(tiny) -> None:
    model, data = tiny(awake=True), batch()
    noise, t = torch.randn(4, 1, 16, 16), torch.ones(4)
    with torch.no_grad():
        v = model._velocity(noise, t, data.fus, data.position)
        assert torch.equal(model.predict(noise, t, data.fus, data.position), -v)
    assert v.std() > 1e-3


@pytest.mark.parametrize("time", [0.01, 0.4, 0.9, 1.0])
def test_the_true_velocity_gives_the_clean_image_and_no_loss(tiny, monkeypatch, time) -> None:
    model, data = tiny(), batch()
    clean = model.to_model(data.ulm)
    noise = torch.randn_like(clean)
    t = torch.full((4,), time)
    alpha, sigma = (s[:, None, None, None] for s in signal_noise(t))
    monkeypatch.setattr(model, "_velocity", lambda *_: alpha * noise - sigma * clean)
    estimate = model.predict(alpha * clean + sigma * noise, t, data.fus, data.position)
    assert torch.allclose(estimate, clean, atol=1e-4)


def test_the_loss_is_zero_only_for_the_true_velocity(tiny, monkeypatch) -> None:
    model, data = tiny(), batch()
    clean = model.to_model(data.ulm)

    def oracle(noisy: torch.Tensor, t: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        alpha, sigma = (s[:, None, None, None] for s in signal_noise(t))
        return (alpha * noisy - clean) / sigma  # what v is, given the clean image

    assert model.training_loss(data, generator())["loss"] > 0.5
    monkeypatch.setattr(model, "_velocity", oracle)
    losses = model.training_loss(data, generator())
    assert losses["v"] < 1e-4
    assert losses["edges"] < 1e-4


def test_the_edge_weight_weighs_the_edges(tiny) -> None:
    losses = {}
    for weight in (0.0, 1.0, 5.0):
        model = tiny(awake=True, edge_weight=weight)
        losses[weight] = model.training_loss(batch(), generator())
        parts = losses[weight]
        whole = (parts["v"] + weight * parts["edges"]).item()
        assert parts["loss"].item() == pytest.approx(whole)
    assert losses[0.0]["v"] == losses[5.0]["v"]
    assert losses[1.0]["edges"] > 0.0


def test_position_and_input_reach_the_network(tiny) -> None:
    model, data = tiny(awake=True), batch()
    x, t = torch.randn(4, 1, 16, 16), torch.full((4,), 0.5)
    with torch.no_grad():
        usual = model.predict(x, t, data.fus, data.position)
        for other in (
            model.predict(x, t, data.fus, torch.zeros_like(data.position)),
            model.predict(x, t, 1 - data.fus, data.position),
        ):
            assert (usual - other).abs().max() > 1e-3


def test_model_units_are_undone() -> None:
    model = ConditionalDiffusion((8, 8, 8), (1, 1, 1))
    grey = torch.linspace(0, 1, 11)
    assert torch.allclose(model.to_grey(model.to_model(grey)), grey, atol=1e-6)


def test_training_times_are_stratified_and_often_the_last() -> None:
    times = training_times(64, generator())
    assert times.min() > 0.0
    assert times.max() == 1.0
    assert (times == 1.0).sum() == 16
    others = np.sort(times[times < 1.0].numpy())
    assert np.diff(others).max() < 0.15
    assert torch.equal(times, training_times(64, generator()))


def test_the_default_network_fits_the_package() -> None:
    model = build("diffusion")
    assert names()[0] == model.name == "diffusion"
    parameters = sum(p.numel() for p in model.parameters())
    assert 1e6 < parameters < 7e6  # half precision: at most 15 MB with the card


def test_a_model_is_built_again_from_its_own_description(tiny) -> None:
    model = tiny(edge_weight=0.3, scale=2.0, shift=-1.0)
    config = json.loads(json.dumps(model.config()))
    again = build("diffusion", config)
    again.load_state_dict(model.state_dict())
    assert again.config() == model.config()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_arguments(preset: str) -> None:
    assert build("diffusion", dict(PRESETS[preset])).config()


def test_the_small_preset_is_several_times_smaller() -> None:
    small, whole = (
        sum(p.numel() for p in build("diffusion", dict(config)).parameters())
        for config in (PRESETS["small"], {})
    )
    assert small < whole / 5


def test_the_edge_loss_is_of_the_requested_kind(tiny) -> None:
    torch.manual_seed(0)
    losses = {}
    for edges, weight in (("quadratic", 1.0), ("l1", 1.0), ("quadratic", 0.0)):
        torch.manual_seed(0)
        losses[edges, weight] = tiny(edges=edges, edge_weight=weight).training_loss(
            batch(), generator()
        )
    assert losses["l1", 1.0]["edges"] != losses["quadratic", 1.0]["edges"]
    off = losses["quadratic", 0.0]
    assert off["loss"] == off["v"]
    with pytest.raises(ValueError, match="quadratic or l1"):
        tiny(edges="magic")


@pytest.mark.parametrize("name", names())
def test_the_registry_says_what_the_class_says(name: str) -> None:
    known, generator_class = entry(name), kind(name)
    assert (generator_class.name, generator_class.title) == (name, known.title)
    assert generator_class.application == known.application
    assert generator_class.iterative == known.iterative
    model = build(name)
    assert known.has_modes == (model.iterative or model.stochastic)


def test_an_unknown_generator_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no generator called “gan”; available: diffusion"):
        build("gan")


def test_the_registry_does_not_import_torch() -> None:
    code = (
        "import sys, napari_fus_ulm.generators as g; g.names(); "
        "import napari_fus_ulm.generators.checkpoint; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_one_patch_can_be_learnt_by_heart(tiny) -> None:
    model = tiny(widths=(24, 24, 24))
    rows = torch.zeros(32, 32)
    rows[8:11] = 1.0
    rows[:, 20:22] = 0.7
    ulm = rows.expand(8, 1, 32, 32)
    data = PatchBatch(0.5 * ulm + 0.2, ulm, torch.zeros(8, 3, 32, 32))
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    rng, curve = generator(), []
    for _ in range(80):
        losses = model.training_loss(data, rng)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        curve.append([losses[name].item() for name in ("loss", "v", "edges")])
    first, last = np.mean(curve[:4], axis=0), np.mean(curve[-8:], axis=0)
    assert (last < 0.25 * first).all()
    with torch.no_grad():
        noise = torch.randn(1, 1, 32, 32, generator=rng)
        clean = model.predict(noise, torch.ones(1), data.fus[:1], data.position[:1])
    error = (model.to_grey(clean)[0, 0] - rows).square().mean()
    assert error < 0.15 * rows.var()
