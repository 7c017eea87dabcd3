"""Napari layers to scans; nothing here needs Qt.

A layer that came from elsewhere may leave open what its values are, how large its pixels are
and what its first axis means. `layer_to_scan` takes the likeliest answer and says so in its
``questions``, which a widget can ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm._napari.layers.from_scan import with_slices
from napari_fus_ulm._napari.layers.parts import (
    LayerParts,
    LayerScan,
    Question,
    QuestionKind,
    parts_of,
)
from napari_fus_ulm._napari.layers.units import dimension, factor, mm_in
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.colours import luminance
from napari_fus_ulm.io.confusius import from_confusius
from napari_fus_ulm.io.guesses import assumed_pixel, guess_values, length_in_mm, modality_of
from napari_fus_ulm.scan import ASSUMED_SLICE_MM, AXIS_OF, DIMS, check_scan, make_scan, step_of

if TYPE_CHECKING:
    from napari.layers import Layer

_MARKS: dict[QuestionKind, dict[str, bool]] = {
    "slices": {"slice_spacing_known": False},
    "leading": {"leading_axis_known": False},
    "values": {"values_guessed": True},
}
"""How a scan says that something about it was assumed."""


def layer_to_scan(
    layer: Layer,
    *,
    values: str | None = None,
    spacing: Sequence[float] | float | None = None,
    leading: Literal["slice", "time"] | None = None,
    modality: str | None = None,
) -> LayerScan:
    """Take a napari image layer as a scan.

    Accepted: layers of this plugin and of ConfUSIus (``metadata["xarray"]``), 2-D images, stacks,
    films, and colour screenshots (by their luminance). Scale, translate and units (any length) of
    the layer hold, even where its metadata say otherwise.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer.
    values : {"linear", "sqrt", "cbrt", "db", "display"}, optional
        The answer to the question of the values.
    spacing : float or sequence of float, optional
        The answer to the question of the pixel size, ``(dy, dx)`` or ``(dz, dy, dx)`` in mm.
    leading : {"slice", "time"}, optional
        The answer to the question what the first of three axes is.
    modality : {"fus", "ulm", "unknown"}, optional
        What was imaged; guessed from metadata and name otherwise.

    Returns
    -------
    LayerScan

    Raises
    ------
    ScanError
        If the layer is no image, or its axes cannot be those of one.
    """
    return scan_of_parts(
        parts_of(layer), values=values, spacing=spacing, leading=leading, modality=modality
    )


def scan_of_parts(
    parts: LayerParts,
    *,
    values: str | None = None,
    spacing: Sequence[float] | float | None = None,
    leading: Literal["slice", "time"] | None = None,
    modality: str | None = None,
) -> LayerScan:
    """Do what `layer_to_scan` says, from the parts of a layer (a writer has no layer)."""
    label = parts.name or "image"
    image: npt.NDArray[Any] = np.asarray(parts.data)
    colour = parts.rgb and image.ndim > 2
    raw = luminance(image) if colour else image
    carried = _carried_scan(parts, raw)
    attrs = {} if carried is None else dict(carried.attrs)
    questions: list[Question] = []
    if parts.tilted:
        text = f"“{label}” is rotated, sheared or moved; the image is used without this transform."
        questions.append(Question(kind="transform", text=text, assumed="no transform"))

    stored = str(attrs.pop("modality", "unknown"))
    kind = modality or (stored if stored != "unknown" else _modality_by_name(parts))
    dims, open_questions = _dims_of(parts, raw, carried, leading, label)
    questions += open_questions
    step, start, known, open_questions = _place_of(parts, dims, carried, spacing, kind, label)
    questions += open_questions
    stored_values = str(attrs.pop("values", "unknown"))
    chosen, open_questions = _values_of(
        raw, values, stored_values, bool(attrs.pop("values_guessed", False)), colour, label
    )
    questions += open_questions

    for key in ("spacing_known", "leading_axis_known", "slice_spacing_known"):
        attrs.pop(key, None)
    # What is still open stays marked, so that a saved guess does not come back as a fact.
    still_open = {question.kind for question in questions}
    for question, mark in _MARKS.items():
        if question in still_open:
            attrs |= mark
    times = _times_of(parts, dims, carried)
    if "time" not in dims or times is None:
        attrs.pop("time_known", None)  # make_scan says so itself
    source = str(attrs.pop("source", "") or parts.source or f"layer {label}")
    scan = make_scan(
        _turned(raw, dims, step, start),
        dims=dims,
        spacing=[abs(step[d]) for d in AXIS_OF],
        origin=[start[d] for d in AXIS_OF],
        modality=kind,
        values_kind=chosen,
        source=source,
        spacing_known=known,
        time=times,
        name=parts.name or None,
    )
    # Not as keywords: an attribute may be called "name" or "origin".
    scan = scan.assign_attrs(attrs)
    single = {d: 0 for d in ("time", "pose") if scan.sizes.get(d) == 1}
    scan = scan.isel(single, drop=True)
    array: Any = parts.metadata.get("xarray")
    if carried is not None and not {"k", "z"} & set(array.dims) and scan.sizes.get("k") == 1:
        # The slice axis was put in for napari's sliders only; a slice's place is kept.
        scan = scan.isel(k=0, drop="z" not in array.coords)
    return LayerScan(
        scan=scan,
        questions=tuple(questions),
        name=parts.name,
    )


def _carried_scan(parts: LayerParts, image: npt.NDArray[Any]) -> xr.DataArray | None:
    """Return the scan that a layer carries, when it still fits the layer's pixels."""
    carried = parts.metadata.get("xarray")
    if not isinstance(carried, xr.DataArray) or parts.rgb:
        return None
    try:
        scan = with_slices(check_scan(carried))
    except ScanError:
        try:
            scan = from_confusius(carried)
        except ScanError:
            return None
    return scan if scan.shape == image.shape else None


