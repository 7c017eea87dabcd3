"""The published U-Net and the compact one: their shapes, their noise, and a loss that learns."""

import json

import numpy as np
import pytest
import torch

from napari_fus_ulm.generators.adversarial import PatchCritic
from napari_fus_ulm.generators.base import PatchBatch
from napari_fus_ulm.generators.padding import pad_to_multiple
from napari_fus_ulm.generators.pix2pix import (
    WIDTHS,
    Pix2Pix,
    Pix2PixUNet,
    Preset,
    dropout_of,
    random_dropout,
)

PRESETS: tuple[Preset, ...] = ("compact", "faithful")
NARROW = {"compact": (4, 8, 8, 8, 8), "faithful": (4, 8, 8, 8, 8, 8, 8)}


def size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def narrow(preset: Preset, seed: int = 0) -> Pix2Pix:
    """A small network whose weights are large enough for differences to show."""
    torch.manual_seed(seed)
    model = Pix2Pix(preset, NARROW[preset], critic_width=4)
    with torch.no_grad():
        for module in model.net.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                module.weight.normal_(0.0, 0.15)
    return model.eval()


def batch(n: int = 2, size: int = 32, seed: int = 0) -> PatchBatch:
    rng = torch.Generator().manual_seed(seed)
    fus, ulm = (torch.rand(n, 1, size, size, generator=rng) for _ in range(2))
    return PatchBatch(fus, ulm, torch.rand(n, 3, size, size, generator=rng))


def noise(n: int = 2, size: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 1, size, size, generator=torch.Generator().manual_seed(seed))


