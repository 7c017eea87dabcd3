"""The cosine noise schedule as plain numbers."""

from __future__ import annotations

import math


def signal_noise_at(t: float) -> tuple[float, float]:
    """α and σ at time ``t`` in [0, 1]; exactly 0 signal at 1 and 0 noise at 0."""
    if t >= 1.0:
        return 0.0, 1.0
    if t <= 0.0:
        return 1.0, 0.0
    return math.cos(0.5 * math.pi * t), math.sin(0.5 * math.pi * t)
