from collections.abc import Generator

import pytest
import torch
from torch import Tensor

from napari_fus_ulm.inference.samplers import Estimate, sample_ddim, trailing_times
from napari_fus_ulm.inference.schedule import signal_noise_at


def last(events: object) -> Tensor:
    *_, final = (e for e in events if isinstance(e, Estimate))  # type: ignore[attr-defined]
    return final.clean


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


def test_one_evaluation_is_the_conditional_mean() -> None:
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    result = last(sample_ddim(gaussian_posterior(0.7, 0.25), noise, trailing_times(1)))
    torch.testing.assert_close(result, torch.full_like(noise, 0.7))


def test_many_steps_sample_the_distribution_and_few_are_under_dispersed() -> None:
    noise = torch.randn(1, 1, 200, 200, generator=torch.Generator().manual_seed(0))
    spread = {}
    for steps in (8, 200):
        result = last(sample_ddim(gaussian_posterior(0.7, 0.25), noise, trailing_times(steps)))
        assert float(result.mean()) == pytest.approx(0.7, abs=0.01)
        spread[steps] = float(result.var())
    assert spread[200] == pytest.approx(0.25, rel=0.05)
    assert spread[8] < spread[200]


def test_a_perfect_denoiser_is_reached_whatever_the_steps() -> None:
    truth = torch.rand(1, 1, 16, 16)

    def predict(x: Tensor, t: float) -> Generator[None, None, Tensor]:
        yield
        return truth

    for steps in (1, 2, 7):
        torch.testing.assert_close(
            last(sample_ddim(predict, torch.randn_like(truth), trailing_times(steps))), truth
        )