def _modality_by_name(parts: LayerParts) -> str:
    from pathlib import Path

    guess = modality_of(Path(parts.name or "image"))
    return guess if guess != "unknown" or parts.source is None else modality_of(parts.source)


def _dims_of(
    parts: LayerParts,
    image: npt.NDArray[Any],
    carried: xr.DataArray | None,
    leading: Literal["slice", "time"] | None,
    label: str,
) -> tuple[tuple[str, ...], list[Question]]:
    if carried is not None and carried.attrs.get("leading_axis_known", True) and leading is None:
        return tuple(str(dim) for dim in carried.dims), []
    table = {2: ("j", "i"), 3: ("k", "j", "i"), 4: ("time", "k", "j", "i"), 5: DIMS}
    if image.ndim not in table:
        raise ScanError(
            f"The layer “{label}” has {image.ndim} axes; it must have 2 (depth, lateral) to 5."
        )
    dims = table[image.ndim]
    if image.ndim != 3:
        return dims, []
    if leading is not None:
        return (("time", "j", "i") if leading == "time" else dims), []
    first = parts.axis_labels[-3].lower()
    if first in ("t", "time", "frame") or dimension(parts.units[-3]) == "[time]":
        return ("time", "j", "i"), []
    certain = first in ("z", "k", "slice", "elevation")
    if carried is None and certain:
        return dims, []
    text = f"The {image.shape[0]} images of “{label}” may be slices or time points; slices assumed."
    question = Question(kind="leading", text=text, assumed="slice", choices=("slice", "time"))
    return dims, [question]


