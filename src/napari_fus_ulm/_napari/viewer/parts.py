"""Parts of the viewer that napari 0.9 has moved, for old and new versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def camera_of(viewer: Any) -> Any:
    """The camera."""
    return getattr(viewer, "scene", viewer).camera


def grid_of(viewer: Any) -> Any:
    """The grid."""
    return getattr(viewer, "canvas", viewer).grid


def fit_to(viewer: Any, layers: Sequence[Any]) -> None:
    """Let layers fill the canvas; all of them where napari knows no other way."""
    if hasattr(viewer, "fit_to_view"):
        viewer.fit_to_view(layers=layers)
    else:
        viewer.reset_view()


def text_overlay(viewer: Any) -> Any:
    """The text on the canvas."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.text_overlay if canvas is None else canvas.overlays.text


def overlays_of(viewer: Any) -> Any:
    """What is drawn on the canvas beside the layers, by name."""
    canvas = getattr(viewer, "canvas", None)
    return viewer._overlays if canvas is None else canvas.overlays


def scale_bar_of(viewer: Any) -> Any:
    """The scale bar."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.scale_bar if canvas is None else canvas.overlays.scale_bar
