"""Everything a run of *Enhance* depends on, in one frozen dataclass.

The widget, the command line and a notebook fill the same object, it is stored with the result,
and a result can be made again from it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators import entry, names
from napari_fus_ulm.generators.application import Application

Mode = Literal["detailed", "balanced", "accurate"]
Values = Literal["auto", "linear", "sqrt", "cbrt", "db", "display"]
Fusion = Literal["per-step", "at-end"]
Window = Literal["box", "hann"]
Sampler = Literal["ddim", "ancestral"]
Position = Literal["auto", "off"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhanceSettings:
    """How a fUS image is turned into a ULM-like one.

    Parameters
    ----------
    generator : str
        Name in the registry of generators (``napari_fus_ulm.generators.names()``).
    weights : str or None
        Path of a ``.safetensors`` file with its JSON card; None takes the bundled weights.
    mode : {"detailed", "balanced", "accurate"}
        *Detailed*: one sample of ``steps`` evaluations. *Balanced*: the mean of ``samples``
        samples, with their spread. *Accurate*: one evaluation, the conditional mean.
    pixel_um : float
        Pixel size of the result in µm. The generator works at its own pixel size (20 µm for the
        bundled weights); a coarser result is binned from it.
    values : {"auto", "linear", "sqrt", "cbrt", "db", "display"}
        What the input's numbers are; "auto" takes what the file says, or guesses.
    steps : int
        Evaluations of one sample, 1 to 100.
    samples : int
        Samples averaged in *Balanced*, 2 to 64.
    seed : int
        Seed of the noise, which is the same on every machine; results then agree to the
        arithmetic's precision.
    sampler : {"ddim", "ancestral"}
        How an iterative generator goes from step to step: deterministic, or with fresh noise.
    patch, overlap : int or None
        Side of a patch and overlap of neighbouring patches, in result pixels; None takes what the
        generator is applied with by default.
    window : {"box", "hann"} or None
        How overlapping patches are blended: "box" keeps each patch's inner part (half the overlap
        is a halo), "hann" blends smoothly; None as above.
    fusion : {"per-step", "at-end"} or None
        Blend the patches at every step, or sample each on its own and blend once; None as above.
    batch : int
        Patches of 128×128 pixels evaluated at once (a larger patch counts for several); halved by
        itself when memory runs out.
    position : {"auto", "off"}
        Tell the generator where in the brain a patch lies. "auto" does so when the field of view
        is like those it was trained on.
    device : str
        "auto" (CUDA, then MPS, then CPU), or a torch device.
    precision : {"auto", "float32", "bfloat16"}
        "auto" is bfloat16 on processors with AVX-512 bf16 instructions and float32 elsewhere.

    Raises
    ------
    SettingsError
        If a value is outside its range; the sentence names the setting.
    """

    generator: str = "diffusion"
    weights: str | None = None
    mode: Mode = "detailed"
    pixel_um: float = 20.0
    values: Values = "auto"
    steps: int = 4
    samples: int = 6
    seed: int = 0
    sampler: Sampler = "ddim"
    patch: int | None = None
    overlap: int | None = None
    window: Window | None = None
    fusion: Fusion | None = None
    batch: int = 32
    position: Position = "auto"
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name, kind in (
            ("mode", Mode),
            ("values", Values),
            ("sampler", Sampler),
            ("fusion", Fusion),
            ("window", Window),
            ("position", Position),
            ("precision", Precision),
        ):
            allowed, value = get_args(kind), getattr(self, name)
            if value not in allowed and not (value is None and name in ("fusion", "window")):
                raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
        for name, low, high in (
            ("pixel_um", 5.0, 200.0),
            ("steps", 1, 100),
            ("samples", 2, 64),
            ("patch", 32, 4096),
            ("batch", 1, 1024),
            ("seed", 0, 2**31 - 1),
        ):
            value = getattr(self, name)
            if not (low <= value <= high if value is not None else name == "patch"):
                raise SettingsError(f"{name} is {value}; it must lie between {low} and {high}.")
        patch, overlap = self.patch, self.overlap
        if patch is not None and patch % 8:
            raise SettingsError(f"patch is {patch}; it must be a multiple of 8 pixels.")
        if patch is None and overlap is not None and self.generator in names():
            patch = entry(self.generator).application.patch
        most = 3072 if patch is None else patch * 3 // 4
        if overlap is not None and not 0 <= overlap <= most:
            raise SettingsError(
                f"overlap is {overlap}; it must lie between 0 and three quarters of the patch "
                f"({most})."
            )

    @property
    def application(self) -> Application:
        """Patches and their fusion: what is set, and the generator's own for the rest.

        Raises
        ------
        SettingsError
            If there is no such generator.
        """
        own = entry(self.generator).application
        patch = own.patch if self.patch is None else self.patch
        return Application(
            patch=patch,
            overlap=min(own.overlap, patch // 16 * 8) if self.overlap is None else self.overlap,
            window=self.window or own.window,
            fusion=self.fusion or own.fusion,
        )

    def resolved(self) -> EnhanceSettings:
        """Return the settings with nothing left to the generator."""
        return dataclasses.replace(self, **dataclasses.asdict(self.application))

    def to_json(self) -> str:
        """Return the settings as a JSON object, one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> EnhanceSettings:
        """Make settings from a mapping such as a parsed JSON object.

        Raises
        ------
        SettingsError
            If the mapping names a setting that does not exist, or holds a value out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"Unknown settings: {', '.join(unknown)}.")
        return cls(**values)

    def changed(self) -> dict[str, Any]:
        """Return only what differs from the defaults, for a script or a command line."""
        mine, default = self.resolved(), EnhanceSettings(generator=self.generator).resolved()
        changed = {"generator": self.generator} if self.generator != names()[0] else {}
        return changed | {
            field.name: getattr(mine, field.name)
            for field in dataclasses.fields(self)
            if getattr(mine, field.name) != getattr(default, field.name)
        }


POSTER: Mapping[str, Any] = {
    "sampler": "ancestral",
    "steps": 50,
    "patch": 128,
    "overlap": 64,
    "window": "hann",
    "fusion": "at-end",
}
"""The plain recipe of the study, to compare with: half-overlapping patches of the training size,
each sampled on its own with fresh noise at every step."""
PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "poster": POSTER}
