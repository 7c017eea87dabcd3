"""The edge loss: Sobel gradients, quadratic, with the conditional mean as its minimiser."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_fus_ulm.generators.edges import edge_loss, gradients

ONES = torch.ones(1)


def image(seed: int = 0, n: int = 1) -> torch.Tensor:
    return torch.randn(n, 1, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_gradients_are_those_of_scipy() -> None:
    one = image()
    plain = one[0, 0].numpy()
    gradient = gradients(one)[0].numpy()
    assert gradient.shape == (2, 30, 30)
    for channel, axis in ((0, 1), (1, 0)):  # along x, then y
        expected = ndimage.sobel(plain, axis=axis)[1:-1, 1:-1] / 8.0
        assert np.allclose(gradient[channel], expected, atol=1e-6)


def test_gradients_are_per_pixel() -> None:
    ramp = torch.arange(32.0).expand(1, 1, 32, 32) * 0.5
    x, y = gradients(ramp)[0]
    assert torch.allclose(x, torch.full_like(x, 0.5))
    assert torch.allclose(y, torch.zeros_like(y))


def test_equal_images_cost_nothing_and_brightness_alone_neither() -> None:
    assert edge_loss(image(), image(), ONES) == 0.0
    assert edge_loss(image() + 3.0, image(), ONES) < 1e-9
    assert edge_loss(image(1), image(), ONES) > 0.1


def test_the_loss_is_quadratic() -> None:
    target, off = image(), image(1)
    once = edge_loss(target + off, target, ONES)
    for factor in (-1.0, 3.0, 0.1):
        scaled = edge_loss(target + factor * off, target, ONES)
        assert float(scaled) == pytest.approx(factor**2 * float(once), rel=1e-4)


def test_weights_are_per_sample() -> None:
    estimate, target = image(1, 2), image(2, 2)
    alone = [float(edge_loss(estimate[i : i + 1], target[i : i + 1], ONES)) for i in (0, 1)]
    weighted = edge_loss(estimate, target, torch.tensor([0.25, 2.0]))
    assert float(weighted) == pytest.approx((0.25 * alone[0] + 2.0 * alone[1]) / 2, rel=1e-5)
    assert edge_loss(estimate, target, torch.zeros(2)) == 0.0


def test_the_conditional_mean_minimises_the_loss() -> None:
    """Two clean images fit one input, the first three times as often: their mean is best."""
    targets, often = image(3, 2), torch.tensor([0.75, 0.25])
    mean = (targets * often[:, None, None, None]).sum(dim=0, keepdim=True)

    def loss(estimate: torch.Tensor) -> torch.Tensor:
        return edge_loss(estimate.expand_as(targets), targets, often)

    best = mean.clone().requires_grad_(True)
    loss(best).backward()
    assert best.grad is not None
    assert best.grad.abs().max() < 1e-6
    for other in (targets[:1], targets[1:], targets.mean(dim=0, keepdim=True), mean + image(4)):
        assert loss(other) > loss(mean) + 1e-3
    # The same with magnitudes of gradients would not hold: this test can fail.
    magnitude = [gradients(x).norm(dim=1) for x in (mean, *targets.split(1))]
    assert not torch.allclose(magnitude[0], 0.75 * magnitude[1] + 0.25 * magnitude[2], atol=0.05)


def test_coarse_edges_count_beside_fine_ones() -> None:
    target = torch.zeros(1, 1, 32, 32)
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(16, 16)[None, None]
    step = torch.zeros_like(target)
    step[..., 16:] = 1.0
    # A checkerboard is invisible to Sobel and averages to nothing; a step is seen at both scales.
    assert edge_loss(checks, target, ONES) < 1e-9
    one, two = (edge_loss(step, target, ONES, scales=n) for n in (1, 2))
    assert two > 1.5 * one > 0.0


def test_the_absolute_loss_grows_evenly_and_prefers_the_median() -> None:
    target, off = image(), image(1)
    once = edge_loss(target + off, target, ONES, kind="l1")
    twice = edge_loss(target + 2.0 * off, target, ONES, kind="l1")
    assert float(twice) == pytest.approx(2.0 * float(once), rel=1e-4)
    targets, often = image(3, 2), torch.tensor([0.75, 0.25])
    mean = (targets * often[:, None, None, None]).sum(dim=0, keepdim=True)

    def cost(estimate: torch.Tensor) -> float:
        each = [float(edge_loss(estimate, one[None], ONES, kind="l1")) for one in targets]
        return float(np.dot(often.numpy(), each))

    assert cost(targets[:1]) < cost(mean)  # the likelier image beats the mean of both


def test_a_step_counts_as_its_height() -> None:
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 0.5
    flat = torch.zeros_like(step)
    # Two columns of 30 see the step, at the first of the scales, along x alone of x and y.
    share = 2 / 30 / 2
    loss = edge_loss(step, flat, ONES, scales=1, kind="l1")
    assert float(loss) == pytest.approx(0.5 * share)
    assert float(edge_loss(step, flat, ONES, scales=1)) == pytest.approx(0.25 * share)
