"""The registry of generators. Importing this module does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fus_ulm.generators.base import Generator


def names() -> tuple[str, ...]:
    """Names of the generators, the default first."""
    return ("diffusion",)


def build(name: str, config: dict[str, Any] | None = None) -> Generator:
    """Make a generator with fresh weights.

    Raises
    ------
    ValueError
        If there is no generator of that name.
    """
    if name not in names():
        raise ValueError(f"There is no generator called {name!r}; there is: {', '.join(names())}.")
    from napari_fus_ulm.generators.diffusion import ConditionalDiffusion

    makers: dict[str, type[Generator]] = {"diffusion": ConditionalDiffusion}
    return makers[name](**(config or {}))
