"""The registry of generators. Importing this module does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators.application import STUDY_PATCHES, WHOLE_FRAME, Application

if TYPE_CHECKING:
    from napari_fus_ulm.generators.base import Generator


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a generator before torch is imported.

    Attributes
    ----------
    title : str
        Its name for people.
    path : str
        Module and class, in this package.
    application : Application
        That of its class.
    iterative : bool
        Whether more steps change its image.
    has_modes : bool
        Whether its modes differ; a deterministic one-shot generator gives the same image in each.
    """

    title: str
    path: str
    application: Application
    iterative: bool = False
    has_modes: bool = True


REGISTRY = {
    "diffusion": Entry("Diffusion", "diffusion.ConditionalDiffusion", WHOLE_FRAME, iterative=True),
    "pix2pix": Entry("Pix2Pix", "pix2pix.Pix2Pix", STUDY_PATCHES, has_modes=False),
    "mhvae": Entry("MHVAE", "mhvae.MHVAE", STUDY_PATCHES),
}


def names() -> tuple[str, ...]:
    """Names of the generators, the default first."""
    return tuple(REGISTRY)


def entry(name: str) -> Entry:
    """What the registry says of a generator.

    Raises
    ------
    SettingsError
        If there is no generator of that name.
    """
    if name not in REGISTRY:
        raise SettingsError(
            f"There is no generator called “{name}”; available: {', '.join(names())}."
        )
    return REGISTRY[name]


def kind(name: str) -> type[Generator]:
    """Class of a generator (this imports torch).

    Raises
    ------
    SettingsError
        If there is no generator of that name.
    """
    module, _, class_name = entry(name).path.partition(".")
    generator_class: type[Generator] = getattr(import_module(f"{__name__}.{module}"), class_name)
    return generator_class


def build(name: str, config: dict[str, Any] | None = None) -> Generator:
    """Make a generator with fresh weights.

    Raises
    ------
    SettingsError
        If there is no generator of that name.
    """
    return kind(name)(**(config or {}))
