"""The network is a local function: what is far away cannot matter."""

import numpy as np
import pytest
import torch

from napari_fus_ulm.generators.unet import MULTIPLE, LocalUNet, PixelNorm, time_features


def awake(**config: object) -> LocalUNet:
    """A network whose last layers are not zero, else every test of locality passes trivially."""
    torch.manual_seed(0)
    net = LocalUNet(2, 1, **config)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(0.0, 0.1)
    return net.eval()


@pytest.fixture(scope="module")
def shipped_shape() -> LocalUNet:
    return awake(widths=(16, 16, 16), blocks=(2, 2, 3))  # the blocks that the shipped network has


def test_a_far_pixel_changes_nothing(shipped_shape: LocalUNet) -> None:
    image = torch.randn(1, 2, 32, 320)
    poked = image.clone()
    poked[..., 12, 10] += 5.0
    t = torch.tensor([0.5])
    with torch.no_grad():
        change = (shipped_shape(poked, t) - shipped_shape(image, t)).abs().amax(dim=(0, 1, 2))
    reach = np.flatnonzero(change.numpy() > 0).max()
    assert change[:20].max() > 1e-3  # near, it does matter
    assert 40 < reach < 130  # the receptive field
    assert change[130:].max() == 0.0


def test_statistics_are_not_shared_across_the_image(shipped_shape: LocalUNet) -> None:
    """The left half does not change when the right half becomes a thousand times brighter."""
    image = torch.randn(1, 2, 32, 320)
    bright = image.clone()
    bright[..., 200:] *= 1000.0
    t = torch.tensor([0.5])
    with torch.no_grad():
        one, other = shipped_shape(image, t), shipped_shape(bright, t)
    assert torch.equal(one[..., :64], other[..., :64])
    assert not torch.allclose(one[..., 200:], other[..., 200:])


def test_moving_the_image_moves_the_result() -> None:
    net = awake(widths=(8, 8, 8), blocks=(1, 1, 1))
    image = torch.randn(1, 2, 128, 128)
    t = torch.tensor([0.3])
    with torch.no_grad():
        plain = net(image, t)
        moved = net(torch.roll(image, (8, 16), dims=(2, 3)), t)
    inner = np.s_[..., 56:-40, 56:-40]
    assert torch.allclose(torch.roll(plain, (8, 16), dims=(2, 3))[inner], moved[inner], atol=1e-4)
    assert plain[inner].std() > 1e-2


@pytest.mark.parametrize("shape", [(8, 8), (64, 72), (40, 128)])
def test_sides_are_multiples_of_eight(shape: tuple[int, int]) -> None:
    net = awake(widths=(8, 8, 8), blocks=(1, 1, 1))
    assert net(torch.zeros(2, 2, *shape), torch.tensor([0.1, 0.9])).shape == (2, 1, *shape)
    with pytest.raises(RuntimeError):
        net(torch.zeros(1, 2, shape[0], shape[1] + MULTIPLE // 2), torch.tensor([0.1]))


def test_a_new_network_starts_at_zero() -> None:
    net = LocalUNet(2, 1, (8, 8, 8), (1, 1, 1))
    assert not net(torch.randn(1, 2, 16, 16), torch.tensor([0.5])).any()


def test_time_matters_and_samples_of_a_batch_do_not_mix() -> None:
    net = awake(widths=(8, 8, 8), blocks=(1, 1, 1))
    image = torch.randn(1, 2, 16, 16)
    times = torch.tensor([0.1, 0.9])
    with torch.no_grad():
        both = net(image.expand(2, -1, -1, -1), times)
        alone = [net(image, t[None]) for t in times]
    assert torch.allclose(both, torch.cat(alone), atol=1e-5)
    assert (both[0] - both[1]).abs().max() > 1e-3


def test_time_features_tell_all_times_apart() -> None:
    features = time_features(torch.linspace(0, 1, 201))
    assert features.shape == (201, 64)
    distance = torch.cdist(features, features) + 10 * torch.eye(201)
    assert distance.min() > 0.05


def test_normalisation_is_over_the_channels_of_each_pixel() -> None:
    image = torch.randn(2, 6, 5, 7) * 3 + 1
    normed = PixelNorm(6)(image)
    assert torch.allclose(normed.mean(dim=1), torch.zeros(2, 5, 7), atol=1e-5)
    assert torch.allclose(normed.var(dim=1, unbiased=False), torch.ones(2, 5, 7), atol=1e-3)
