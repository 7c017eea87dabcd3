"""Samplers: flat functions that walk from noise to an image.

Each is an iterator of :class:`Estimate`, one per evaluation of the network, the last of which is
the result. ``predict(x, t)`` is itself an iterator (of whatever its work reports) that returns the
clean estimate, so that long evaluations can be watched and stopped in between.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Predict = Callable[["Tensor", float], Generator[Any, None, "Tensor"]]
Noise = Callable[[int], "Tensor"]
Schedule = Callable[[float], tuple[float, float]]
Hold = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The clean image as known after ``step`` of ``steps`` evaluations, in model units."""

    step: int
    steps: int
    clean: Tensor


def trailing_times(steps: int) -> list[float]:
    """``steps`` + 1 times from 1 (pure noise) to 0, evenly spaced.

    "Trailing" because the first evaluation is at 1 exactly, as zero terminal signal requires
    (Lin et al. 2024, section 3.3).
    """
    return [1.0 - i / steps for i in range(steps + 1)]


def times_from(start: float, steps: int) -> list[float]:
    """Times for ``steps`` evaluations, of which the first is the mean's where ``start`` < 1.

    From 1 they are the trailing times. From an earlier time the mean is evaluated first, and the
    other evaluations lie evenly between ``start`` and 0; a single one leaves only ``start``.
    """
    if start >= 1.0:
        return trailing_times(steps)
    others = steps - 1
    return [start * (1.0 - i / others) for i in range(steps)] if others else [start]


def sample_ddim(
    predict: Predict, noise: Noise, times: list[float], schedule: Schedule
) -> Iterator[Any]:
    """Deterministic DDIM (Song et al. 2021, equation 12 with η = 0).

    Parameters
    ----------
    predict : callable
        ``predict(x, t)`` may yield anything and returns the clean estimate of ``x``.
    noise : callable
        ``noise(i)`` is the standard normal noise of step i; that of step 0 is the image at time 1.
    times : list of float
        Falling, from 1 to 0.
    schedule : callable
        ``schedule(t)`` is how much signal and how much noise (α and σ) an image at time t holds.

    Yields
    ------
    Whatever ``predict`` yields, and an :class:`Estimate` after each evaluation.
    """
    x = noise(0)
    for i, (now, later) in enumerate(pairwise(times)):
        clean = yield from predict(x, now)
        yield Estimate(i + 1, len(times) - 1, clean)
        x = _ddim_step(x, clean, schedule(now), schedule(later))


def sample_around_mean(
    predict: Predict,
    noise: Noise,
    times: list[float],
    schedule: Schedule,
    *,
    noise_scale: float = 1.0,
    hold: Hold | None = None,
) -> Iterator[Any]:
    """DDIM started part-way from the conditional mean, and held near it.

    The first evaluation, at time 1, is the conditional mean m. The walk starts at
    x = α·m + τ·σ·noise, with τ below one a sample nearer the mean than the posterior's are, and
    ``hold`` brings each clean estimate back to the mean's low frequencies. From time 1, with τ = 1
    and without ``hold``, it is :func:`sample_ddim` bit by bit.

    Parameters
    ----------
    predict, noise, schedule
        As of :func:`sample_ddim`.
    times : list of float
        Falling, from where the walk starts to 0 (see :func:`times_from`).
    noise_scale : float
        τ, 0 to 1. 0: the result is the mean.
    hold : callable, optional
        ``hold(clean, mean)`` is the clean estimate to go on with, in model units.

    Yields
    ------
    Whatever ``predict`` yields, and an :class:`Estimate` after each evaluation.
    """
    start = noise(0)
    mean = yield from predict(start, 1.0)
    pairs = list(pairwise(times)) if noise_scale > 0.0 else []
    steps = 1 + sum(now < 1.0 for now, _ in pairs)
    yield Estimate(1, steps, mean)
    done, clean = 1, mean
    alpha, sigma = schedule(times[0])
    x = alpha * mean + noise_scale * sigma * start
    for now, later in pairs:
        if now < 1.0:
            clean = yield from predict(x, now)
            clean = hold(clean, mean) if hold else clean
            done += 1
            yield Estimate(done, steps, clean)
        x = _ddim_step(x, clean, schedule(now), schedule(later))


def _ddim_step(
    x: Tensor, clean: Tensor, now: tuple[float, float], later: tuple[float, float]
) -> Tensor:
    """The image at a later time, with the noise that ``clean`` implies."""
    (alpha, sigma), (alpha_later, sigma_later) = now, later
    return alpha_later * clean + sigma_later / sigma * (x - alpha * clean)


def sample_ancestral(
    predict: Predict, noise: Noise, times: list[float], schedule: Schedule
) -> Iterator[Any]:
    """Ancestral sampling: every step draws from the posterior given the clean estimate.

    Ho et al. 2020, equations 6 and 7, between any two times of the schedule. Parameters and what
    is yielded are those of :func:`sample_ddim`; here every step but the last takes new noise.
    """
    x = noise(0)
    for i, (now, later) in enumerate(pairwise(times)):
        clean = yield from predict(x, now)
        yield Estimate(i + 1, len(times) - 1, clean)
        if later > 0.0:
            of_x, of_clean, deviation = posterior(schedule(now), schedule(later))
            x = of_x * x + of_clean * clean + deviation * noise(i + 1)


def posterior(now: tuple[float, float], later: tuple[float, float]) -> tuple[float, float, float]:
    """Weights of the noisy and of the clean image in q(later | both), and its deviation.

    Parameters
    ----------
    now, later : tuple of float
        α and σ at two times, of which ``later`` is the less noisy.
    """
    (alpha, sigma), (alpha_later, sigma_later) = now, later
    ratio = alpha / alpha_later
    added = sigma**2 - (ratio * sigma_later) ** 2  # variance that comes in from later to now
    return (
        ratio * (sigma_later / sigma) ** 2,
        alpha_later * added / sigma**2,
        sqrt(max(added, 0.0)) * sigma_later / sigma,
    )


SAMPLERS: dict[str, Callable[[Predict, Noise, list[float], Schedule], Iterator[Any]]] = {
    "around-mean": sample_around_mean,
    "ddim": sample_ddim,
    "ancestral": sample_ancestral,
}
