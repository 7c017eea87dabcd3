"""Napari layers to scans; nothing here needs Qt.

A layer that came from elsewhere may leave open what its values are, how large its pixels are
and what its first axis means. `layer_to_scan` takes the likeliest answer and says so in its
``questions``, which a widget can ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from napari_fus_ulm._napari.layers.axes import Axes, axes_of
from napari_fus_ulm._napari.layers.from_scan import with_slices
from napari_fus_ulm._napari.layers.parts import (
    LayerParts,
    LayerScan,
    Offer,
    Question,
    QuestionKind,
    parts_of,
)
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.colours import grey_levels
from napari_fus_ulm.io.confusius import from_confusius
from napari_fus_ulm.io.guesses import assumed_pixel, factor_to_mm, guess_values, modality_of
from napari_fus_ulm.io.request import is_mask
from napari_fus_ulm.plausible import GIVEN, SLICES_MM, doubt, length, likely_factor
from napari_fus_ulm.scan import (
    ASSUMED_SLICE_MM,
    AXIS_OF,
    GAPS_KNOWN,
    LAID,
    check_scan,
    doubts_of,
    extent_of,
    gaps_in,
    make_scan,
    scrubbed_frames,
    share_in_words,
    spacing_of,
    step_of,
)

if TYPE_CHECKING:
    from napari.layers import Layer

_MARKS: dict[QuestionKind, dict[str, bool]] = {
    "slices": {"slice_spacing_known": False},
    "leading": {"leading_axis_known": False},
    "values": {"values_guessed": True},
}
"""How a scan says that something about it was assumed."""


def layer_to_scan(layer: Layer, **answers: Any) -> LayerScan:
    """Take a napari image layer as a scan.

    Accepted: layers of this plugin and of ConfUSIus (``metadata["xarray"]``), 2-D images, stacks,
    films, and screenshots in grey or in a known colour map. Axis labels, units (any length) and the
    whole transform of the layer hold, even where its metadata say otherwise.

    Parameters
    ----------
    layer : napari.layers.Image
    **answers
        See `scan_of_parts`.

    Returns
    -------
    LayerScan

    Raises
    ------
    ScanError
        If the layer is no image, or its axes cannot be those of one.
    """
    return scan_of_parts(parts_of(layer), **answers)


def scan_of_parts(
    parts: LayerParts,
    *,
    values: str | None = None,
    spacing: Sequence[float] | float | None = None,
    leading: Literal["slice", "time"] | None = None,
    modality: str | None = None,
    depth: str = "y",
    flip: str = "",
    gaps: bool = False,
) -> LayerScan:
    """Do what `layer_to_scan` says, from the parts of a layer (a writer has no layer).

    Parameters
    ----------
    parts : LayerParts
    values : {"linear", "sqrt", "cbrt", "db", "display"}, optional
        The answer to the question of the values.
    spacing : float or sequence of float, optional
        The answer to the question of the pixel size, ``(dy, dx)`` or ``(dz, dy, dx)`` in mm.
    leading : {"slice", "time"}, optional
        The answer to the question what the first of three axes is.
    modality : {"fus", "ulm", "unknown"}, optional
        What was imaged; guessed from metadata and name otherwise.
    depth : {"y", "x", "z"}
        The axis that is depth.
    flip : str
        Which of "y" and "x" run backwards.
    gaps : bool
        Pixels without a value have no signal.
    """
    label = parts.name or "image"
    image: npt.NDArray[Any] = np.asarray(parts.data)
    if image.dtype.kind == "c":
        raise ScanError(
            f"The layer “{label}” holds complex values (IQ data?). Power Doppler was expected: the "
            "mean over time of the squared magnitude, after the clutter filter."
        )
    colour = parts.rgb and image.ndim > 2
    raw, remark = grey_levels(image, label) if colour else (image, "")
    carried, axes = _carried_and_axes(parts, leading=leading, depth=depth, flip=flip)
    attrs = {} if carried is None else dict(carried.attrs)
    dims = axes.dims
    remarks = [remark] if remark else []
    questions = [Question(kind="file", text=text) for text in remarks]
    if not axes.straight:
        text = (
            f"“{label}” is rotated or sheared by its transform; the image is used as it is stored, "
            "with the pixel size of the transform, and the result is laid on it."
        )
        questions.append(Question(kind="transform", text=text, assumed="no transform"))
    stored = str(attrs.pop("modality", "unknown"))
    kind = modality or (stored if stored != "unknown" else _modality_by_name(parts))
    if axes.leading_open:
        text = (
            f"The {axes.of(dims[0]).size} images of “{label}” may be slices or time points; slices "
            "assumed."
        )
        choices = ("slice", "time")
        offers = tuple(
            Offer(word, {"leading": choice})
            for word, choice in zip(("Slices", "Time points"), choices, strict=True)
        )
        questions.append(
            Question(kind="leading", text=text, assumed="slice", choices=choices, offers=offers)
        )
    step, known, open_questions = _steps_of(axes, carried, spacing, kind, label)
    questions += open_questions
    stored_values = str(attrs.pop("values", "unknown"))
    chosen, open_questions = _values_of(
        raw, values, stored_values, bool(attrs.pop("values_guessed", False)), colour, label
    )
    questions += open_questions

    was_given = attrs.pop(GIVEN, False) and carried is not None and _steps_hold(step, carried)
    for key in ("spacing_known", "leading_axis_known", "slice_spacing_known"):
        attrs.pop(key, None)
    # What is still open stays marked, so that a saved guess does not come back as a fact.
    still_open = {question.kind for question in questions}
    for question, mark in _MARKS.items():
        if question in still_open:
            attrs |= mark
    if spacing is not None or was_given:
        attrs[GIVEN] = True
    if gaps:
        attrs[GAPS_KNOWN] = True
    if LAID in parts.metadata:  # in the viewer; before, the file may have said so
        attrs[LAID] = parts.metadata[LAID]
    times = _times_of(axes, carried)
    if "time" not in dims or times is None:
        attrs.pop("time_known", None)  # make_scan says so itself
    source = str(attrs.pop("source", "") or parts.source or f"layer {label}")
    scan = make_scan(
        axes.arranged(raw),
        dims=dims,
        spacing=[step[d] for d in AXIS_OF],
        origin=_origin_of(axes, step),
        modality=kind,
        values_kind=chosen,
        source=source,
        spacing_known=known,
        time=times,
        name=parts.name or None,
    )
    # Not as keywords: an attribute may be called "name" or "origin".
    scan = scan.assign_attrs(attrs)
    questions = _about_size(scan, questions, label)
    questions += _about_gaps(scan, label)
    told = {"spacing", "leading"}  # which the layer is asked about itself
    doubts = [text for subject, text in doubts_of(scan).items() if subject not in told]
    if not doubts and kind != "ulm" and is_mask(raw):
        doubts.append(f"“{label}” holds two values only, as a mask does.")
    questions += [Question(kind="file", text=text) for text in doubts]
    single = {d: 0 for d in ("time", "pose") if scan.sizes.get(d) == 1}
    scan = scan.isel(single, drop=True)
    array: Any = parts.metadata.get("xarray")
    if carried is not None and not {"k", "z"} & set(array.dims) and scan.sizes.get("k") == 1:
        # The slice axis was put in for napari's sliders only; a slice's place is kept.
        scan = scan.isel(k=0, drop="z" not in array.coords)
    return LayerScan(scan=scan, axes=axes, questions=tuple(questions), name=parts.name)


def _carried_and_axes(parts: LayerParts, **words: Any) -> tuple[xr.DataArray | None, Axes]:
    """The scan that a layer carries, when it still fits the layer's pixels; and the axes."""
    carried = _carried_scan(parts)
    if carried is not None:
        known = bool(carried.attrs.get("leading_axis_known", True))
        dims = tuple(str(dim) for dim in carried.dims)
        axes = axes_of(parts, carried=dims, carried_leading_known=known, **words)
        # In any order: the layer may be turned, or labelled otherwise.
        sizes = sorted(axis.size for axis in axes.every if axis.dim)
        if sizes == sorted(carried.shape):
            return carried, axes
    return None, axes_of(parts, **words)


