"""Gaussians against torch's own and against what can be worked out by hand."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from napari_fus_ulm.generators.gaussians import (
    Gaussian,
    divergence,
    drawn_noise,
    following_noise,
    gaussian_of,
    product,
    sample,
    soft_clamp,
    standard_like,
)

SHAPE = (2, 3, 4, 5)


def some(seed: int = 0) -> Gaussian:
    rng = torch.Generator().manual_seed(seed)
    return Gaussian(torch.randn(SHAPE, generator=rng), torch.randn(SHAPE, generator=rng))


def as_normal(one: Gaussian) -> Normal:
    return Normal(one.mean, torch.exp(0.5 * one.log_variance))


def test_equal_distributions_do_not_diverge() -> None:
    assert torch.equal(divergence(some(), some()), torch.zeros(SHAPE))


def test_the_divergence_is_that_of_torch() -> None:
    q, p = some(0), some(1)
    expected = kl_divergence(as_normal(q), as_normal(p))
    assert torch.allclose(divergence(q, p), expected, rtol=1e-4, atol=1e-5)
    assert (divergence(q, p) > 0).all()
    assert not torch.allclose(divergence(q, p), divergence(p, q))


def test_two_experts_multiply_as_the_formula_says() -> None:
    one = Gaussian(torch.tensor([1.0]), torch.tensor([4.0]).log())  # σ = 2
    other = Gaussian(torch.tensor([6.0]), torch.tensor([1.0]).log())  # σ = 1
    fused = product(one, other)
    assert fused.mean.item() == pytest.approx(5.0)  # weights 1/4 and 1; by 1/σ it would be 4.33
    assert fused.log_variance.exp().item() == pytest.approx(0.8)


def test_the_product_is_proportional_to_the_product_of_the_densities() -> None:
    three = [some(seed) for seed in range(3)]
    fused = product(*three)
    x = torch.linspace(-3.0, 3.0, 7)[:, None, None, None, None].expand(7, *SHAPE)
    each = torch.stack([as_normal(one).log_prob(x) for one in three]).sum(dim=0)
    constant = each - as_normal(fused).log_prob(x)
    assert torch.allclose(constant, constant[:1].expand_as(constant), atol=1e-3)


def test_a_missing_modality_is_left_out() -> None:
    prior, fus, ulm = (some(seed) for seed in range(3))
    alone = product(prior, fus)
    assert torch.allclose(product(prior).mean, prior.mean, atol=1e-6)
    assert torch.allclose(product(prior).log_variance, prior.log_variance, atol=1e-6)
    ignorant = Gaussian(ulm.mean, torch.full(SHAPE, 40.0))  # knows nothing
    assert torch.allclose(product(prior, fus, ignorant).mean, alone.mean, atol=1e-5)
    fused = product(prior, fus, ulm)
    assert torch.allclose(fused.mean, product(alone, ulm).mean, atol=1e-4)
    assert (fused.log_variance < alone.log_variance).all()


def test_parameters_are_clamped_softly_and_in_float32() -> None:
    wild = torch.tensor([-1e6, -3.0, 0.0, 3.0, 1e6], dtype=torch.bfloat16)
    gaussian = gaussian_of(wild[None, None, :, None].expand(1, 2, 5, 1))
    assert gaussian.mean.dtype == gaussian.log_variance.dtype == torch.float32
    assert gaussian.log_variance.flatten().tolist() == pytest.approx(
        [-10, -2.913, 0, 2.913, 10], 1e-3
    )
    x = torch.linspace(-20, 20, 41, requires_grad=True)
    soft_clamp(x).sum().backward()
    assert x.grad is not None
    assert (x.grad > 0).all()  # a hard clamp would have no gradient out there


def test_standard_is_standard() -> None:
    standard = standard_like(some())
    assert torch.equal(as_normal(standard).mean, torch.zeros(SHAPE))
    assert torch.equal(as_normal(standard).stddev, torch.ones(SHAPE))


def test_temperature_multiplies_the_deviation() -> None:
    q, noise = some(), torch.randn(SHAPE)
    assert torch.equal(sample(q, noise, 0.0), q.mean)
    one, half = sample(q, noise) - q.mean, sample(q, noise, 0.5) - q.mean
    assert torch.allclose(0.5 * one, half, atol=1e-6)
    many = sample(
        Gaussian(q.mean[:1, :1, :1, :1], q.log_variance[:1, :1, :1, :1]), torch.randn(9999)
    )
    assert many.std().item() == pytest.approx(as_normal(q).stddev[0, 0, 0, 0].item(), rel=0.05)


def test_drawn_noise_follows_from_its_generator() -> None:
    one, other = (drawn_noise(torch.Generator().manual_seed(3)) for _ in range(2))
    shape = torch.Size(SHAPE)
    assert torch.equal(one(shape), other(shape))
    assert not torch.equal(one(shape), one(shape))


def test_following_noise_belongs_to_each_item() -> None:
    noisy = torch.randn(3, 1, 8, 8)
    noisy[1] = 0.0
    draw = following_noise(noisy)
    scales = [draw(torch.Size((3, c, 4, 4))) for c in (2, 5)]
    assert not scales[0][1].any()  # zeros stay zero
    assert not torch.equal(scales[0][0], scales[0][2])
    alone = following_noise(noisy[2:])
    for noise in scales:
        assert torch.equal(alone(torch.Size((1, *noise.shape[1:])))[0], noise[2])


def test_following_noise_is_standard_normal_and_changes_with_any_pixel() -> None:
    noisy = torch.randn(1, 1, 8, 8)
    shape = torch.Size((1, 4, 64, 64))
    noise = following_noise(noisy)(shape)
    assert noise.mean().abs() < 0.05
    assert noise.std().item() == pytest.approx(1.0, abs=0.05)
    noisy[0, 0, 5, 5] += 1e-3
    other = following_noise(noisy)(shape)
    assert torch.corrcoef(torch.stack([noise.flatten(), other.flatten()]))[0, 1].abs() < 0.05
