from collections.abc import Generator

import pytest
import torch
from torch import Tensor

from napari_fus_ulm.inference.samplers import (
    SAMPLERS,
    Estimate,
    Noise,
    posterior,
    sample_ancestral,
    sample_ddim,
    trailing_times,
)
from napari_fus_ulm.inference.schedule import signal_noise_at


def last(events: object) -> Tensor:
    *_, final = (e for e in events if isinstance(e, Estimate))  # type: ignore[attr-defined]
    return final.clean


def white(*shape: int, seed: int = 0) -> Noise:
    """Noise of each step, which follows from the seed and the step."""

    def drawn(step: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed + step))

    return drawn


def gaussian_posterior(mean: float, variance: float):  # type: ignore[no-untyped-def]
    """The exact denoiser of N(mean, variance) data."""

    def predict(x: Tensor, t: float) -> Generator[None, None, Tensor]:
        alpha, sigma = signal_noise_at(t)
        gain = alpha * variance / (alpha**2 * variance + sigma**2)
        yield
        return mean + gain * (x - alpha * mean)

    return predict


def test_times_start_at_pure_noise_and_end_clean() -> None:
    times = trailing_times(4)
    assert times == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert signal_noise_at(1.0) == (0.0, 1.0)
    assert signal_noise_at(0.0) == (1.0, 0.0)
    assert sum(x**2 for x in signal_noise_at(0.3)) == pytest.approx(1.0)


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_one_evaluation_is_the_conditional_mean(sample) -> None:  # type: ignore[no-untyped-def]
    noise = white(1, 1, 64, 64)
    result = last(sample(gaussian_posterior(0.7, 0.25), noise, trailing_times(1)))
    torch.testing.assert_close(result, torch.full((1, 1, 64, 64), 0.7))


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_many_steps_sample_the_distribution_and_few_are_under_dispersed(sample) -> None:  # type: ignore[no-untyped-def]
    spread = {}
    for steps in (8, 200):
        noise = white(1, 1, 200, 200)
        result = last(sample(gaussian_posterior(0.7, 0.25), noise, trailing_times(steps)))
        assert float(result.mean()) == pytest.approx(0.7, abs=0.01)
        spread[steps] = float(result.var())
    assert spread[200] == pytest.approx(0.25, rel=0.05)
    assert spread[8] < spread[200]


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_a_perfect_denoiser_is_reached_whatever_the_steps(sample) -> None:  # type: ignore[no-untyped-def]
    truth = torch.rand(1, 1, 16, 16)

    def predict(x: Tensor, t: float) -> Generator[None, None, Tensor]:
        yield
        return truth

    for steps in (1, 2, 7):
        result = last(sample(predict, white(*truth.shape), trailing_times(steps)))
        torch.testing.assert_close(result, truth)


@pytest.mark.parametrize(("now", "later"), [(1.0, 0.6), (0.9, 0.2), (0.31, 0.3), (0.5, 0.0)])
def test_the_posterior_leaves_the_noisy_image_as_noisy_as_it_should_be(
    now: float, later: float
) -> None:
    """q(later | clean, now), averaged over now, is the marginal of the schedule at that time."""
    alpha, sigma = signal_noise_at(now)
    alpha_later, sigma_later = signal_noise_at(later)
    of_x, of_clean, deviation = posterior(now, later)
    assert of_x * alpha + of_clean == pytest.approx(alpha_later)
    assert (of_x * sigma) ** 2 + deviation**2 == pytest.approx(sigma_later**2)


def test_only_ancestral_sampling_takes_new_noise_and_not_for_the_last_step() -> None:
    for sample, wanted in ((sample_ddim, [0]), (sample_ancestral, [0, 1, 2])):
        asked: list[int] = []

        def noise(step: int, asked: list[int] = asked) -> Tensor:
            asked.append(step)
            return torch.zeros(1, 1, 8, 8)

        last(sample(gaussian_posterior(0.0, 1.0), noise, trailing_times(3)))
        assert asked == wanted
