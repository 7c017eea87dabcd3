"""The critic sees 70 pixels, and its losses are those of the papers."""

import math

import pytest
import torch

from napari_fus_ulm.generators.adversarial import (
    Kind,
    Norm,
    PatchCritic,
    PatchNorm,
    critic_loss,
    generator_loss,
)

KINDS: tuple[Kind, ...] = ("lsgan", "vanilla")


def size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def images(side: int = 128, n: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    fus, image = (2 * torch.rand(n, 1, side, side, generator=rng) - 1 for _ in range(2))
    return fus, image


@pytest.mark.parametrize("which", [0, 1])
def test_a_logit_changes_with_the_pixels_of_its_window_and_with_no_other(which: int) -> None:
    torch.manual_seed(0)
    critic = PatchCritic(4, norm="none").double()
    with torch.no_grad():
        for layer in critic.layers:
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.normal_(0.0, 0.3)
    pair = [image.double() for image in images()]
    # The paddings of 1 on grids of 1, 2, 4, 8 and 8 pixels begin 23 pixels outside.
    row = 6
    first = 8 * row - 23
    last = first + 69

    def changed(y: int) -> bool:
        moved = [image.clone() for image in pair]
        moved[which][0, 0, y, 60] += 10.0
        with torch.no_grad():
            difference = (critic.layers(torch.cat(moved, 1)) - critic.layers(torch.cat(pair, 1)))[
                0, 0, row, row
            ]
        return bool(difference.abs() > 0)

    assert [changed(y) for y in (first - 1, first, last, last + 1)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("norm", "parameters"), [("batch", 2_764_609), ("instance", 2_763_713), ("none", 2_763_713)]
)
def test_the_critic_of_the_paper(norm: Norm, parameters: int) -> None:
    critic = PatchCritic(64, norm)
    assert size(critic) == parameters
    assert critic(*images(n=2)).shape == (2, 1, 14, 14)
    shapes, x = [], torch.cat(images(n=2), dim=1)
    for layer in critic.layers:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 15, 15), (1, 14, 14)]
    assert isinstance(critic.layers[1], torch.nn.LeakyReLU)  # the first layer is not normalised
    assert sum(isinstance(layer, PatchNorm) for layer in critic.layers) == 3 * (norm != "none")


def test_on_pairs_of_colour_images_it_has_the_authors_count() -> None:
    assert size(PatchCritic(64, "batch", c_condition=3, c_image=3)) == 2_768_705


def test_fresh_weights_are_small_and_biases_zero() -> None:
    torch.manual_seed(0)
    critic = PatchCritic(64, "batch")
    for layer in critic.layers:
        if isinstance(layer, torch.nn.Conv2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(layer.weight.mean().item()) < 2e-3
        elif isinstance(layer, PatchNorm):
            assert layer.weight is not None
            assert layer.weight.mean().item() == pytest.approx(1.0, abs=0.01)
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.25)
        if isinstance(layer, (torch.nn.Conv2d, PatchNorm)) and layer.bias is not None:
            assert not layer.bias.any()


def test_logits_are_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        logits = PatchCritic(8)(*images(64))
    assert logits.dtype == torch.float32


@pytest.mark.parametrize(
    ("kind", "real", "fake", "critic", "generator"),
    [
        ("lsgan", 1.0, 0.0, 0.0, 1.0),
        ("lsgan", 0.0, 1.0, 1.0, 0.0),
        ("lsgan", 3.0, -2.0, 0.5 * (4.0 + 4.0), 9.0),
        ("vanilla", 0.0, 0.0, math.log(2.0), math.log(2.0)),
        ("vanilla", math.log(3.0), math.log(1 / 3), math.log(4 / 3), math.log(4.0)),
        ("vanilla", 100.0, -100.0, 0.0, 100.0),
    ],
)
def test_losses_of_constant_logits(
    kind: Kind, real: float, fake: float, critic: float, generator: float
) -> None:
    ones = torch.ones(2, 1, 14, 14)
    assert critic_loss(real * ones, fake * ones, kind).item() == pytest.approx(critic, abs=1e-5)
    assert generator_loss(fake * ones, kind).item() == pytest.approx(generator, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_pull_the_logits_the_right_way(kind: Kind) -> None:
    real, fake = (torch.full((4,), 0.5, requires_grad=True) for _ in range(2))
    critic_loss(real, fake, kind).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    fooled = torch.full((4,), 0.5, requires_grad=True)
    generator_loss(fooled, kind).backward()
    assert fooled.grad is not None
    assert (fooled.grad < 0).all()


def test_batch_statistics_while_training_and_each_image_its_own_afterwards() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 8, 8) * torch.tensor([1.0, 5.0, 0.2])[:, None, None, None] + 2.0
    norm = PatchNorm(4, per_image=False, affine=True)
    trained = norm.train()(x)
    assert torch.allclose(trained.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5)
    assert torch.allclose(trained.var(dim=(0, 2, 3), unbiased=False), torch.ones(4), atol=1e-3)
    assert trained[1].std() > 2 * trained[0].std()
    used = norm.eval()(x)
    assert torch.allclose(used.std(dim=(2, 3), unbiased=False), torch.ones(3, 4), atol=1e-3)
    assert torch.allclose(norm.train()(x[:1]), used[:1], atol=1e-5)  # the authors' batch of one
    assert torch.equal(PatchNorm(4, per_image=True, affine=True).train()(x), used)
    assert norm.state_dict().keys() == {"weight", "bias"}  # nothing is stored


def test_wrong_choices_are_named() -> None:
    with pytest.raises(ValueError, match=r"norm is “group”; choose batch, instance or none"):
        PatchCritic(8, norm="group")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"loss is “hinge”; choose lsgan or vanilla"):
        PatchCritic(8, kind="hinge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"loss is “hinge”; choose lsgan or vanilla"):
        generator_loss(torch.zeros(1), "hinge")  # type: ignore[arg-type]
