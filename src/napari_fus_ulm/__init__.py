"""Turn a functional-ultrasound image into a ULM-like one, and see how far to trust it.

The public API is what is listed in ``__all__``; it is imported when it is first used, so that
``import napari_fus_ulm`` stays quick and does not import torch.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "EnhanceSettings": "napari_fus_ulm.inference.settings",
    "Enhancement": "napari_fus_ulm.inference.enhancement",
    "enhance": "napari_fus_ulm.inference.enhance",
    "enhance_events": "napari_fus_ulm.inference.enhance",
    "fidelity": "napari_fus_ulm.metrics.fidelity",
    "make_scan": "napari_fus_ulm.scan",
    "read": "napari_fus_ulm.io",
    "read_one": "napari_fus_ulm.io",
    "simulate_pair": "napari_fus_ulm.phantom",
    "write": "napari_fus_ulm.io",
}
__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