def _carried_scan(parts: LayerParts) -> xr.DataArray | None:
    carried = parts.metadata.get("xarray")
    if not isinstance(carried, xr.DataArray) or parts.rgb:
        return None
    try:
        return with_slices(check_scan(carried))
    except ScanError:
        try:
            return from_confusius(carried)
        except ScanError:
            return None


def _modality_by_name(parts: LayerParts) -> str:
    from pathlib import Path

    guess = modality_of(Path(parts.name or "image"))
    return guess if guess != "unknown" or parts.source is None else modality_of(parts.source)


def _steps_of(
    axes: Axes,
    carried: xr.DataArray | None,
    spacing: Sequence[float] | float | None,
    modality: str,
    label: str,
) -> tuple[dict[str, float], bool, list[Question]]:
    """Return the pixel size (mm) along k, j, i, whether it is known, and what is open."""
    scale = {axis.dim: abs(axis.step) for axis in axes.every if axis.dim in AXIS_OF}
    unit = {axis.dim: axis.mm for axis in axes.every if axis.dim in AXIS_OF}
    plain = [scale[d] for d in "ji"]
    read = _factor_of(plain)
    known = unit["j"] is not None and unit["i"] is not None
    assumed = assumed_pixel(modality)
    step = {d: _in_mm(scale[d], unit[d], read, assumed, min(plain)) for d in "ji"}
    if known and carried is not None and not carried.attrs.get("spacing_known", True):
        known = not _steps_hold(step, carried)
    slices_known = carried is None or carried.attrs.get("slice_spacing_known", True)
    if "k" in scale:
        bare, mm = unit["k"] is None, unit["k"] or read or unit["j"]
        step["k"] = ASSUMED_SLICE_MM if mm is None else scale["k"] * mm
        # Of a scale without a unit only numbers that can be a distance of slices count.
        if bare and (scale["k"] == 1.0 or not SLICES_MM[0] <= step["k"] <= SLICES_MM[1]):
            step["k"], slices_known = ASSUMED_SLICE_MM, False
    questions: list[Question] = []
    given: list[float] = []
    if spacing is not None:
        given = [float(spacing)] * 2 if isinstance(spacing, int | float) else list(spacing)
        for dim, side in zip(("i", "j", "k"), given[::-1], strict=False):
            if dim in step:
                step[dim] = float(side)
        known = True
    elif not known:
        questions.append(_about_spacing(step, read, plain, label))
    if "k" in scale and not slices_known and len(given) < 3:
        far = f"{step['k']:g} mm"
        text = f"The slice spacing of “{label}” is unknown; {far} assumed."
        questions.append(Question(kind="slices", text=text, assumed=far))
    step.setdefault("k", ASSUMED_SLICE_MM)
    return step, known, questions


