"""A network small enough to train in a test."""

from collections.abc import Callable

import pytest
import torch

from napari_fus_ulm.generators.diffusion import ConditionalDiffusion

TINY = {"widths": (8, 8, 8), "blocks": (1, 1, 1)}


@pytest.fixture
def tiny() -> Callable[..., ConditionalDiffusion]:
    """Makes small models; with ``awake=True`` all weights are random, none is zero."""

    def make(*, awake: bool = False, seed: int = 0, **config: object) -> ConditionalDiffusion:
        torch.manual_seed(seed)
        model = ConditionalDiffusion(**{**TINY, **config})  # type: ignore[arg-type]
        if awake:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.normal_(0.0, 0.15)
        return model

    return make
