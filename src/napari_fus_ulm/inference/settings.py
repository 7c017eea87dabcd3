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

Mode = Literal["detailed", "balanced", "accurate"]
Values = Literal["auto", "linear", "sqrt", "cbrt", "db", "display"]
Fusion = Literal["per-step", "at-end"]
Window = Literal["box", "hann"]
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
    patch, overlap : int
        Side of a patch and overlap of neighbouring patches, in result pixels.
    window : {"box", "hann"}
        How overlapping patches are blended: "box" keeps each patch's inner part (half the overlap
        is a halo), "hann" blends smoothly.
    fusion : {"per-step", "at-end"}
        Blend the patches at every step, or sample each on its own and blend once.
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
    ValueError
        If a value is outside its range; the sentence names the setting.
    """

    generator: str = "diffusion"
    weights: str | None = None
    mode: Mode = "detailed"
    pixel_um: float = 20.0
    values: Values = "auto"
    steps: int = 8
    samples: int = 6
    seed: int = 0
    patch: int = 768
    overlap: int = 192
    window: Window = "box"
    fusion: Fusion = "per-step"
    batch: int = 32
    position: Position = "auto"
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name, kind in (
            ("mode", Mode),
            ("values", Values),
            ("fusion", Fusion),
            ("window", Window),
            ("position", Position),
            ("precision", Precision),
        ):
            allowed = get_args(kind)
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}."
                )
        for name, low, high in (
            ("pixel_um", 5.0, 200.0),
            ("steps", 1, 100),
            ("samples", 2, 64),
            ("patch", 32, 4096),
            ("batch", 1, 1024),
            ("seed", 0, 2**31 - 1),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must lie between {low} and {high}."
                )
        if self.patch % 8:
            raise ValueError(f"patch is {self.patch}; it must be a multiple of 8 pixels.")
        if not 0 <= self.overlap <= self.patch * 3 // 4:
            raise ValueError(
                f"overlap is {self.overlap}; it must lie between 0 and three quarters of the "
                f"patch ({self.patch * 3 // 4})."
            )

    def to_json(self) -> str:
        """Return the settings as a JSON object, one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> EnhanceSettings:
        """Make settings from a mapping such as a parsed JSON object.

        Raises
        ------
        ValueError
            If the mapping names a setting that does not exist, or holds a value out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"Unknown settings: {', '.join(unknown)}.")
        return cls(**values)

    def changed(self) -> dict[str, Any]:
        """Return only what differs from the defaults, for a script or a command line."""
        default = EnhanceSettings()
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(default, field.name)
        }
