"""Latents at every scale, two passes, a late critic; and what seeds and temperature do."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_fus_ulm.generators.base import PatchBatch
from napari_fus_ulm.generators.gaussians import divergence, drawn_noise
from napari_fus_ulm.generators.mhvae import MHVAE, PRESETS
from napari_fus_ulm.generators.mhvae_layers import Encoder, InstanceNorm
from napari_fus_ulm.generators.padding import pad_to_multiple

TINY = {"widths": (8, 12, 16), "latents": (4, 6, 8), "expansion": 2, "head_blocks": 1}
Make = Callable[..., MHVAE]


@pytest.fixture
def tiny() -> Make:
    """Makes small models; with ``awake=True`` no layer is zero."""

    def make(*, awake: bool = True, seed: int = 0, **config: object) -> MHVAE:
        torch.manual_seed(seed)
        model = MHVAE(**{**TINY, **config})  # type: ignore[arg-type]
        if awake:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.normal_(0.0, 0.15)
        return model

    return make


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 2, size: int = 16, seed: int = 0) -> PatchBatch:
    rng = generator(seed)
    fus, ulm = (torch.rand(n, 1, size, size, generator=rng) for _ in range(2))
    return PatchBatch(fus, ulm, torch.rand(n, 3, size, size, generator=rng))


def predict(model: MHVAE, noise: torch.Tensor, data: PatchBatch) -> torch.Tensor:
    with torch.no_grad():
        return model.predict(noise, torch.ones(len(noise)), data.fus, data.position)


# --- architecture


@pytest.mark.parametrize("preset", ["compact", "published"])
def test_every_scale_has_its_latent(preset: str) -> None:
    model = MHVAE(**PRESETS[preset])
    with torch.no_grad():
        features = model._encode_fus(torch.rand(1, 1, 128, 128), torch.zeros(1, 3, 128, 128))
        levels = model.infer([features], drawn_noise(generator()))
    middle, top = {"compact": (48, 192), "published": (64, 256)}[preset]
    assert [tuple(one.latent.shape[1:]) for one in levels] == [
        (top, 2, 2),
        (middle, 4, 4),
        (middle, 8, 8),
        (middle, 16, 16),
        (32, 32, 32),
        (16, 64, 64),
        (8, 128, 128),
    ]
    assert [f.shape[-1] for f in features] == [128, 64, 32, 16, 8, 4, 2]


def test_the_published_encoder_has_the_published_widths() -> None:
    encoder = Encoder(1, PRESETS["published"]["widths"])
    channels = [f.shape[1] for f in encoder(torch.rand(1, 1, 64, 64))]
    assert channels == [16, 32, 64, 128, 128, 128, 128]


def test_the_number_of_parameters_is_pinned() -> None:
    count = {
        name: sum(p.numel() for p in MHVAE(**config).parameters())
        for name, config in PRESETS.items()
    }
    assert count == {"compact": 4_470_244, "published": 9_310_344}
    assert 2 * count["compact"] < 9e6  # bytes, in half precision


def test_both_modalities_share_all_but_their_encoders(tiny: Make) -> None:
    names = {name.split(".")[0] for name, _ in tiny().named_parameters()}
    assert {name for name in names if "fus" in name or "ulm" in name} == {
        *("fus_encoder", "ulm_encoder", "fus_head", "ulm_head")
    }
    assert {"experts", "top_expert", "priors", "decode"} <= names


def test_the_first_layer_sees_fus_and_position_and_nothing_ignores_them(tiny: Make) -> None:
    model, data = tiny(), batch()
    assert model.fus_encoder.first.in_channels == 4
    assert model.ulm_encoder.first.in_channels == 1
    usual = predict(model, torch.zeros(2, 1, 16, 16), data)
    for other in (
        PatchBatch(data.fus, data.ulm, torch.zeros_like(data.position)),
        PatchBatch(1 - data.fus, data.ulm, data.position),
    ):
        assert (usual - predict(model, torch.zeros(2, 1, 16, 16), other)).abs().max() > 1e-3


def test_the_head_keeps_the_brightness(tiny: Make) -> None:
    """Instance norm as the last but one layer would make a dark patch and a bright one equal."""
    head = tiny().ulm_head
    dark, bright = torch.zeros(1, 4, 40, 40), torch.ones(1, 4, 40, 40)
    inner = np.s_[..., 16:-16, 16:-16]  # zero padding is structure
    with torch.no_grad():
        change = head(bright)[inner] - head(dark)[inner]
    assert change.abs().mean() > 0.1


def test_as_many_latents_as_widths() -> None:
    with pytest.raises(ValueError, match="one latent width per scale"):
        MHVAE(widths=(8, 8), latents=(4,))
    with pytest.raises(ValueError, match="choose smooth-l1 or l1"):
        MHVAE(**TINY, reconstruction="l2")  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_instance_norm_is_that_of_torch(layout: torch.memory_format) -> None:
    x = (3 * torch.randn(2, 5, 6, 7) + 1).contiguous(memory_format=layout)
    weights = torch.randn(2, 5, 6, 7)
    x_ours, x_torch = x.clone().requires_grad_(), x.clone().requires_grad_()
    one, other = InstanceNorm()(x_ours), F.instance_norm(x_torch)
    assert torch.allclose(one, other, atol=1e-5)
    (one * weights).sum().backward()
    (other * weights).sum().backward()
    assert x_ours.grad is not None
    assert x_torch.grad is not None
    assert torch.allclose(x_ours.grad, x_torch.grad, atol=1e-5)
    assert one.is_contiguous(memory_format=layout)


# --- latents


def test_the_posterior_is_the_product_and_needs_no_ulm(tiny: Make) -> None:
    model, data = tiny(), batch()
    with torch.no_grad():
        fus = model._encode_fus(data.fus, data.position)
        ulm = model.ulm_encoder(model.to_model(data.ulm))
        nothing = model.infer([fus], lambda shape: torch.zeros(shape))
        both = model.infer([fus, ulm], lambda shape: torch.zeros(shape))
    top = both[0]
    assert not top.prior.mean.any()
    assert not top.prior.log_variance.any()
    assert (top.posterior.log_variance < nothing[0].posterior.log_variance).all()
    for one in both:
        assert (one.posterior.log_variance <= one.prior.log_variance).all()
        assert torch.equal(one.latent, one.posterior.mean)
    assert divergence(both[0].posterior, nothing[0].posterior).mean() > 1e-3


def test_a_new_model_begins_with_sharp_experts(tiny: Make) -> None:
    """Else it comes to count on noise that a low temperature takes away."""
    model, data = tiny(awake=False), batch()
    with torch.no_grad():
        features = model._encode_fus(data.fus, data.position)
        for one in model.infer([features], drawn_noise(generator())):
            assert one.prior.log_variance.abs().mean() < 1.0
            assert one.posterior.log_variance.mean() == pytest.approx(-4.0, abs=0.5)


def test_gaussians_are_float32_under_autocast(tiny: Make) -> None:
    model, data = tiny(), batch()
    with torch.autocast("cpu", torch.bfloat16):
        levels = model.infer([model._encode_fus(data.fus, data.position)], drawn_noise(generator()))
        image = predict(model, torch.zeros(2, 1, 16, 16), data)
        loss = model.training_loss(data, generator())["loss"]
    for one in levels:
        for tensor in (one.prior.mean, one.posterior.log_variance, one.latent, image, loss):
            assert tensor.dtype == torch.float32
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


# --- use


def test_at_temperature_zero_every_noise_gives_the_mean(tiny: Make) -> None:
    model, data = tiny(temperature=0.0), batch()
    mean = predict(model, torch.zeros(2, 1, 16, 16), data)
    for seed in range(3):
        noise = torch.randn(2, 1, 16, 16, generator=generator(seed))
        assert torch.equal(predict(model, noise, data), mean)
    warm = tiny(temperature=1.0)
    assert torch.equal(predict(warm, torch.zeros(2, 1, 16, 16), data), mean)
    assert (predict(warm, noise, data) - mean).abs().max() > 1e-3


def test_temperature_scales_the_spread(tiny: Make) -> None:
    data = batch(1)
    data = PatchBatch(*(x.expand(16, -1, -1, -1) for x in (data.fus, data.ulm, data.position)))
    noise = torch.randn(16, 1, 16, 16, generator=generator())
    spread = [
        predict(tiny(temperature=temperature), noise, data).std(dim=0).mean().item()
        for temperature in (0.0, 0.004, 0.008, 1.0)
    ]
    assert spread[0] < 1e-6
    assert spread[2] / spread[1] == pytest.approx(2.0, rel=0.1)  # small: nearly linear
    assert spread[3] > 3 * spread[2]


def test_an_image_follows_from_its_noise_whatever_the_batch(tiny: Make) -> None:
    model, data = tiny(temperature=1.0), batch(3)
    noise = torch.randn(3, 1, 16, 16, generator=generator())
    together = predict(model, noise, data)
    assert torch.equal(together, predict(model, noise, data))
    for n in range(3):
        item = slice(n, n + 1)
        one = PatchBatch(data.fus[item], data.ulm[item], data.position[item])
        assert torch.allclose(predict(model, noise[item], one), together[item], atol=1e-5)
    assert (together - predict(model, noise.flip(0), data)).abs().max() > 1e-2


@pytest.mark.parametrize("shape", [(96, 160), (64, 64), (70, 130), (33, 200)])
def test_any_size_will_do(shape: tuple[int, int]) -> None:
    config = {"widths": (8,) * 7, "latents": (4,) * 7, "expansion": 1, "head_blocks": 0}
    model = MHVAE(**config)  # type: ignore[arg-type]
    assert model.multiple == 64
    data = PatchBatch(*(torch.rand(1, c, *shape) for c in (1, 1, 3)))
    result = predict(model, torch.randn(1, 1, *shape), data)
    assert result.shape == (1, 1, *shape)
    assert result.isfinite().all()
    losses = model.training_loss(data, generator())
    assert losses["loss"].isfinite()


def test_padding_reflects_as_often_as_it_must() -> None:
    row = torch.arange(3.0)[None, None, None, :]
    result = pad_to_multiple(row, 8)
    assert result.shape == (1, 1, 8, 8)
    assert result[0, 0, 5].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert pad_to_multiple(result, 8) is result


def test_a_multiple_is_not_padded(tiny: Make) -> None:
    """What lies beyond the crop cannot have any effect: 20 is 5 coarsest pixels of 4."""
    model, data = tiny(), batch(1, 20)
    assert model.multiple == 4
    whole = predict(model, torch.zeros(1, 1, 20, 20), data)
    cut = PatchBatch(*(x[..., :18, :20] for x in (data.fus, data.ulm, data.position)))
    assert predict(model, torch.zeros(1, 1, 18, 20), cut).shape == (1, 1, 18, 20)
    assert whole.shape == (1, 1, 20, 20)


def test_model_units_are_undone(tiny: Make) -> None:
    grey, model = torch.linspace(0, 1, 11), tiny()
    assert torch.allclose(model.to_grey(model.to_model(grey)), grey, atol=1e-6)
    assert model.to_model(grey).aminmax() == (-1.0, 1.0)


# --- training


class Recorded:
    """An adversary that notes what it is shown."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def learn(self, fus: torch.Tensor, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        assert not fake.requires_grad
        assert real.min() < 0.0  # model units
        self.calls.append("learn")
        return torch.tensor(0.5)

    def fool(self, fus: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        assert fake.requires_grad
        self.calls.append("fool")
        return (fake - 3.0).square().mean()


def test_the_critic_comes_late(tiny: Make) -> None:
    model = tiny(adversarial_from=0.6, adversarial_weight=0.05)
    losses_at, calls = {}, {}
    for progress in (0.0, 0.5, 0.595, 0.6, 1.0):
        adversary = Recorded()
        losses_at[progress] = model.training_loss(
            batch(), generator(), progress=progress, adversary=adversary
        )
        calls[progress] = adversary.calls
    assert calls == {
        0.0: [],
        0.5: [],
        0.595: ["learn"],  # it learns a little before it is listened to
        0.6: ["learn", "fool"],
        1.0: ["learn", "fool"],
    }
    without, late = losses_at[0.595], losses_at[0.6]
    assert without["adversarial"] == 0.0
    assert late["adversarial"] > 1.0
    gain = (late["loss"] - without["loss"]).item()
    assert gain == pytest.approx(0.05 * late["adversarial"].item(), rel=1e-4)
    assert len({tuple(losses) for losses in losses_at.values()}) == 1  # the same columns all along


def test_there_is_no_adversarial_loss_without_a_critic(tiny: Make) -> None:
    losses = tiny().training_loss(batch(), generator(), progress=1.0)
    assert losses["adversarial"] == 0.0
    assert losses["critic"] == 0.0


def test_its_critic_judges_a_batch(tiny: Make) -> None:
    critic = tiny().critic()
    assert critic is not None
    logits = critic(torch.rand(2, 1, 64, 64), torch.rand(2, 1, 64, 64))
    assert logits.shape[:2] == (2, 1)


def test_the_divergence_warms_up(tiny: Make) -> None:
    model = tiny(kl_weight=0.002, kl_warm_up=0.2)
    weights = [model.kl_weight_at(progress) for progress in (0.0, 0.05, 0.1, 0.2, 0.7, 1.0)]
    assert weights == pytest.approx([0.0, 0.0005, 0.001, 0.002, 0.002, 0.002])
    assert tiny(kl_warm_up=0.0).kl_weight_at(0.0) == 0.001
    for progress, weight in ((0.0, 0.0), (0.1, 0.001), (1.0, 0.002)):
        losses = model.training_loss(batch(), generator(), progress=progress)
        whole = losses["reconstruction"] + weight * losses["kl"]
        assert losses["kl"] > 0.1
        assert losses["loss"].item() == pytest.approx(whole.item(), rel=1e-5)


def test_the_divergence_is_counted_per_voxel_of_both_images(tiny: Make) -> None:
    model, data = tiny(), batch()
    with torch.no_grad():
        fus = model._encode_fus(data.fus, data.position)
        ulm = model.ulm_encoder(model.to_model(data.ulm))
        noise = drawn_noise(generator())
        nats = [
            divergence(one.posterior, one.prior).sum()
            for seen in ([fus, ulm], [fus])
            for one in model.infer(seen, noise)
        ]
    kl = model.training_loss(data, generator())["kl"]
    assert kl.item() == pytest.approx(sum(nats).item() / (2 * 2 * 16 * 16), rel=1e-4)


class Oracle(torch.nn.Module):
    """A head that knows the image."""

    def __init__(self, image: torch.Tensor) -> None:
        super().__init__()
        self.image = image

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.image


def test_both_passes_reconstruct_both_images(tiny: Make) -> None:
    """With perfect heads nothing is left, and each of the four images weighs the same."""
    model, data = tiny(reconstruction="l1"), batch()
    fus, ulm = model.to_model(data.fus), model.to_model(data.ulm)
    for by_fus, by_ulm in ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4)):
        model.fus_head, model.ulm_head = Oracle(fus + by_fus), Oracle(ulm + by_ulm)  # type: ignore[assignment]
        reconstruction = model.training_loss(data, generator())["reconstruction"].item()
        assert reconstruction == pytest.approx(2 * (by_fus + by_ulm) / 4, rel=1e-4)


