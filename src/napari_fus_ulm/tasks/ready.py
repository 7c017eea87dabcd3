"""What a first run would wait for, loaded beforehand: torch, the weights, the measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import xarray as xr

from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.libraries import collecting_later, load_torch

if TYPE_CHECKING:
    from napari_fus_ulm.inference.settings import EnhanceSettings


def ready_run(settings: EnhanceSettings, *, measures: bool) -> Iterator[Progress]:
    """Load what `enhance_run` needs, to be iterated in a thread; what is loaded is quickly passed.

    Parameters
    ----------
    settings : EnhanceSettings
        Their generator is loaded.
    measures : bool
        There is a ground truth.

    Yields
    ------
    Progress
        What comes next.

    Raises
    ------
    CheckpointError, SettingsError
        As the run would.
    """
    yield Progress(0, 3, "Loading PyTorch…")
    with collecting_later():
        xr.DataArray(0.0)  # the first one imports dask: the viewer would wait for it at an image
    load_torch()
    yield Progress(1, 3, "Loading the weights…")
    with collecting_later():
        from napari_fus_ulm.generators.device import choose_device
        from napari_fus_ulm.generators.loaded import loaded_generator
        from napari_fus_ulm.inference import enhance  # noqa: F401
        from napari_fus_ulm.tasks.catalogue import card_of

        loaded_generator(card_of(settings)[1], choose_device(settings.device))
    if measures:
        yield Progress(2, 3, "Loading the measures…")
        import numpy as np

        from napari_fus_ulm.metrics.fidelity import LPIPS_SMALLEST, fidelity

        nothing = np.zeros((LPIPS_SMALLEST, LPIPS_SMALLEST))
        with collecting_later():
            fidelity(nothing, nothing)
