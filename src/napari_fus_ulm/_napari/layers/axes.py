"""What the axes of a layer are, by its labels, its units and its transform; nothing needs Qt.

Labels and units name the axes of the world. An axis of the data lies along the world axis that the
layer's whole transform (scale, rotation, affine) puts it on: mirrored, or turned by 90 degrees, a
layer is read as it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fus_ulm._napari.layers.units import dimension, factor, mm_in
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import AXIS_OF, DIMS

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_fus_ulm._napari.layers.parts import LayerParts

NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("t", "time", "times", "frame", "frames", "volume", "repetition"),
    "pose": ("pose", "poses"),
    "k": ("z", "k", "slice", "slices", "elevation", "plane", "ap", "anteroposterior"),
    "j": ("y", "j", "depth", "axial", "row", "rows", "height", "dv", "dorsoventral"),
    "i": ("x", "i", "lateral", "azimuth", "column", "columns", "width", "ml", "mediolateral"),
}
"""Names of axes, as labels have them."""
CHANNELS = ("c", "channel", "channels", "ch")
_DIM_OF = {name: dim for dim, names in NAMES.items() for name in names}
_OF_AXIS = {axis: dim for dim, axis in AXIS_OF.items()}
_WANTED = ("i", "j", "k", "time", "pose")
"""The order in which axes are looked for where no label says which is which."""
_OBLIQUE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis of a layer's data.

    Parameters
    ----------
    dim : str
        Its part in a scan; empty for one of length 1 that a scan has no room for.
    size : int
    world : int
        Number of the world axis along which it lies.
    step, first : float
        Signed distance of neighbouring pixels, and where the first one is, in the layer's unit.
    mm, seconds : float or None
        How many of them are in that unit.
    flipped : bool
        The scan runs the other way.
    """

    dim: str
    size: int
    world: int
    step: float
    first: float
    mm: float | None
    seconds: float | None
    flipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """All axes of a layer's data, in their order.

    Parameters
    ----------
    every : tuple of Axis
    straight : bool
        Each lies along one world axis; else the layer is rotated obliquely, or sheared.
    leading_open : bool
        Nothing says whether the only axis before the plane is slices or times.
    """

    every: tuple[Axis, ...]
    straight: bool
    leading_open: bool

    @property
    def dims(self) -> tuple[str, ...]:
        """The dims of the scan, in its order."""
        present = {axis.dim for axis in self.every}
        return tuple(dim for dim in DIMS if dim in present)

    def of(self, dim: str) -> Axis:
        """The axis that has a part in the scan."""
        return next(axis for axis in self.every if axis.dim == dim)

    def arranged(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A layer's pixels in the order and the direction of the scan."""
        turns = tuple(slice(None, None, -1 if axis.flipped else 1) for axis in self.every)
        order = [n for dim in self.dims for n, axis in enumerate(self.every) if axis.dim == dim]
        spare = [n for n, axis in enumerate(self.every) if not axis.dim]
        turned = image[turns].transpose([*spare, *order])
        return turned.reshape(turned.shape[len(spare) :])


def axes_of(
    parts: LayerParts,
    *,
    carried: Sequence[str] | None = None,
    carried_leading_known: bool = True,
    leading: Literal["slice", "time"] | None = None,
    depth: str = "y",
    flip: str = "",
) -> Axes:
    """Find out what the axes of a layer are.

    Parameters
    ----------
    parts : LayerParts
    carried : sequence of str, optional
        Dims of the array that the layer carries; they name the axes that labels do not.
    carried_leading_known : bool
        False where these take times for slices, or the other way round, for want of a word.
    leading : {"slice", "time"}, optional
        The user's word on the only axis before the plane.
    depth : {"y", "x", "z"}
        The axis that the user says is depth; it changes places with y.
    flip : str
        Those of "y" and "x" that the user says run backwards.

    Raises
    ------
    ScanError
        If they cannot be those of a scan; the sentence names the layer.
    """
    sizes = np.shape(parts.data)
    sizes = sizes[:-1] if parts.rgb and len(sizes) > 2 else sizes
    matrix = parts.world
    along, straight = _along(matrix[:-1, :-1])
    # In the order of the world, which is what is shown and what labels and units are of.
    long = [sizes[along.index(w)] for w in range(len(sizes))]
    labels = [str(label).strip().lower() for label in parts.axis_labels]
    named = _named(labels, parts.units, long, parts.name)
    if carried is not None and not _fit(named, carried):
        carried = None
    dims = _filled(named, long, carried, parts.name)
    lead = [n for n, dim in enumerate(dims) if dim in ("k", "time")]
    open_ = len(lead) == 1 and long[lead[0]] > 1 and leading is None
    if open_:
        word = named[lead[0]]
        # A stack whose file did not say wears the label of what was assumed.
        guessed = carried is not None and not carried_leading_known
        said = word is not None and not (guessed and dims[lead[0]] in (carried or ()))
        open_ = not said and (carried is None or guessed)
    if leading is not None and len(lead) == 1:
        dims[lead[0]] = "time" if leading == "time" else "k"
    _exchange(dims, depth, parts.name)
    middle = matrix[:-1, :-1] @ ((np.asarray(sizes) - 1) / 2) + matrix[:-1, -1]
    every = []
    for n, w in enumerate(along):
        dim, unit, column = dims[w], parts.units[w], matrix[:-1, n]
        step = float(np.copysign(np.linalg.norm(column), column[w])) or 1.0
        flipped = step < 0 and dim not in ("", "pose")
        every.append(
            Axis(
                dim=dim,
                size=int(sizes[n]),
                world=w,
                step=step,
                first=float(middle[w] - step * (sizes[n] - 1) / 2),
                mm=mm_in(unit),
                seconds=factor(unit, "second"),
                flipped=flipped != (AXIS_OF.get(dim, " ") in flip),
            )
        )
    return Axes(every=tuple(every), straight=straight, leading_open=open_)


def _along(linear: npt.NDArray[np.float64]) -> tuple[tuple[int, ...], bool]:
    """The world axis of each data axis, and whether each lies along its own exactly."""
    lengths = np.linalg.norm(linear, axis=0)
    shares = np.abs(linear) / np.where(lengths > 0, lengths, 1.0)
    every = range(len(linear))
    along = max(permutations(every), key=lambda one: sum(shares[w, n] for n, w in enumerate(one)))
    beside = shares.copy()
    beside[list(along), list(every)] = 0.0
    return along, bool(beside.max(initial=0.0) < _OBLIQUE)


def _named(
    labels: Sequence[str], units: Sequence[Any], sizes: Sequence[int], name: str
) -> list[str | None]:
    """The dim of each axis that its label or its unit names; None where neither does."""
    named: list[str | None] = []
    for label, unit, size in zip(labels, units, sizes, strict=True):
        if label in CHANNELS:
            if size > 1:
                raise ScanError(
                    f"The layer “{name}” has {size} channels; choose one first: right-click the "
                    "layer and choose Split Stack."
                )
            named.append("")
            continue
        dim = _DIM_OF.get(label)
        if dim is None and dimension(unit) == "[time]":
            dim = "time"
        named.append(None if dim in named else dim)
    return named


def _fit(named: Sequence[str | None], carried: Sequence[str]) -> bool:
    """Whether the array that a layer carries has as many axes, and all that are named."""
    present = [dim for dim in named if dim != ""]
    return len(present) == len(carried) and {dim for dim in present if dim} <= set(carried)


def _filled(
    named: Sequence[str | None],
    sizes: Sequence[int],
    carried: Sequence[str] | None,
    name: str,
) -> list[str]:
    """The dim of every axis."""
    dims = list(named)
    present = [dim for dim in dims if dim != ""]
    for n, size in enumerate(sizes):  # a reader has put in more axes than there are meanings
        if len(present) > len(DIMS) and size == 1 and dims[n] is None:
            dims[n] = ""
            present = [dim for dim in dims if dim != ""]
    if not 2 <= len(present) <= len(DIMS):
        raise ScanError(
            f"The layer “{name}” has {len(present)} axes; it must have 2 (depth, lateral) to 5."
        )
    if carried is not None:
        rest = iter([dim for dim in carried if dim not in present])
    else:
        room = len(present) - sum(dim is not None for dim in present)
        free = [dim for dim in _WANTED if dim not in present][:room]
        rest = iter([dim for dim in DIMS if dim in free])
    dims = [next(rest) if dim is None else dim for dim in dims]
    for dim in ("j", "i"):
        if dim not in dims and "k" in dims:
            dims[dims.index("k")] = dim  # in a plane called (z, x), z is depth
    if not {"j", "i"} <= set(dims):
        words = ", ".join(AXIS_OF.get(str(dim), str(dim)) for dim in dims if dim)
        raise ScanError(
            f"The axes of the layer “{name}” are {words}; a plane of depth (y) and width (x) was "
            "expected. Correct the layer's axis labels."
        )
    return [str(dim) for dim in dims]


def _exchange(dims: list[str], depth: str, name: str) -> None:
    """Let the axis that the user says is depth change places with y."""
    if depth == "y":
        return
    other = _OF_AXIS[depth]
    if other not in dims:
        raise ScanError(f"The layer “{name}” has no axis {depth} that could be its depth.")
    down, aside = dims.index("j"), dims.index(other)
    dims[down], dims[aside] = other, "j"


def in_world_order(axes: Axes) -> tuple[Axis, ...]:
    """The axes as the world has them: those of a layer that needs no transform but its scale."""
    return tuple(sorted(axes.every, key=lambda axis: axis.world))


def plane_axes_of(layer: Layer) -> list[int]:
    """Numbers of the axes of depth and of width of a layer's data."""
    from napari_fus_ulm._napari.layers.parts import parts_of

    axes = axes_of(parts_of(layer))
    dims = [axis.dim for axis in axes.every]
    return [dims.index("j"), dims.index("i")]
