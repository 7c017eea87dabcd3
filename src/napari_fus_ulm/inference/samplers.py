"""Samplers: flat functions that walk from pure noise to an image.

Each is an iterator of :class:`Estimate`, one per evaluation of the network, the last of which is
the result. ``predict(x, t)`` is itself an iterator (of whatever its work reports) that returns the
clean estimate, so that long evaluations can be watched and stopped in between.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_fus_ulm.inference.schedule import signal_noise_at

if TYPE_CHECKING:
    from torch import Tensor

Predict = Callable[["Tensor", float], Generator[Any, None, "Tensor"]]


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


def sample_ddim(predict: Predict, noise: Tensor, times: list[float]) -> Iterator[Any]:
    """Deterministic DDIM (Song et al. 2021, equation 12 with η = 0) on the cosine schedule.

    Parameters
    ----------
    predict : callable
        ``predict(x, t)`` yields what it likes and returns the clean estimate of ``x``.
    noise : tensor
        Standard normal, the image at time 1.
    times : list of float
        Falling, from 1 to 0.

    Yields
    ------
    Whatever ``predict`` yields, and an :class:`Estimate` after each evaluation.
    """
    x = noise
    for i, (now, later) in enumerate(pairwise(times)):
        clean = yield from predict(x, now)
        yield Estimate(i + 1, len(times) - 1, clean)
        alpha, sigma = signal_noise_at(now)
        alpha_later, sigma_later = signal_noise_at(later)
        x = alpha_later * clean + sigma_later / sigma * (x - alpha * clean)
