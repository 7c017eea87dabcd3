"""How a result is called: what tells it from its neighbours first, its input last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_fus_ulm.declared import declared
from napari_fus_ulm.inference.settings import POSTER, EnhanceSettings

UNLIKE = "unlike fUS"
"""Begins the name of a result whose input does not look like fUS."""
GENERATED = " (generated)"
"""Ends the name of every result."""
_SAID = ("generator", "mode", "pixel_um", "seed", "region")
"""Settings that a name says in words of its own."""
_SAME = ("batch", "device", "precision")
"""Settings that leave the picture as it is, to the arithmetic's precision."""
_OF_SAMPLES = ("steps", "sampler", "departure")


def title_of(settings: EnhanceSettings, provenance: Mapping[str, Any], part: str = "") -> str:
    """Name a result, as a layer or in a figure.

    Parameters
    ----------
    settings : EnhanceSettings
    provenance : mapping
        Of the result.
    part : str
        The part of the input that was used, where it is not all, such as “slice 3”.

    Returns
    -------
    str
        ``Detailed ×5 · slice 3 · seed 1 · rat01 (generated)``: the mode and the gain, the part, the
        region, the seed where there is chance, settings that are not the default, and the input.
    """
    modes = bool(provenance.get("has_modes", True))
    words = [
        UNLIKE if provenance.get("familiarity", {}).get("light") == "red" else "",
        f"{_method(settings, provenance)} ×{provenance['gain']:.2g}",
        part,
        _region(settings),
        f"seed {settings.seed}" if modes and settings.departs else "",
        *_changed(settings, sampled=modes and settings.mode != "accurate"),
        str(provenance["input_name"]),
    ]
    return " · ".join(filter(None, words)) + GENERATED


def _method(settings: EnhanceSettings, provenance: Mapping[str, Any]) -> str:
    """The mode; the generator too where it is not the one that is offered first."""
    title, mode = str(provenance["generator_title"]), settings.mode.capitalize()
    if not provenance.get("has_modes", True):
        return title
    return mode if settings.generator == EnhanceSettings().generator else f"{title} {mode}"


def _region(settings: EnhanceSettings) -> str:
    if settings.region is None:
        return ""
    top, left, height, width = (f"{side:.3g}" for side in settings.region)
    return f"region {width} × {height} mm at {left}, {top}"


def _changed(settings: EnhanceSettings, *, sampled: bool) -> list[str]:
    """Settings that make another picture than the default ones, in words."""
    changed = settings.changed()
    words = []
    if all(changed.get(name) == value for name, value in POSTER.items()):
        words, changed = ["Study's recipe"], {k: v for k, v in changed.items() if k not in POSTER}
    idle = [*_SAID, *_SAME, *(() if sampled else _OF_SAMPLES)]
    if settings.mode != "balanced":
        idle.append("samples")
    if settings.sampler != "around-mean":
        idle.append("departure")
    known = declared(EnhanceSettings)
    for name, value in changed.items():
        if name in idle:
            continue
        shown = Path(value).stem if name == "weights" else value
        setting = known[name].setting
        words.append(f"{setting.label.lower()} {setting.words.get(str(shown), _plain(shown))}")
    return words


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def caption_of(name: str, provenance: Mapping[str, Any]) -> str:
    """The name of a result beside those of other generators: with its own, without its input's.

    Parameters
    ----------
    name : str
        As `title_of` gave it, or as the user has changed it.
    provenance : mapping
        Of the result.

    Examples
    --------
    >>> made = {"generator_title": "Diffusion", "input_name": "rat01"}
    >>> caption_of("Detailed ×5 · seed 1 · rat01 (generated)", made)
    'Diffusion Detailed ×5 · seed 1 (generated)'
    """
    modes = declared(EnhanceSettings)["mode"].choices
    words = name.replace(f" · {provenance.get('input_name')}", "", 1).split(" · ")
    for n, word in enumerate(words):
        if word.split(" ×")[0].lower() in modes:
            words[n] = f"{provenance['generator_title']} {word}"
    return " · ".join(words)
