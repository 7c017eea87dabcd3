"""Layers of diagnostics that leave the picture below visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from napari_fus_ulm.tasks.looks import Look, inside, outlines

if TYPE_CHECKING:
    from napari.utils.colormaps import Colormap

    from napari_fus_ulm._napari.layers.placing import Placement

GROUND = "#16181c"
"""Behind the signs of a legend: they are as legible in the light theme as on a picture."""
LayerTuple = tuple[Any, dict[str, Any], str]


def class_layer(
    classes: xr.DataArray,
    looks: Sequence[Look],
    placement: Placement,
    name: str,
) -> LayerTuple:
    """Classes of vessels as outlines; the status bar names the class under the mouse.

    Parameters
    ----------
    classes : xarray.DataArray
        2-D, on the result's grid.
    looks : sequence of Look
    placement : Placement
        Where the result lies.
    name : str
    """
    fine = xr.DataArray(outlines(classes.values, looks), dims=classes.dims)
    colours: dict[int | None, str] = {None: "transparent"}
    colours |= {look.label: look.colour for look in looks}
    names: dict[int, str | None] = {0: None}
    names |= {place(look): look.name for look in looks for place in (_line, inside)}
    given = {
        "name": name,
        "colormap": colours,
        "opacity": 1.0,
        "features": pd.DataFrame({"index": list(names), "vessel": list(names.values())}),
        "metadata": {"classes": classes},
    }
    where = placement.layer_kwargs((fine.shape[0], fine.shape[1]))
    return placement.volume(placement.full_dims(fine)), {**where, **given}, "labels"


def map_layer(
    values: xr.DataArray,
    placement: Placement,
    name: str,
    colours: Sequence[str],
    limits: tuple[float, float],
) -> LayerTuple:
    """A hidden map that leaves the picture visible where it has nothing to say.

    Parameters
    ----------
    values : xarray.DataArray
        2-D, on the result's grid; NaN is transparent.
    placement : Placement
    name : str
    colours : sequence of str
        From the lower to the upper limit, as “#rrggbb” or “#rrggbbaa”.
    limits : tuple of float
    """
    full = placement.full_dims(values)
    given = {
        "name": name,
        "visible": False,
        "colormap": _colormap(name, colours),
        "contrast_limits": limits,
        "metadata": {"xarray": full.copy(data=np.nan_to_num(full.values))},
    }
    where = placement.layer_kwargs((values.shape[0], values.shape[1]))
    return placement.volume(full), {**where, **given}, "image"


def legend(looks: Sequence[Look], words: Mapping[str, str] | None = None) -> str:
    """The classes with their signs and colours, a line each; ``words`` follow the name."""
    lines = []
    for look in looks:
        more = escape((words or {}).get(look.name, ""))
        lines.append(
            f'<span style="color:{look.colour}; background-color:{GROUND}">&nbsp;{look.sign}&nbsp;'
            f"</span> {look.name}{more} "
            f"({escape(look.meaning)})"
        )
    return "<br>".join(lines)


def _line(look: Look) -> int:
    return look.label


def _colormap(name: str, colours: Sequence[str]) -> Colormap:
    from napari.utils.colormaps import Colormap

    return Colormap(colors=list(colours), name=name)
