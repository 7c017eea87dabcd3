"""Where a result lies: exactly on the layer it was made from, in any world coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm.scan import AXIS_OF
from napari_fus_ulm.selection import Selection

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A layer's world, remembered: the layer may be gone when the result comes.

    Parameters
    ----------
    shape : tuple of int
        The layer's shape, without colour.
    dims : tuple of str
        The scan dims of its axes.
    selection : Selection
        The part of it that was used.
    scale, translate : tuple of float
    rotate, affine : arrays
    shear : array
    units, axis_labels : tuple
        As the layer has them.
    """

    shape: tuple[int, ...]
    dims: tuple[str, ...]
    selection: Selection
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: npt.NDArray[Any]
    shear: npt.NDArray[Any]
    affine: npt.NDArray[Any]
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]

    def leading(self) -> tuple[int, ...]:
        """Sizes of the result's leading axes: as many as the layer has."""
        return tuple(
            size if self._chosen(dim) is None else 1
            for size, dim in zip(self.shape[:-2], self.dims, strict=False)
        )

    def layer_kwargs(self, plane: tuple[int, int]) -> dict[str, Any]:
        """Where a result with planes of this shape lies, as arguments of a layer.

        Along each axis the layer's pixel number is ``a·x + b`` of the result's pixel number x:
        pixels are areas, so that the outer edges coincide and not the centres.
        """
        from napari.utils.transforms import Affine

        a, b = np.ones(len(self.shape)), np.zeros(len(self.shape))
        for axis, (size, dim) in enumerate(zip(self.shape, self.dims, strict=True)):
            chosen = self._chosen(dim)
            if dim in ("j", "i"):
                a[axis] = size / plane[0 if dim == "j" else 1]
            elif chosen == "mean":
                a[axis] = size
            b[axis] = chosen if isinstance(chosen, int) else (a[axis] - 1) / 2
            if dim in AXIS_OF and self.scale[axis] < 0:
                a[axis], b[axis] = -a[axis], size - 1 - b[axis]
        transform = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self.shear
        )
        return {
            "scale": tuple(float(s) for s in np.asarray(self.scale) * a),
            "translate": tuple(float(t) for t in transform.linear_matrix @ b + transform.translate),
            "rotate": self.rotate,
            "shear": self.shear,
            "affine": self.affine,
            "units": self.units,
            "axis_labels": self.axis_labels,
        }

    def volume(self, image: xr.DataArray) -> npt.NDArray[np.float32]:
        """A result's pixels with the leading axes of the layer."""
        return image.values.reshape((*self.leading(), *image.shape[-2:]))

    def index(self, plane: int) -> tuple[int, ...]:
        """Place of a plane number in `volume`."""
        return tuple(int(n) for n in np.unravel_index(plane, self.leading() or (1,)))[
            : len(self.shape) - 2
        ]

    def full_dims(self, image: xr.DataArray) -> xr.DataArray:
        """A result as a scan with all the axes of the layer, so that the two stay together."""
        missing = [dim for dim in self.dims[:-2] if dim not in image.dims]
        for dim in missing:
            coord = AXIS_OF.get(dim, dim)
            known = image.coords.get(coord)
            at = 0.0 if known is None or known.ndim else float(known)
            attrs = {} if known is None else known.attrs
            image = image.drop_vars(coord, errors="ignore").expand_dims(dim)
            unit = {"time": "s", "pose": None}.get(dim, "mm")
            image = image.assign_coords(
                {coord: (dim, [at], {"units": unit, **attrs} if unit else {})}
            )
        return image.transpose(*self.dims)

    def world(self, corners: npt.NDArray[np.float64], scan: xr.DataArray) -> dict[str, Any]:
        """Shapes in mm (…, (y, x)) of a 2-D scan as data and transform of a shapes layer."""
        start = np.array([float(scan["y"][0]), float(scan["x"][0])])
        step = np.array([float(scan["y"][1]) - start[0], float(scan["x"][1]) - start[1]])
        data = (corners - start) / step
        lead = np.zeros((*data.shape[:-1], len(self.shape) - 2))
        shape = (scan.sizes["j"], scan.sizes["i"])
        return {"data": np.concatenate([lead, data], axis=-1), **self.layer_kwargs(shape)}

    def _chosen(self, dim: str) -> int | str | None:
        if dim == "k":
            return self.selection.slices
        return self.selection.times if dim == "time" else None


def placement_of(layer: Image, scan: xr.DataArray, selection: Selection) -> Placement:
    """Remember where a layer lies.

    Parameters
    ----------
    layer : napari.layers.Image
    scan : xarray.DataArray
        What `layer_to_scan` made of it (axes of length 1 may be missing).
    selection : Selection
        The part of it that is used.
    """
    data: Any = layer.data[0] if layer.multiscale else layer.data
    shape = tuple(int(n) for n in np.shape(data)[: layer.ndim])
    return Placement(
        shape=shape,
        dims=_dims(len(shape), [str(dim) for dim in scan.dims]),
        selection=selection,
        scale=tuple(float(s) for s in layer.scale),
        translate=tuple(float(t) for t in layer.translate),
        rotate=np.asarray(layer.rotate),
        shear=np.asarray(layer.shear),
        affine=np.asarray(layer.affine.affine_matrix),
        units=tuple(layer.units),
        axis_labels=tuple(layer.axis_labels),
    )


def _dims(ndim: int, present: Sequence[str]) -> tuple[str, ...]:
    """Names of a layer's axes; `layer_to_scan` gives them in this order, less those of length 1."""
    if ndim == 3:
        lead = next((dim for dim in ("time", "pose") if dim in present), "k")
        return (lead, "j", "i")
    if ndim == 4:
        return ("pose" if "pose" in present and "time" not in present else "time", "k", "j", "i")
    return {2: ("j", "i"), 5: ("time", "pose", "k", "j", "i")}[ndim]
