"""The chosen layers as inputs of a run, and what is open about them; nothing here needs Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.layers.identity import LayerId
from napari_fus_ulm._napari.layers.parts import LayerScan, Offer, Question
from napari_fus_ulm._napari.picker.picked import Picked
from napari_fus_ulm._napari.run import Warned
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import LAID, generated_truth
from napari_fus_ulm.tasks.enhance import displacement, mismatch
from napari_fus_ulm.tasks.laying import apart_words, laid_words

if TYPE_CHECKING:
    import xarray as xr

    from napari_fus_ulm.tasks.laying import Beside


@dataclass(frozen=True, slots=True)
class Light:
    """Whether an input looks like fUS.

    Parameters
    ----------
    key : object
        What it was found for: an input and the part of it that is used.
    colour : {"", "green", "yellow", "red"}
        Empty as long as it is not known.
    sentence : str
        What is unusual; empty for green.
    """

    key: object = None
    colour: str = ""
    sentence: str = ""

    @property
    def question(self) -> str:
        """The sentence, and for red what the button asks."""
        if self.colour != "red":
            return self.sentence
        return f"{self.sentence} Vessels would be drawn all the same. Enhance anyway?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The chosen layers as inputs of a run.

    Parameters
    ----------
    image : hashable or None
        Id of the chosen fUS layer.
    usable : bool
        It can be enhanced.
    values : str or None
        How its pixel values are interpreted.
    values_certain : bool
        The file says so; it is not a guess.
    native_um : float or None
        Its native pixel in µm.
    finest_um : float
        The pixel at which the bundled generators work on it, µm.
    spacing_assumed : bool
        Its pixel size is unknown.
    warnings : tuple of Warned
        What is open about it and about the ground truth.
    """

    image: LayerId | None = None
    usable: bool = False
    values: str | None = None
    values_certain: bool = False
    native_um: float | None = None
    finest_um: float = EnhanceSettings().pixel_um
    spacing_assumed: bool = False
    warnings: tuple[Warned, ...] = ()


def describe_input(
    image: LayerId | None,
    fus: LayerScan | None,
    picked: Picked | None,
    ulm: LayerScan | None,
    truth: Picked | None,
    found: Beside | None = None,
) -> Input:
    """Describe the chosen layers.

    Parameters
    ----------
    image : hashable or None
        Id of the fUS layer.
    fus, ulm : LayerScan or None
        The layers as they were read.
    picked, truth : Picked or None
        The parts of them that are used.
    found : Beside, optional
        How far the ULM lies beside the fUS.
    """
    truth_warnings = about_truth(picked, ulm, truth, found)
    if fus is None:
        return Input(image=image, warnings=truth_warnings)
    from napari_fus_ulm.tasks.catalogue import pixels_um

    kinds = {question.kind for question in fus.questions}
    # A guess of the values is shown beside their setting.
    warnings = (warned(one, "fus") for one in fus.questions if one.kind != "values")
    native: float | None = None
    finest = EnhanceSettings().pixel_um
    if "size" not in kinds:  # no gain follows from a size that cannot be
        native, finest = pixels_um(fus.scan, finest)
    return Input(
        image=image,
        usable=True,
        values=fus.scan.attrs["values"],
        values_certain="values" not in kinds,
        native_um=native,
        finest_um=round(finest, 1),
        spacing_assumed="spacing" in kinds,
        warnings=(*warnings, *truth_warnings),
    )


def about_truth(
    picked: Picked | None,
    ulm: LayerScan | None,
    truth: Picked | None,
    found: Beside | None = None,
) -> tuple[Warned, ...]:
    """What is open about the ground truth, and why it cannot be compared."""
    if ulm is None:
        return ()
    warnings = tuple(warned(question, "ulm") for question in ulm.questions)
    if picked is None or truth is None:
        return warnings
    if problem := mismatch(picked.outline, truth.outline):
        return (*warnings, Warned(problem, "ulm"))
    about = (generated_truth(truth.outline), displacement(picked.outline, truth.outline))
    said = (Warned(one) for one in about if one)
    return (*warnings, *said, *about_place(picked.source.layer, truth.outline, found))


def about_place(fus: str, ulm: xr.DataArray, found: Beside | None) -> tuple[Warned, ...]:
    """Offer to lay the ULM on its fUS where they lie apart, and to put it back."""
    warnings = []
    if found is not None and found.apart:
        lay = Offer("Lay it on the fUS", {LAID: found.shift_mm})
        words = apart_words(fus, str(ulm.name), found)
        warnings.append(Warned(words, "", (lay,), "ulm"))
    if words := laid_words(ulm):
        warnings.append(Warned(words, "", (Offer("Put it back", {LAID: None}),), "ulm"))
    return tuple(warnings)


def warned(question: Question, layer: str) -> Warned:
    """Say what is open; only sizes and axes can be corrected in the form below the layer."""
    fix = layer if question.kind in ("spacing", "size", "slices", "leading") else ""
    return Warned(question.text, fix, question.offers, layer)
