"""Generators as rows: every one with weights, in each of its modes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from napari_fus_ulm.evaluation.methods import Fitted, Method
from napari_fus_ulm.evaluation.pairs import EvaluationPair, Grey
from napari_fus_ulm.generators import build
from napari_fus_ulm.generators.checkpoint import Card, bundled, read_card
from napari_fus_ulm.grey.resampling import resample
from napari_fus_ulm.inference.settings import EnhanceSettings, Mode

MODES: tuple[Mode, ...] = ("accurate", "balanced", "detailed")


def generators(
    weights: Sequence[Path] = (), settings: EnhanceSettings | None = None
) -> tuple[Method, ...]:
    """Every generator in every mode it has; a deterministic one-shot generator has only one.

    Parameters
    ----------
    weights : sequence of Path
        Weights files; by default those that ship, in the order of the registry.
    settings : EnhanceSettings, optional
        ``generator``, ``weights``, ``mode`` and ``pixel_um`` are replaced.

    Raises
    ------
    CheckpointError
        If a weights file has no card that can be read.
    ValueError
        If its generator is not known.
    """
    files = [Path(one) for one in weights] or bundled()
    base = settings or EnhanceSettings()
    methods: list[Method] = []
    for path in files:
        card = read_card(path)
        name = card.generator if not weights else path.stem
        taken = {method.key for method in methods}
        title, modes = _kind(card)
        for mode in modes:
            key = f"{name}-{mode}"
            if key in taken:
                key = f"{path.parent.name}-{key}"
            words = title if len(modes) == 1 and not weights else key.replace("-", " ")
            methods.append(_generator(key, words, card, path, mode, base))
    return tuple(methods)


def _kind(card: Card) -> tuple[str, tuple[Mode, ...]]:
    """A generator's title, and the modes in which its pictures differ."""
    import torch

    # Whether it is stochastic may depend on its arguments; no weights are allocated for this.
    with torch.device("meta"):
        model = build(card.generator, card.config)
    return model.title, MODES if model.iterative or model.stochastic else ("detailed",)


def _generator(
    key: str, title: str, card: Card, weights: Path, mode: Mode, base: EnhanceSettings
) -> Method:
    data = card.training.get("data", "data its card does not name")
    settings = dataclasses.replace(base, generator=card.generator, weights=str(weights), mode=mode)
    return Method(
        key,
        f"{title} (generated)",
        f"The generator {card.generator} in its mode {mode}, weights {weights.name}, trained on "
        f"{data}.",
        lambda train, validation: Fitted(partial(_enhanced, settings, card.pixel_um)),
        weights=weights,
    )


def _enhanced(settings: EnhanceSettings, finest_um: float, pair: EvaluationPair) -> Grey:
    """A generator's picture on the pair's grid, interpolated where that is finer than its own."""
    from napari_fus_ulm.inference.enhance import enhance

    # The requested pixel, not the pair's, which would give some sections another grid.
    pixel_um = max(pair.pixel_um, finest_um)
    image = enhance(pair.fus, dataclasses.replace(settings, pixel_um=pixel_um)).image.values
    return np.clip(resample(image, pair.truth.shape), 0.0, 1.0)