def _factor_of(plain: Sequence[float]) -> float | None:
    """The unit (mm) of a scale that states none, where it can be that of ultrasound in one only."""
    return None if all(size == 1.0 for size in plain) else factor_to_mm(plain)


def _in_mm(
    scale: float, unit: float | None, read: float | None, assumed: float, finest: float
) -> float:
    if unit is not None:
        return scale * unit
    return scale * read if read is not None else scale / finest * assumed


def _about_spacing(
    step: dict[str, float], read: float | None, plain: Sequence[float], label: str
) -> Question:
    size = f"{step['j']:g} × {step['i']:g} mm"
    text = f"The pixel size of “{label}” is unknown; {size} assumed."
    if read is not None:
        text = (
            f"The scale of “{label}” has no unit; its pixel size of {plain[0]:g} × {plain[1]:g} is "
            f"assumed to mean {size}."
        )
    offers = (Offer(_pixel_words(step["j"], step["i"]), {"spacing": (step["j"], step["i"])}),)
    return Question(kind="spacing", text=text, assumed=size, offers=offers)


def _about_size(scan: xr.DataArray, questions: list[Question], label: str) -> list[Question]:
    """Ask about a size that cannot be true, instead of about one that is merely assumed."""
    text = doubt(scan)
    if not text:
        return questions
    dy, dx = spacing_of(scan)
    offers = []
    if (factor := likely_factor(scan)) is not None:
        offers.append(Offer(_pixel_words(dy * factor, dx * factor), _spacing(scan, factor)))
    if not doubt(scan.assign_attrs({GIVEN: True})):
        wide = length(extent_of(scan)[1])
        offers.append(Offer(f"It is {wide} wide", _spacing(scan, 1.0)))
    question = Question(kind="size", text=f"“{label}”: {text}", offers=tuple(offers), blocks=True)
    return [question, *(one for one in questions if one.kind != "spacing")]