def _place_of(
    parts: LayerParts,
    dims: tuple[str, ...],
    carried: xr.DataArray | None,
    spacing: Sequence[float] | float | None,
    modality: str,
    label: str,
) -> tuple[dict[str, float], dict[str, float], bool, list[Question]]:
    """Return step and start (mm, signed) of k, j, i, and what is open."""
    scale = dict(zip(dims, parts.scale[-len(dims) :], strict=True))
    translate = dict(zip(dims, parts.translate[-len(dims) :], strict=True))
    mm = mm_in(parts.units[-1])
    unitless = mm is None
    known = not unitless
    questions: list[Question] = []
    if mm is None:
        # A scale without a unit is most likely mm, when it is that of an ultrasound image.
        likely = {length_in_mm(abs(scale[d])) == abs(scale[d]) for d in "ji"}
        unscaled = all(abs(scale[d]) == 1.0 for d in "ji")
        mm = 1.0 if likely == {True} and not unscaled else assumed_pixel(modality)
    if carried is not None and not carried.attrs.get("spacing_known", True):
        unchanged = all(np.isclose(abs(scale[d]) * mm, step_of(carried, d)) for d in "ji")
        known = known and not unchanged
    step: dict[str, float] = {d: scale[d] * mm for d in AXIS_OF if d in dims}
    start: dict[str, float] = {d: translate[d] * mm for d in AXIS_OF if d in dims}
    given: list[float] = []
    if spacing is not None:
        given = [float(spacing)] * 3 if isinstance(spacing, int | float) else list(spacing)
        for dim, side in zip(("i", "j", "k"), given[::-1], strict=False):
            if dim in step:
                ratio = side / abs(step[dim])
                start[dim] *= ratio
                step[dim] *= ratio
        known = True
    elif not known:
        size = f"{abs(step['j']):g} × {abs(step['i']):g} mm"
        text = f"The pixel size of “{label}” is unknown; {size} assumed."
        questions.append(Question(kind="spacing", text=text, assumed=size))
    slices_known = carried is None or carried.attrs.get("slice_spacing_known", True)
    if "k" in dims and "k" in step:
        if unitless and abs(scale["k"]) == 1.0:
            step["k"] = ASSUMED_SLICE_MM if step["k"] > 0 else -ASSUMED_SLICE_MM
            slices_known = False
        if not slices_known and (isinstance(spacing, int | float) or len(given) < 3):
            far = f"{abs(step['k']):g} mm"
            text = f"The slice spacing of “{label}” is unknown; {far} assumed."
            questions.append(Question(kind="slices", text=text, assumed=far))
    step.setdefault("k", ASSUMED_SLICE_MM)
    start.setdefault("k", 0.0)
    return step, start, known, questions


def _values_of(
    image: npt.NDArray[Any],
    given: str | None,
    stored: str,
    stored_is_guess: bool,
    colour: bool,
    label: str,
) -> tuple[str, list[Question]]:
    if given is not None:
        return given, []
    if stored != "unknown" and not stored_is_guess:
        return stored, []
    guess = "display" if colour else stored if stored != "unknown" else guess_values(image)
    text = f"The values of “{label}” are taken as {guess}; the file does not store their scale."
    choices = ("linear", "sqrt", "cbrt", "db", "display")
    return guess, [Question(kind="values", text=text, assumed=guess, choices=choices)]


def _turned(
    image: npt.NDArray[Any],
    dims: tuple[str, ...],
    step: Mapping[str, float],
    start: dict[str, float],
) -> npt.NDArray[Any]:
    """Turn backward axes (negative scale) round; their first pixel is then the last one."""
    for axis, dim in enumerate(dims):
        if dim in step and step[dim] < 0:
            start[dim] += step[dim] * (image.shape[axis] - 1)
            image = np.flip(image, axis)
    return image


def _times_of(
    parts: LayerParts, dims: tuple[str, ...], carried: xr.DataArray | None
) -> npt.NDArray[np.float64] | None:
    if "time" not in dims:
        return None
    axis = len(parts.scale) - len(dims) + dims.index("time")
    if carried is not None and "time" in carried.dims:
        return np.asarray(carried["time"].values, dtype=float)
    seconds = factor(parts.units[axis], "second")
    if seconds is None:
        return None
    frames = np.asarray(parts.data).shape[dims.index("time")]
    frame = np.arange(frames, dtype=np.float64)
    return (parts.translate[axis] + parts.scale[axis] * frame) * seconds