def test_every_parameter_learns(tiny: Make) -> None:
    model = tiny()
    model.training_loss(batch(), generator())["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_loss_follows_from_its_generator(tiny: Make) -> None:
    model = tiny()
    one, same, other = (
        model.training_loss(batch(), generator(seed))["loss"].item() for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


@pytest.mark.slow
def test_one_patch_can_be_learnt_by_heart(tiny: Make) -> None:
    model = tiny(awake=False, kl_warm_up=0.0)
    rows = torch.zeros(32, 32)
    rows[8:11] = 1.0
    rows[:, 20:22] = 0.7
    ulm = rows.expand(1, 1, 32, 32)
    data = PatchBatch(0.5 * ulm + 0.2, ulm, torch.zeros(1, 3, 32, 32))
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    rng, curve = generator(), []
    for _ in range(120):
        losses = model.training_loss(data, rng)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        curve.append(losses["reconstruction"].item())
    assert np.mean(curve[-8:]) < 0.03 * np.mean(curve[:4])
    for noise in (torch.zeros(1, 1, 32, 32), torch.randn(1, 1, 32, 32)):
        grey = model.to_grey(predict(model, noise, data))
        assert (grey[0, 0] - rows).square().mean() < 0.06 * rows.var()


# --- files


def test_a_model_is_built_again_from_its_own_description(tiny: Make) -> None:
    model = tiny(
        kernel=5,
        temperature=0.3,
        reconstruction="l1",
        kl_weight=0.1,
        kl_warm_up=0.3,
        adversarial_weight=0.2,
        adversarial_from=0.4,
    )
    again = MHVAE(**json.loads(json.dumps(model.config())))
    again.load_state_dict(model.state_dict())
    assert again.config() == model.config()
    data, noise = batch(), torch.randn(2, 1, 16, 16)
    assert torch.equal(predict(again, noise, data), predict(model, noise, data))


def test_weights_survive_half_precision(tiny: Make) -> None:
    model, data = tiny(), batch()
    half = {name: tensor.half() for name, tensor in model.state_dict().items()}
    again = tiny(awake=False)
    again.load_state_dict({name: tensor.float() for name, tensor in half.items()})
    noise = torch.randn(2, 1, 16, 16)
    assert (predict(again, noise, data) - predict(model, noise, data)).abs().max() < 0.02