def _spacing(scan: xr.DataArray, factor: float) -> dict[str, Any]:
    """What an offer of a size changes about the corrections."""
    dy, dx = spacing_of(scan)
    changes: dict[str, Any] = {"spacing": (dy * factor, dx * factor)}
    if scan.sizes.get("k", 1) > 1 and scan.attrs.get("slice_spacing_known", True):
        apart = step_of(scan, "k")
        fits = SLICES_MM[0] <= apart * factor <= SLICES_MM[1]
        changes["slice_mm"] = apart * factor if fits else apart
    return changes


def _pixel_words(dy: float, dx: float) -> str:
    down, across = f"{1e3 * dy:.4g}", f"{1e3 * dx:.4g}"
    return f"{across} µm pixels" if down == across else f"{across} × {down} µm pixels"


def _about_gaps(scan: xr.DataArray, label: str) -> list[Question]:
    """What is open about pixels and frames without a value."""
    gaps = gaps_in(scan.values)
    if gaps in (0, scan.size):  # a run says that there is nothing
        return []
    questions = []
    empty = scrubbed_frames(scan)
    if 0 < len(empty) < scan.sizes.get("time", 1):
        numbers = ", ".join(str(n + 1) for n in empty)
        text = f"Time points of “{label}” without any value, left out of a mean: {numbers}."
        questions.append(Question(kind="scrubbed", text=text))
        gaps = gaps_in(scan.drop_isel(time=list(empty)).values)
    if gaps and not scan.attrs.get(GAPS_KNOWN, False) and scan.attrs["modality"] != "ulm":
        much = share_in_words(gaps, scan.size)
        text = f"{much} of the pixels of “{label}” have no value (NaN or −∞)."
        offer = Offer("Treat as no signal", {"gaps": True})
        questions.append(Question(kind="gaps", text=text, offers=(offer,), blocks=True))
    return questions


def _steps_hold(step: dict[str, float], carried: xr.DataArray) -> bool:
    """Whether a layer still has the pixel size of the scan that it carries."""
    return all(np.isclose(step[d], step_of(carried, d)) for d in "ji")


def _origin_of(axes: Axes, step: dict[str, float]) -> list[float]:
    """Centre of the first pixel (mm) along k, j, i.

    It scales with the pixel size where that is not the layer's.
    """
    origin = []
    for dim in AXIS_OF:
        if dim not in axes.dims:
            origin.append(0.0)
            continue
        axis = axes.of(dim)
        lowest = min(axis.first, axis.first + axis.step * (axis.size - 1))
        origin.append(lowest * step[dim] / abs(axis.step))
    return origin


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


def _times_of(axes: Axes, carried: xr.DataArray | None) -> npt.NDArray[np.float64] | None:
    if "time" not in axes.dims:
        return None
    axis = axes.of("time")
    if carried is not None and carried.sizes.get("time") == axis.size:
        return np.asarray(carried["time"].values, dtype=float)
    if axis.seconds is None:
        return None
    times = (axis.first + axis.step * np.arange(axis.size, dtype=np.float64)) * axis.seconds
    return np.sort(times)