def predict(model: Pix2Pix, data: PatchBatch, noisy: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.predict(noisy, torch.ones(len(noisy)), data.fus, data.position)


class Witness:
    """An adversary that records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def learn(self, fus: torch.Tensor, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        assert not fake.requires_grad
        self.calls.append("learn")
        self.learnt = (fus, real, fake)
        return torch.tensor(0.25)

    def fool(self, fus: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        assert fake.requires_grad
        self.calls.append("fool")
        return 3.0 + 0.0 * fake.sum()


def test_with_eight_halvings_on_colour_images_it_is_the_authors_network() -> None:
    eight = (64, 128, 256, 512, 512, 512, 512, 512)
    assert size(Pix2PixUNet(3, 3, eight, "faithful")) == 54_413_955
    assert size(Pix2PixUNet(3, 3, WIDTHS["faithful"], "faithful")) == 41_828_995


@pytest.mark.parametrize(
    ("preset", "network", "critic"),
    [("compact", 3_507_457, 693_729), ("faithful", 41_825_921, 2_764_609)],
)
def test_parameters(preset: Preset, network: int, critic: int) -> None:
    model = Pix2Pix(preset)
    assert size(model) == network
    assert size(model.critic()) == critic
    assert not list(model.buffers())  # nothing but weights is kept


def test_the_compact_weights_are_small_on_disk() -> None:
    assert 2 * size(Pix2Pix()) < 8e6  # float16


@pytest.mark.parametrize(
    ("preset", "down", "up"),
    [
        (
            "compact",
            [(48, 64), (96, 32), (192, 16), (224, 8), (224, 4)],
            [(224, 8), (192, 16), (96, 32), (48, 64), (1, 128)],
        ),
        (
            "faithful",
            [(64, 64), (128, 32), (256, 16), (512, 8), (512, 4), (512, 2), (512, 1)],
            [(512, 2), (512, 4), (512, 8), (256, 16), (128, 32), (64, 64), (1, 128)],
        ),
    ],
)
def test_shapes_at_every_level(
    preset: Preset, down: list[tuple[int, int]], up: list[tuple[int, int]]
) -> None:
    net = Pix2Pix(preset).eval().net
    seen: list[tuple[int, int]] = []

    def note(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        assert output.shape[2] == output.shape[3]
        seen.append((output.shape[1], output.shape[2]))

    for module in [*net.down, *net.up]:
        module.register_forward_hook(note)
    with torch.no_grad():
        out = net(torch.zeros(1, 4, 128, 128))
    assert seen == down + up
    assert out.shape == (1, 1, 128, 128)


def test_the_outermost_and_the_bottleneck_are_not_normalised() -> None:
    net = Pix2Pix("faithful").net
    assert [isinstance(n, torch.nn.Identity) for n in net.down_norm] == [
        level in (0, 6) for level in range(7)
    ]
    assert [isinstance(n, torch.nn.Identity) for n in net.up_norm] == [
        level == 0 for level in range(6, -1, -1)
    ]


def nested(net: Pix2PixUNet, x: torch.Tensor, level: int = 0) -> torch.Tensor:
    """The U-Net as the authors write it: each level is a block around the next one."""
    last = len(net.down) - 1
    inner = net.down[level](torch.nn.LeakyReLU(0.2)(x) if level else x)
    inner = net.down_norm[level](inner)
    if level < last:
        inner = nested(net, inner, level + 1)
    inner = net.up_norm[last - level](net.up[last - level](torch.nn.ReLU()(inner)))
    return torch.cat([x, inner], dim=1) if level else torch.nn.Tanh()(inner)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_the_nested_network_of_the_authors(preset: Preset) -> None:
    net = narrow(preset).net
    x = torch.rand(1, 4, 128, 128)
    with torch.no_grad():
        assert torch.allclose(net(x), nested(net, x), atol=1e-6)


@pytest.mark.parametrize(("preset", "dropped"), [("compact", []), ("faithful", [4, 8])])
def test_dropout_is_where_the_authors_put_it(preset: Preset, dropped: list[int]) -> None:
    sides: list[int] = []

    def note(x: torch.Tensor) -> torch.Tensor:
        sides.append(x.shape[-1])
        return x

    with torch.no_grad():
        narrow(preset).net(torch.zeros(1, 4, 128, 128), note)
    assert sides == dropped


def test_fresh_weights_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    net = Pix2Pix("faithful").net
    for conv in [*net.down, *net.up]:
        assert conv.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert net.up[-1].bias is not None  # of all convolutions only the last has a shift
    assert [conv.bias for conv in [*net.down, *net.up[:-1]]] == [None] * 13
    scales = torch.cat([n.weight for n in net.up_norm if not isinstance(n, torch.nn.Identity)])
    assert scales.mean().item() == pytest.approx(1.0, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(8, 8), (40, 72), (128, 136), (8, 200)])
def test_any_multiple_of_eight_is_translated(preset: Preset, shape: tuple[int, int]) -> None:
    model = narrow(preset)
    with torch.no_grad():
        out = model.predict(
            torch.randn(2, 1, *shape),
            torch.ones(2),
            torch.rand(2, 1, *shape),
            torch.rand(2, 3, *shape),
        )
    assert out.shape == (2, 1, *shape)
    assert out.dtype == torch.float32
    assert out.abs().max() <= 1.0
    assert out.std() > 1e-3


@pytest.mark.parametrize("shape", [(5, 8), (16, 16), (3, 17), (2, 2), (1, 9)])
def test_padding_reflects_as_often_as_it_takes(shape: tuple[int, int]) -> None:
    image = torch.arange(float(np.prod(shape))).reshape(1, 1, *shape)
    padded = pad_to_multiple(image, 16)[0, 0].numpy()
    wanted = [(0, -side % 16) for side in shape]
    assert np.array_equal(padded, np.pad(image[0, 0].numpy(), wanted, mode="reflect"))


@pytest.mark.parametrize("preset", PRESETS)
def test_padding_does_not_touch_what_needs_none(preset: Preset) -> None:
    model, data = narrow(preset), batch(1, 128)
    x = torch.cat([2 * data.fus - 1, data.position], dim=1)
    with torch.no_grad():
        assert torch.equal(predict(model, data, torch.zeros(1, 1, 128, 128)), model.net(x))


@pytest.mark.parametrize("preset", PRESETS)
def test_equal_noise_gives_the_equal_image(preset: Preset) -> None:
    model, data = narrow(preset), batch()
    first = predict(model, data, noise())
    torch.manual_seed(5)  # nothing hangs on the global state
    assert torch.equal(predict(model, data, noise()), first)
    other = predict(model, data, noise(seed=1))
    assert model.stochastic == (preset == "faithful")
    if model.stochastic:
        assert (other - first).abs().max() > 1e-3
    else:
        assert torch.equal(other, first)


def test_an_image_does_not_depend_on_what_it_is_batched_with() -> None:
    model, data = narrow("faithful"), batch(3)
    together = predict(model, data, noise(3))
    for n in range(3):
        alone = PatchBatch(*(x[n : n + 1] for x in (data.fus, data.ulm, data.position)))
        assert torch.allclose(predict(model, alone, noise(3)[n : n + 1]), together[n], atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_no_noise_means_no_dropout() -> None:
    model, data = narrow("faithful"), batch(1, 128)
    still = predict(model, data, torch.zeros(1, 1, 128, 128))
    with torch.no_grad():
        x = torch.cat([model.to_model(data.fus), data.position], dim=1)
        assert torch.equal(still, model.net(x, None))
    assert dropout_of(torch.zeros(2, 1, 8, 8)) is None


def test_dropout_is_of_one_half_and_keeps_the_mean() -> None:
    ones = torch.ones(2, 64, 16, 16)
    from_noise = dropout_of(noise())
    assert from_noise is not None
    for drop in (from_noise, random_dropout(torch.Generator().manual_seed(0))):
        dropped = drop(ones)
        assert set(dropped.unique().tolist()) == {0.0, 2.0}
        assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
        assert not torch.equal(dropped[0], dropped[1])  # each image has its own
        assert not torch.equal(drop(ones), dropped)  # and each layer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_neighbouring_noises_drop_differently(dtype: torch.dtype) -> None:
    one = noise(1).to(dtype)
    other = one.clone()
    other[0, 0, 0, 0] += 0.125
    masks = [dropout_of(x)(torch.ones(1, 8, 8, 8)) for x in (one, one, other)]  # type: ignore[misc]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_dropout_while_training_is_drawn_from_the_loops_generator() -> None:
    model, data = narrow("faithful").train(), batch()
    losses = [
        model.training_loss(data, torch.Generator().manual_seed(seed))["loss"].item()
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_the_compact_network_is_a_local_function() -> None:
    """Statistics over the image would make every pixel depend on every other."""
    model = narrow("compact")
    torch.manual_seed(0)
    fus, position = torch.rand(1, 1, 32, 512), torch.rand(1, 3, 32, 512)
    with torch.no_grad():
        whole = model._translate(fus, position, None)
        part = model._translate(fus[..., 128:], position[..., 128:], None)
    halo = 96
    assert torch.allclose(whole[..., 128 + halo :], part[..., halo:], atol=1e-5)
    assert (whole[..., 128:144] - part[..., :16]).abs().max() > 1e-3  # the border is felt


def test_fus_and_position_both_matter() -> None:
    model, data = narrow("compact"), batch()
    plain = predict(model, data, noise())
    other = PatchBatch(1 - data.fus, data.ulm, data.position)
    moved = PatchBatch(data.fus, data.ulm, 1 - data.position)
    for changed in (other, moved):
        assert (predict(model, changed, noise()) - plain).abs().max() > 1e-3


def test_units_are_those_of_tanh() -> None:
    model = narrow("compact")
    grey = torch.tensor([0.0, 0.25, 1.0])
    assert model.to_model(grey).tolist() == [-1.0, -0.5, 1.0]
    assert torch.equal(model.to_grey(model.to_model(grey)), grey)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_loss_is_a_hundred_times_l1_and_the_adversarial_term(
    preset: Preset, monkeypatch
) -> None:
    model, data, witness = narrow(preset).train(), batch(), Witness()
    real = model.to_model(data.ulm)
    off = (real + 0.5).requires_grad_(True)
    monkeypatch.setattr(model, "_translate", lambda *_: off)
    losses = model.training_loss(data, torch.Generator(), adversary=witness)
    assert witness.calls == ["learn", "fool"]
    fus, truth, fake = witness.learnt
    assert torch.equal(fus, 2 * data.fus - 1)  # all in model units
    assert torch.equal(truth, real)
    assert torch.equal(fake, off)
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(
        {"loss": 53.0, "l1": 0.5, "critic": 0.25, "adversarial": 3.0}, abs=1e-4
    )
    without = model.training_loss(data, torch.Generator())
    assert without.keys() == {"loss", "l1"}
    assert without["loss"].item() == pytest.approx(50.0, abs=1e-4)


@pytest.mark.parametrize(
    ("preset", "kind", "norm"), [("compact", "lsgan", True), ("faithful", "vanilla", False)]
)
def test_each_preset_has_its_critic(preset: Preset, kind: str, norm: bool) -> None:
    critic = Pix2Pix(preset, NARROW[preset]).critic()
    assert isinstance(critic, PatchCritic)
    assert critic.kind == kind
    assert critic.layers[3].per_image is norm


@pytest.mark.parametrize("preset", PRESETS)
def test_it_learns_one_patch_by_heart(preset: Preset) -> None:
    torch.manual_seed(0)
    model = Pix2Pix(preset, (16, 32, 32)).train()
    rng = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 1, 8, 8, generator=rng), size=(32, 32), mode="bilinear"
    )
    data = PatchBatch(smooth.flip(-1), smooth, torch.rand(1, 3, 32, 32, generator=rng))
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3, betas=(0.5, 0.999))
    errors = []
    for step in range(200):
        for group in optimiser.param_groups:
            group["lr"] = 4e-3 * min(1.0, (200 - step) / 100)
        losses = model.training_loss(data, rng)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        errors.append(losses["l1"].item())
    assert errors[0] > 0.2
    assert errors[-1] < 0.02


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_weight_gets_a_gradient(preset: Preset, precision: str) -> None:
    model = narrow(preset).train()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        loss = model.training_loss(batch(2, 128), torch.Generator().manual_seed(0))["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("preset", PRESETS)
def test_the_config_builds_the_same_model(preset: Preset) -> None:
    model = Pix2Pix(preset, NARROW[preset], critic_width=6, l1_weight=50.0)
    config = json.loads(json.dumps(model.config()))
    again = Pix2Pix(**config)
    assert again.config() == model.config()
    assert again.stochastic == model.stochastic
    half = {name: value.half().float() for name, value in model.state_dict().items()}
    again.load_state_dict(half)
    data = batch(1)
    rounded = predict(again.eval(), data, torch.zeros(1, 1, 32, 32))
    exact = predict(model.eval(), data, torch.zeros(1, 1, 32, 32))
    assert torch.allclose(rounded, exact, atol=1e-2)
    assert (
        size(again.critic())
        == size(model.critic())
        == size(PatchCritic(6, "batch" if preset == "faithful" else "instance"))
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_alone_says_everything(preset: Preset) -> None:
    config = Pix2Pix(preset).config()
    assert config == {
        "preset": preset,
        "widths": list(WIDTHS[preset]),
        "critic_width": {"compact": 32, "faithful": 64}[preset],
        "l1_weight": 100.0,
    }


def test_wrong_choices_are_named() -> None:
    with pytest.raises(ValueError, match=r"preset is “tiny”; choose compact or faithful"):
        Pix2Pix("tiny")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least two"):
        Pix2Pix(widths=(8,))


def test_it_is_trained_and_applied_as_in_the_paper() -> None:
    recipe, application = Pix2Pix.recipe, Pix2Pix.application
    assert (recipe.optimiser, recipe.learning_rate, recipe.betas) == ("adam", 2e-4, (0.5, 0.999))
    assert (recipe.weight_decay, recipe.clip, recipe.ema) == (0.0, 0.0, 0.0)
    assert (application.patch, application.overlap) == (128, 64)
    assert (application.window, application.fusion) == ("hann", "at-end")
    assert not Pix2Pix.iterative
