"""Units of layers, as numbers."""

from __future__ import annotations

from typing import Any


def mm_in(unit: Any) -> float | None:
    """Return the millimetres in a unit of length (pint or text), None for any other unit."""
    return factor(unit, "millimeter")


def factor(unit: Any, into: str) -> float | None:
    """Return how many of a unit are in another, None where they measure different things."""
    import pint

    registry: Any = pint.application_registry
    try:
        ratio = float(registry.Quantity(1.0, str(unit)).to(into).magnitude)
    except (pint.errors.PintError, AttributeError, ValueError):
        return None
    return float(f"{ratio:.12g}")  # a conversion leaves 0.9999… where 1 is meant


def dimension(unit: Any) -> str:
    """Return what a unit measures, such as “[time]”; nothing where that is not known."""
    import pint

    registry: Any = pint.application_registry
    try:
        return str(registry.Unit(str(unit)).dimensionality)
    except (pint.errors.PintError, AttributeError, ValueError):
        return ""
