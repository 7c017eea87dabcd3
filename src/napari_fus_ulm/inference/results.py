"""From grey levels to a result: pixels, coordinates, a name, and provenance."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from napari_fus_ulm.generators.checkpoint import Card, sha256
from napari_fus_ulm.grey.resampling import area_mean
from napari_fus_ulm.grid import Grid, Shape
from napari_fus_ulm.inference.enhancement import Enhancement
from napari_fus_ulm.inference.prepare import Prepared
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import PART

Array = npt.NDArray[np.float32]

_CARRIED = ("voxel_to_world", "slice_spacing_known", "leading_axis_known", "time_known")
"""Attributes of the input's axes, which the result shares."""


def on_result_pixels(image: Array, shape: Shape) -> Array:
    """Grey levels of the generator's grid binned to the result's."""
    return image if image.shape == shape else area_mean(image, shape)


def shown_pixels(ready: Prepared, grey: Array) -> Array:
    """Grey levels of the generator's grid as the result shows them: binned, or a part of that."""
    whole = on_result_pixels(grey, ready.result.shape)
    return whole if ready.region is None else ready.region.of(whole)


def plane_on_result(ready: Prepared, grey: Array) -> xr.DataArray:
    """One plane of grey levels on the result's grid, with its coordinates."""
    return xr.DataArray(
        shown_pixels(ready, grey),
        dims=("j", "i"),
        coords=ready.shown.coords(),
        attrs={"modality": "ulm", "generated": True, "values": "grey", **_part(ready)},
    )


def _part(ready: Prepared) -> dict[str, Any]:
    return {} if ready.region is None else {PART: ready.region.part}


def finish(
    ready: Prepared,
    settings: EnhanceSettings,
    images: list[Array],
    spreads: list[Array],
    seconds: float,
) -> Enhancement:
    """Put the planes of a run together: image, spread where there is one, provenance."""
    provenance = _provenance(ready, settings)
    if spreads:
        kind = settings.samples_are if ready.applied.model.iterative else "samples"
        provenance["spread_of"] = f"{settings.samples} {kind}"

    def assemble(stack: list[Array], name: str) -> xr.DataArray:
        leading = ready.scan.dims[:-2]
        shape = (*ready.scan.shape[:-2], *ready.shown.shape)
        coords = {
            key: value
            for key, value in ready.scan.coords.items()
            if set(value.dims) <= set(leading)
        }
        return xr.DataArray(
            np.stack(stack).reshape(shape),
            dims=(*leading, "j", "i"),
            coords={**coords, **ready.shown.coords()},
            name=name,
            attrs={
                "modality": "ulm",
                "values": "grey",
                "generated": True,
                "source": provenance["input"],
                "spacing_known": bool(ready.scan.attrs.get("spacing_known", True)),
                "provenance": provenance,
                **_part(ready),
                **{key: ready.scan.attrs[key] for key in _CARRIED if key in ready.scan.attrs},
            },
        )

    result = Enhancement(
        assemble(images, "enhanced"),
        assemble(spreads, "spread") if spreads else None,
        settings,
        provenance,
        seconds,
    )
    result.image.name = result.title
    if result.spread is not None:
        result.spread.name = f"spread · {result.title}"
    return result


def _provenance(ready: Prepared, settings: EnhanceSettings) -> dict[str, Any]:
    from napari_fus_ulm import __version__

    native_um = _pixel_um(ready.grid, ready.native.shape)
    result_um = _pixel_um(ready.grid, ready.result.shape)
    return {
        "software": f"napari-fus-ulm {__version__}",
        "torch": torch.__version__,
        "generated": True,
        "input": str(ready.scan.attrs.get("source", "")),
        "input_name": str(ready.scan.name or "fUS"),
        "values": ready.values,
        "familiarity": ready.familiarity.as_dict(),
        "native_pixel_um": native_um,
        "pixel_um": result_um,
        "part": None if ready.region is None else list(ready.region.part),
        "gain": float(np.sqrt(np.prod(native_um) / np.prod(result_um))),
        "generator_title": ready.applied.model.title,
        "has_modes": ready.applied.model.iterative or ready.applied.model.stochastic,
        "weights": ready.weights.name,
        "weights_sha256": sha256(ready.weights),
        "learnt_from": learnt_from(ready.card),
        "phantom_trained": bool(ready.card.training.get("phantom_trained", False)),
        "device": str(ready.applied.device),
        "precision": ready.applied.precision,
        "settings": dataclasses.asdict(settings),
        "notices": ready.notices,
    }


def learnt_from(card: Card) -> str:
    """What weights have learnt from, in the order of their runs; empty where it is not known."""
    runs = (*card.training.get("began_with", ()), card.training)
    data = (str(run.get("data") or "") for run in runs if isinstance(run, dict))
    return ", then from ".join(dict.fromkeys(one for one in data if one))


def _pixel_um(field: Grid, shape: Shape) -> list[float]:
    """Pixel size (down, right) of so many pixels over a field."""
    return [1000.0 * side / n for side, n in zip(field.extent_mm, shape, strict=True)]
