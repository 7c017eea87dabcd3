"""Where a result lies: exactly on the layer it was made from, in any world coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm._napari.layers.axes import Axes, Axis, in_world_order
from napari_fus_ulm.scan import AXIS_OF, DIMS
from napari_fus_ulm.selection import Selection

if TYPE_CHECKING:
    from napari.layers import Image

_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A layer's world, remembered: the layer may be gone when the result comes.

    Parameters
    ----------
    axes : tuple of Axis
        In the order of the result's: that of the world, where each axis of the layer lies along one
        of the world's; then scale and translation say all about the result's place.
    selection : Selection
        The part of it that was used.
    units, axis_labels : tuple
        As the layer has them.
    turned : mapping
        Scale, translation, rotation, shear and affine of a layer that lies obliquely; else empty.
    """

    axes: tuple[Axis, ...]
    selection: Selection
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]
    turned: Mapping[str, Any]

    @property
    def plane_axes(self) -> tuple[int, int]:
        """Numbers of the axes of depth and of width."""
        dims = [axis.dim for axis in self.axes]
        return dims.index("j"), dims.index("i")

    @property
    def part(self) -> str:
        """The part that was used, where it is one of several: “slice 3”, “time 5”."""
        words = {"k": "slice", "time": "time"}
        chosen = ((axis, self._chosen(axis.dim)) for axis in self.axes if axis.size > 1)
        return " · ".join(
            f"{words[axis.dim]} {number + 1}" for axis, number in chosen if isinstance(number, int)
        )

    def shape(self, plane: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a result whose planes have this shape: as many axes as the layer has."""
        side = dict(zip("ji", plane, strict=True))
        return tuple(
            side.get(axis.dim, axis.size if self._chosen(axis.dim) is None else 1)
            for axis in self.axes
        )

    def layer_kwargs(
        self, plane: tuple[int, int], part: tuple[int, int, int, int] | None = None
    ) -> dict[str, Any]:
        """Where a result with planes of this shape lies, as arguments of a layer.

        Along each axis the layer's pixel number is ``a·x + b`` of the result's pixel number x:
        pixels are areas, so that the outer edges coincide and not the centres.

        Parameters
        ----------
        plane : tuple of int
            Rows and columns.
        part : tuple of int, optional
            Of a result of a region: its first row and column, and the shape of the whole.
        """
        first_pixel, whole = ((0, 0), plane) if part is None else (part[:2], part[2:])
        ndim = len(self.axes)
        a, b = np.ones(ndim), np.zeros(ndim)
        for n, axis in enumerate(self.axes):
            chosen = self._chosen(axis.dim)
            if axis.dim in ("j", "i"):
                a[n] = axis.size / whole["ji".index(axis.dim)]
            elif chosen == "mean":
                a[n] = axis.size
            b[n] = chosen if isinstance(chosen, int) else (a[n] - 1) / 2
            if axis.dim in ("j", "i"):
                b[n] += a[n] * first_pixel["ji".index(axis.dim)]
            if axis.flipped:
                a[n], b[n] = -a[n], axis.size - 1 - b[n]
        common = {"units": self.units, "axis_labels": self.axis_labels}
        if self.turned:
            return {**_scaled(self.turned, a, b), **common}
        step, first = (np.array([getattr(x, w) for x in self.axes]) for w in ("step", "first"))
        return {
            "scale": tuple(float(s) for s in step * a),
            "translate": tuple(float(t) for t in first + step * b),
            "rotate": np.eye(ndim),
            "shear": np.zeros(ndim * (ndim - 1) // 2),
            "affine": np.eye(ndim + 1),
            **common,
        }

    def volume(self, image: xr.DataArray) -> npt.NDArray[np.float32]:
        """A result's pixels with the axes of the layer."""
        order = [axis.dim for axis in self.axes if axis.dim]
        ordered = self.full_dims(image).transpose(*order)
        return ordered.values.reshape(self.shape(image.shape[-2:]))

    def put(self, volume: npt.NDArray[Any], number: int, plane: npt.NDArray[Any]) -> None:
        """Put a plane of a number into what `volume` has made, or an array of its shape."""
        place = self._place(number, plane.shape)
        down, across = self.plane_axes
        volume[place] = plane if down < across else plane.T

    def pixel_of(self, number: int, plane: tuple[int, ...]) -> tuple[float, ...]:
        """A pixel in the middle of a plane of a number, of planes of this shape."""
        middle = (size // 2 for size in self.shape(plane))
        at = zip(self._place(number, plane), middle, strict=True)
        return tuple(float(half if isinstance(one, slice) else one) for one, half in at)

    def _place(self, number: int, plane: tuple[int, ...]) -> tuple[int | slice, ...]:
        """Where a plane lies in an array of `shape`."""
        sizes = dict(zip((axis.dim for axis in self.axes), self.shape(plane), strict=True))
        lead = [dim for dim in DIMS[:-2] if dim in sizes]
        numbers = np.unravel_index(number, [sizes[dim] for dim in lead]) if lead else ()
        at = {dim: int(one) for dim, one in zip(lead, numbers, strict=True)}
        return tuple(
            slice(None) if axis.dim in ("j", "i") else at.get(axis.dim, 0) for axis in self.axes
        )

    def full_dims(self, image: xr.DataArray) -> xr.DataArray:
        """A result as a scan with all the axes of the layer, so that the two stay together."""
        present = [axis.dim for axis in self.axes if axis.dim]
        for dim in present:
            if dim in image.dims:
                continue
            coord = AXIS_OF.get(dim, dim)
            known = image.coords.get(coord)
            at = 0.0 if known is None or known.ndim else float(known)
            attrs = {} if known is None else known.attrs
            image = image.drop_vars(coord, errors="ignore").expand_dims(dim)
            unit = {"time": "s", "pose": None}.get(dim, "mm")
            image = image.assign_coords(
                {coord: (dim, [at], {"units": unit, **attrs} if unit else {})}
            )
        return image.transpose(*(dim for dim in DIMS if dim in present))

    def world(self, corners: npt.NDArray[np.float64], scan: xr.DataArray) -> dict[str, Any]:
        """Shapes in mm (…, (y, x)) of a 2-D scan as data and transform of a shapes layer."""
        start = np.array([float(scan["y"][0]), float(scan["x"][0])])
        step = np.array([float(scan["y"][1]) - start[0], float(scan["x"][1]) - start[1]])
        data = np.zeros((*corners.shape[:-1], len(self.axes)))
        data[..., list(self.plane_axes)] = (corners - start) / step
        shape = (scan.sizes["j"], scan.sizes["i"])
        return {"data": data, **self.layer_kwargs(shape)}

    def _chosen(self, dim: str) -> int | str | None:
        if dim == "k":
            return self.selection.slices
        return self.selection.times if dim == "time" else None


def placement_of(layer: Image, axes: Axes, selection: Selection) -> Placement:
    """Remember where a layer lies.

    Parameters
    ----------
    layer : napari.layers.Image
    axes : Axes
        What they are, as `layer_to_scan` has found.
    selection : Selection
        The part of it that is used.
    """
    turned = {} if axes.straight else {name: getattr(layer, name) for name in _TRANSFORM}
    return Placement(
        axes=in_world_order(axes) if axes.straight else axes.every,
        selection=selection,
        units=tuple(layer.units),
        axis_labels=tuple(layer.axis_labels),
        turned=turned,
    )


def _scaled(turned: Mapping[str, Any], a: npt.NDArray[Any], b: npt.NDArray[Any]) -> dict[str, Any]:
    """A layer's transform before which pixel numbers become ``a·x + b``."""
    from napari.utils.transforms import Affine

    inner = Affine(**{name: turned[name] for name in _TRANSFORM[:-1]})
    return {
        **turned,
        "scale": tuple(float(s) for s in np.asarray(turned["scale"]) * a),
        "translate": tuple(float(t) for t in inner.linear_matrix @ b + inner.translate),
        "affine": np.asarray(turned["affine"].affine_matrix),
    }
