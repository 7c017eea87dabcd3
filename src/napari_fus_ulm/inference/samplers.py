"""Samplers: flat functions that walk from pure noise to an image.

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

from napari_fus_ulm.inference.schedule import signal_noise_at

if TYPE_CHECKING:
    from torch import Tensor

Predict = Callable[["Tensor", float], Generator[Any, None, "Tensor"]]
Noise = Callable[[int], "Tensor"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The clean image as known after ``step`` of ``steps`` evaluations, in model units."""

    step: int
    steps: int
    clean: Tensor


def trailing_times(steps: int) -> list[float]:
    """``steps`` + 1 times from 1 (pure noise) to 0, evenly spaced.

    "Trailing" because the first evaluation is at 1 exactly, as zero terminal signal wants
    (Lin et al. 2024, section 3.3).
    """
    return [1.0 - i / steps for i in range(steps + 1)]


def sample_ddim(predict: Predict, noise: Noise, times: list[float]) -> Iterator[Any]:
    """Deterministic DDIM (Song et al. 2021, equation 12 with η = 0) on the cosine schedule.

    Parameters
    ----------
    predict : callable
        ``predict(x, t)`` yields what it likes and returns the clean estimate of ``x``.
    noise : callable
        ``noise(i)`` is the standard normal noise of step i; that of step 0 is the image at time 1.
    times : list of float
        Falling, from 1 to 0.

    Yields
    ------
    Whatever ``predict`` yields, and an :class:`Estimate` after each evaluation.
    """
    x = noise(0)
    for i, (now, later) in enumerate(pairwise(times)):
        clean = yield from predict(x, now)
        yield Estimate(i + 1, len(times) - 1, clean)
        alpha, sigma = signal_noise_at(now)
        alpha_later, sigma_later = signal_noise_at(later)
        x = alpha_later * clean + sigma_later / sigma * (x - alpha * clean)


def sample_ancestral(predict: Predict, noise: Noise, times: list[float]) -> Iterator[Any]:
    """Ancestral sampling: every step draws from the posterior given the clean estimate.

    Ho et al. 2020, equations 6 and 7, between any two times of the schedule. Parameters and what
    is yielded are those of :func:`sample_ddim`; here every step but the last takes new noise.
    """
    x = noise(0)
    for i, (now, later) in enumerate(pairwise(times)):
        clean = yield from predict(x, now)
        yield Estimate(i + 1, len(times) - 1, clean)
        if later > 0.0:
            of_x, of_clean, deviation = posterior(now, later)
            x = of_x * x + of_clean * clean + deviation * noise(i + 1)


def posterior(now: float, later: float) -> tuple[float, float, float]:
    """Weights of the noisy and of the clean image in q(later | both), and its deviation.

    Parameters
    ----------
    now, later : float
        Times, 1 ≥ ``now`` > ``later`` ≥ 0.
    """
    alpha, sigma = signal_noise_at(now)
    alpha_later, sigma_later = signal_noise_at(later)
    ratio = alpha / alpha_later
    added = sigma**2 - (ratio * sigma_later) ** 2  # variance that comes in from later to now
    return (
        ratio * (sigma_later / sigma) ** 2,
        alpha_later * added / sigma**2,
        sqrt(max(added, 0.0)) * sigma_later / sigma,
    )


SAMPLERS: dict[str, Callable[[Predict, Noise, list[float]], Iterator[Any]]] = {
    "ddim": sample_ddim,
    "ancestral": sample_ancestral,
}
