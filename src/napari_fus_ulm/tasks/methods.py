"""What a paper says about a result: a paragraph for its methods, and what it cites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_fus_ulm import __version__
from napari_fus_ulm.tasks.catalogue import entry

TITLE = "napari-fus-ulm: from functional ultrasound to a ULM-like image in napari"
AUTHORS = "napari-fus-ulm developers"
STUDY = "Sebia, Guyet, Berry, Kim, Alexander and Vidal (2026)"
"""Whose comparison of the generators the package follows."""
CAVEAT = (
    "The image is generated: what it shows beyond the power Doppler image is a prediction of the "
    "model, not a measurement."
)


def methods_text(provenance: Mapping[str, Any]) -> str:
    """Return a paragraph on how a result was made, from its provenance alone.

    Parameters
    ----------
    provenance : mapping
        Of an `Enhancement`, or of a layer or a file that keeps it.
    """
    settings = provenance["settings"]
    rows, columns = provenance["pixel_um"]
    size = f"{rows:.3g}" if abs(rows - columns) < 0.05 else f"{columns:.3g} × {rows:.3g}"
    sentences = [
        f"The power Doppler image was turned into an image like one of ultrasound localization "
        f"microscopy (ULM) with {provenance['software']} ({_generator(provenance)}; weights "
        f"{provenance['weights']}, SHA-256 {provenance['weights_sha256'][:12]}…).",
        _learnt(provenance),
        _drawn(settings, provenance),
        f"Pixels of the result are {size} µm (a gain of {provenance['gain']:.2g} over the native "
        "sampling, in pixels and not in resolution).",
    ]
    if settings.get("region"):
        sentences.append("Only a part of the image was drawn.")
    about = provenance.get("familiarity", {}).get("sentence")
    if about:
        sentences.append(f"The software noted of the input: “{about}”")
    return " ".join([*sentences, CAVEAT])


def _generator(provenance: Mapping[str, Any]) -> str:
    name = provenance.get("generator_title") or entry(provenance["settings"]["generator"]).title
    return f"generator {name}"


def _learnt(provenance: Mapping[str, Any]) -> str:
    data = provenance.get("learnt_from")
    if not data:
        return "What the weights have learnt from is not recorded."
    return f"The weights have learnt from {data}."


def _drawn(settings: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    seed, precision = settings["seed"], provenance["precision"]
    end = f"(seed {seed}, {precision} on {provenance['device']}, torch {provenance['torch']})"
    if not provenance.get("has_modes", True):
        return f"One image was drawn {end}."
    steps = f"{settings['steps']} evaluations"
    kind = {
        "around-mean": f"around the conditional mean (departure {settings['departure']:g})",
        "ddim": "by DDIM",
        "ancestral": "by ancestral sampling",
    }[settings["sampler"]]
    return {
        "accurate": f"The conditional mean was computed in one evaluation {end}.",
        "detailed": f"One sample was drawn {kind} in {steps} {end}.",
        "balanced": f"{settings['samples']} samples were drawn {kind} in {steps} each and "
        f"averaged {end}.",
    }[settings["mode"]]


def citation() -> str:
    """Return the BibTeX entry of the package, of this version."""
    return "\n".join(
        (
            "@software{napari_fus_ulm,",
            f"  title = {{{TITLE}}},",
            f"  author = {{{{{AUTHORS}}}}},",
            f"  version = {{{__version__}}},",
            f"  note = {{Follows the comparison of generators by {STUDY}}},",
            "}",
        )
    )
