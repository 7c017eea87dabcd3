from collections.abc import Generator

import pytest
import torch
from torch import Tensor

from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.inference.samplers import (
    SAMPLERS,
    Estimate,
    Noise,
    posterior,
    sample_ancestral,
    sample_around_mean,
    sample_ddim,
    times_from,
    trailing_times,
)

SCHEDULE = ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1)).schedule


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
        alpha, sigma = SCHEDULE(t)
        gain = alpha * variance / (alpha**2 * variance + sigma**2)
        yield
        return mean + gain * (x - alpha * mean)

    return predict


def test_times_start_at_pure_noise_and_end_clean() -> None:
    times = trailing_times(4)
    assert times == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert SCHEDULE(1.0) == (0.0, 1.0)
    assert SCHEDULE(0.0) == (1.0, 0.0)
    assert sum(x**2 for x in SCHEDULE(0.3)) == pytest.approx(1.0)


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_one_evaluation_is_the_conditional_mean(sample) -> None:  # type: ignore[no-untyped-def]
    noise = white(1, 1, 64, 64)
    result = last(sample(gaussian_posterior(0.7, 0.25), noise, trailing_times(1), SCHEDULE))
    torch.testing.assert_close(result, torch.full((1, 1, 64, 64), 0.7))


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_many_steps_sample_the_distribution_and_few_are_under_dispersed(sample) -> None:  # type: ignore[no-untyped-def]
    spread = {}
    for steps in (8, 200):
        noise = white(1, 1, 200, 200)
        result = last(sample(gaussian_posterior(0.7, 0.25), noise, trailing_times(steps), SCHEDULE))
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
        result = last(sample(predict, white(*truth.shape), trailing_times(steps), SCHEDULE))
        torch.testing.assert_close(result, truth)


@pytest.mark.parametrize(("now", "later"), [(1.0, 0.6), (0.9, 0.2), (0.31, 0.3), (0.5, 0.0)])
def test_the_posterior_leaves_the_noisy_image_as_noisy_as_it_should_be(
    now: float, later: float
) -> None:
    """q(later | clean, now), averaged over now, is the marginal of the schedule at that time."""
    alpha, sigma = SCHEDULE(now)
    alpha_later, sigma_later = SCHEDULE(later)
    of_x, of_clean, deviation = posterior(SCHEDULE(now), SCHEDULE(later))
    assert of_x * alpha + of_clean == pytest.approx(alpha_later)
    assert (of_x * sigma) ** 2 + deviation**2 == pytest.approx(sigma_later**2)


def test_only_ancestral_sampling_takes_new_noise_and_not_for_the_last_step() -> None:
    for sample, wanted in ((sample_ddim, [0]), (sample_ancestral, [0, 1, 2])):
        calls: list[int] = []

        def noise(step: int, calls: list[int] = calls) -> Tensor:
            calls.append(step)
            return torch.zeros(1, 1, 8, 8)

        last(sample(gaussian_posterior(0.0, 1.0), noise, trailing_times(3), SCHEDULE))
        assert calls == wanted


def test_around_the_mean_from_pure_noise_with_all_of_it_is_the_plain_sampler() -> None:
    predict, noise, times = gaussian_posterior(0.7, 0.25), white(1, 1, 32, 32), trailing_times(5)
    plain = [e for e in sample_ddim(predict, noise, times, SCHEDULE) if e is not None]
    assert times_from(1.0, 5) == times
    around = [e for e in sample_around_mean(predict, noise, times, SCHEDULE) if e is not None]
    for one, other in zip(around, plain, strict=True):
        assert (one.step, one.steps) == (other.step, other.steps)
        assert torch.equal(one.clean, other.clean)


@pytest.mark.parametrize("start", [0.3, 0.8, 1.0])
def test_without_noise_a_sample_around_the_mean_is_the_mean(start: float) -> None:
    noise, times = white(1, 1, 32, 32), times_from(start, 4)
    calls: list[float] = []

    def predict(x: Tensor, t: float) -> Generator[None, None, Tensor]:
        calls.append(t)
        yield
        return x + 1.0

    result = last(sample_around_mean(predict, noise, times, SCHEDULE, noise_scale=0.0))
    assert torch.equal(result, noise(0) + 1.0)
    assert calls == [1.0]


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_around_the_mean_takes_as_many_evaluations_as_it_is_given(steps: int) -> None:
    noise = white(1, 1, 8, 8)
    calls: list[float] = []

    def predict(x: Tensor, t: float) -> Generator[None, None, Tensor]:
        calls.append(t)
        yield
        return x

    walk = sample_around_mean(predict, noise, times_from(0.8, steps), SCHEDULE, noise_scale=0.7)
    known = [e for e in walk if isinstance(e, Estimate)]
    assert [(e.step, e.steps) for e in known] == [(i + 1, steps) for i in range(steps)]
    assert calls == pytest.approx(
        [1.0, *(0.8 * (1 - i / max(steps - 1, 1)) for i in range(steps - 1))]
    )


def test_less_noise_keeps_samples_nearer_the_mean() -> None:
    noise, times = white(1, 1, 200, 200), times_from(0.8, 50)
    spread = [
        float(
            last(
                sample_around_mean(
                    gaussian_posterior(0.7, 0.25), noise, times, SCHEDULE, noise_scale=scale
                )
            ).var()
        )
        for scale in (0.3, 0.6, 1.0)
    ]
    # The walk is linear for Gaussian data: the deviation goes with the noise's.
    assert spread[0] / spread[2] == pytest.approx(0.3**2, rel=0.02)
    assert spread[1] / spread[2] == pytest.approx(0.6**2, rel=0.02)


def test_every_estimate_but_the_mean_is_held_to_it_and_the_walk_goes_on_from_there() -> None:
    held: list[Tensor] = []

    def hold(clean: Tensor, mean: Tensor) -> Tensor:
        held.append(mean)
        return torch.minimum(clean, mean)

    result = last(
        sample_around_mean(
            gaussian_posterior(0.7, 0.25),
            white(1, 1, 16, 16),
            times_from(0.8, 4),
            SCHEDULE,
            hold=hold,
        )
    )
    assert len(held) == 3
    assert float(result.max()) <= 0.7 + 1e-6
