"""Everything a run of *Enhance* depends on, in one frozen dataclass.

The widget, the command line and a notebook fill the same object, it is stored with the result,
and a result can be reproduced from it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from napari_fus_ulm.declared import Setting, check_declared
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.generators import entry, names
from napari_fus_ulm.generators.application import Application

Mode = Literal["accurate", "detailed", "balanced"]
Values = Literal["auto", "linear", "sqrt", "cbrt", "db", "display"]
Fusion = Literal["per-step", "at-end"]
Window = Literal["box", "hann"]
Sampler = Literal["around-mean", "ddim", "ancestral"]
Position = Literal["auto", "off"]
Precision = Literal["auto", "float32", "bfloat16"]
Box = tuple[float, float, float, float]
"""A rectangle: top, left, height and width in mm from the corner of a plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhanceSettings:
    """How a fUS image is turned into a ULM-like one.

    Parameters
    ----------
    generator : str
        Name in the registry of generators (``napari_fus_ulm.generators.names()``).
    weights : str or None
        Path of a ``.safetensors`` file with its card, or the name of a model of the library; None
        takes the bundled weights.
    mode : {"accurate", "detailed", "balanced"}
        What the result is for. *Accurate*, to measure: one evaluation, the conditional mean.
        *Detailed*, to look: one sharp sample of ``steps`` evaluations. *Balanced*, to see what else
        is possible: the mean of ``samples`` samples, with their spread.
    pixel_um : float
        Pixel size of the result in µm. The generator works at its own pixel size (20 µm for the
        bundled weights); a coarser result is binned from it.
    native_um : float or None
        Native sampling of the scanner, µm (about one wavelength); None estimates it from the image
        where pixels are finer than 70 µm. 70 µm and more are taken for 100 µm. The generator draws
        five pixels to each.
    values : {"auto", "linear", "sqrt", "cbrt", "db", "display"}
        What the input's numbers are; "auto" takes what the file says, or guesses.
    steps : int
        Evaluations of one sample, 1 to 100.
    samples : int
        Samples averaged in *Balanced*, 2 to 64.
    seed : int
        Seed of the noise, which is the same on every machine; results then agree to the
        arithmetic's precision.
    sampler : {"around-mean", "ddim", "ancestral"}
        How an iterative generator goes from step to step: deterministic and held near the
        conditional mean, deterministic and free, or with fresh noise.
    departure : float
        How far samples of "around-mean" may depart from the mean, 0 (*Accurate*) to 1 (a free
        sample, which is that of "ddim"). A larger value is sharper and invents more;
        ``benchmarks/README.md`` measures it.
    patch, overlap : int or None
        Side of a patch and overlap of neighbouring patches, in result pixels; None takes the
        generator's default.
    window : {"box", "hann"} or None
        How overlapping patches are blended: "box" keeps each patch's inner part (half the overlap
        is a halo), "hann" blends smoothly; None as for ``patch``.
    fusion : {"per-step", "at-end"} or None
        Blend the patches at every step, or sample each on its own and blend once; None as for
        ``patch``.
    batch : int
        Patches of 128×128 pixels evaluated together (a larger patch counts for several); halved
        automatically when memory runs out.
    position : {"auto", "off"}
        Tell the generator where in the brain a patch lies. "auto" does so when the field of view
        is like those of its training.
    region : tuple of float or None
        Top, left, height and width in mm from the corner of the plane: only this rectangle is
        drawn, with the same pixels as in the whole image, for a part of the time. None: all of it.
    device : str
        "auto" (CUDA, then MPS, then CPU), or a torch device.
    precision : {"auto", "float32", "bfloat16"}
        "auto" is bfloat16 on processors with AVX-512 bf16 instructions and float32 elsewhere.

    Raises
    ------
    SettingsError
        If a value is outside its range; the sentence names the setting.
    """

    generator: Annotated[
        str, Setting(label="Generator", brief="Generator", help="The model that draws the vessels.")
    ] = "diffusion"
    weights: Annotated[
        str | None,
        Setting(
            label="Weights",
            brief="Weights (.safetensors)",
            help="A .safetensors file or a model of yours; by default the bundled weights.",
        ),
    ] = None
    mode: Annotated[
        Mode,
        Setting(
            label="Purpose",
            brief="To measure, to look, or to see what else is possible",
            help="What the result is for: what may be believed and what is sharp are not the same "
            "image.",
            words={
                "accurate": "To measure",
                "detailed": "To look",
                "balanced": "To explore",
            },
        ),
    ] = "accurate"
    pixel_um: Annotated[
        float,
        Setting(
            label="Pixel",
            brief="Pixel of the result, µm",
            help="Pixel size of the result in µm; a larger one gives a coarser image, in the same "
            "time.",
            low=5.0,
            high=200.0,
        ),
    ] = 20.0
    native_um: Annotated[
        float | None,
        Setting(
            label="Native sampling",
            brief="Native sampling, µm; else estimated",
            help="Native sampling of the scanner in µm (about one wavelength: 100 at 15 MHz, 50 at "
            "30 MHz); estimated from the image if left out.",
            low=30.0,
            high=200.0,
        ),
    ] = None
    values: Annotated[
        Values,
        Setting(
            label="Values",
            brief="Values of the input",
            help="What the numbers of the fUS image are; a wrong choice shifts contrast and "
            "background.",
        ),
    ] = "auto"
    steps: Annotated[
        int,
        Setting(
            label="Steps",
            brief="Evaluations per sample",
            help="Network evaluations per sample; more are sharper and slower.",
            low=1,
            high=100,
        ),
    ] = 4
    samples: Annotated[
        int,
        Setting(
            label="Samples",
            brief="Samples averaged in balanced",
            help="Samples averaged in Balanced; more are smoother.",
            low=2,
            high=64,
        ),
    ] = 6
    seed: Annotated[
        int,
        Setting(
            label="Seed",
            brief="Seed of the noise",
            help="Seed of the noise; another seed gives another sample.",
            low=0,
            high=2**31 - 1,
        ),
    ] = 0
    sampler: Annotated[
        Sampler,
        Setting(
            label="Sampling",
            brief="Sampler",
            help="Around the mean holds a sample near what fUS determines; a free sample (DDIM) is "
            "not held; with fresh noise at every step (ancestral) it needs more steps.",
            words={
                "around-mean": "around the mean",
                "ddim": "free",
                "ancestral": "free, fresh noise",
            },
        ),
    ] = "around-mean"
    departure: Annotated[
        float,
        Setting(
            label="Departure",
            brief="From mean to free sample",
            help="How far a sample around the mean may depart from it: 0 is Accurate, 1 a free "
            "sample. On phantoms 0.5 has most of a free sample's sharpness (LPIPS 0.37; Accurate "
            "0.53) and is more faithful.",
            low=0.0,
            high=1.0,
        ),
    ] = 0.5
    patch: Annotated[
        int | None,
        Setting(
            label="Patch",
            brief="Side of a patch, pixels",
            help="Side of a patch in result pixels; larger patches need more memory.",
            low=32,
            high=4096,
            multiple_of=8,
        ),
    ] = None
    overlap: Annotated[
        int | None,
        Setting(
            label="Overlap",
            brief="Overlap, pixels",
            help="Pixels that neighbouring patches share; more is smoother and slower.",
            low=0,
            high=3072,
            step=8,
        ),
    ] = None
    window: Annotated[
        Window | None,
        Setting(
            label="Patch edges",
            brief="Blending",
            help="Where patches overlap, only the inner part of each is kept (box window), or one "
            "fades into the other (Hann window).",
            words={"box": "inner parts", "hann": "fading"},
        ),
    ] = None
    fusion: Annotated[
        Fusion | None,
        Setting(
            label="Join patches",
            brief="Fusion",
            help="Blend the patches at every step, or draw each alone and blend once, which leaves "
            "seams.",
            words={"per-step": "at every step", "at-end": "at the end"},
        ),
    ] = None
    batch: Annotated[
        int,
        Setting(
            label="At once",
            brief="Batch of 128-pixel patches",
            help="Patches evaluated together, in units of 128-pixel patches: a patch of 768 counts "
            "as 36, and at least one patch is evaluated. More need more memory and make Cancel "
            "slower.",
            low=1,
            high=1024,
        ),
    ] = 32
    position: Annotated[
        Position,
        Setting(
            label="Position",
            brief="Position in the brain",
            help="Auto tells the generator where in the brain a patch lies if the field of view "
            "resembles those it was trained on.",
        ),
    ] = "auto"
    region: Annotated[
        Box | None,
        Setting(
            label="Region",
            brief="Only this rectangle, mm: TOP,LEFT,HEIGHT,WIDTH",
            help="What is drawn: the whole image, or a part of it, as a quick look with the same "
            "pixels; a larger part takes longer.",
        ),
    ] = None
    device: Annotated[
        str,
        Setting(
            label="Processor",
            brief="auto, cpu, cuda or mps",
            help="The processor that does the work: auto, cpu, cuda, mps.",
        ),
    ] = "auto"
    precision: Annotated[
        Precision,
        Setting(
            label="Arithmetic",
            brief="Floats",
            help="bfloat16 is faster on processors that support it; float32 is exact.",
            words={"float32": "exact (float32)", "bfloat16": "fast (bfloat16)"},
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        check_declared(self)
        check_box(self.region)
        patch, overlap = self.patch, self.overlap
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
        """Patches and their fusion: what is set, and the generator's defaults for the rest.

        Raises
        ------
        SettingsError
            If there is no such generator.
        """
        default = entry(self.generator).application
        patch = default.patch if self.patch is None else self.patch
        return Application(
            patch=patch,
            overlap=min(default.overlap, patch // 16 * 8) if self.overlap is None else self.overlap,
            window=self.window or default.window,
            fusion=self.fusion or default.fusion,
        )

    def resolved(self) -> EnhanceSettings:
        """Return the settings with the generator's defaults filled in."""
        return dataclasses.replace(self, **dataclasses.asdict(self.application))

    @property
    def departs(self) -> bool:
        """Whether samples differ from the conditional mean at all."""
        held = self.sampler == "around-mean" and self.departure == 0.0
        return self.mode != "accurate" and not held

    @property
    def samples_are(self) -> str:
        """What kind of samples these settings draw, in words."""
        return {
            "around-mean": f"samples around the mean (departure {self.departure:g})",
            "ddim": "free samples (DDIM)",
            "ancestral": "free samples (ancestral)",
        }[self.sampler]

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
        region = values.get("region")
        # JSON knows no tuples.
        return cls(**{**values, "region": tuple(region) if isinstance(region, list) else region})

    def changed(self) -> dict[str, Any]:
        """Return what differs from the defaults, for a script or a command line."""
        mine, default = self.resolved(), EnhanceSettings(generator=self.generator).resolved()
        changed = {"generator": self.generator} if self.generator != names()[0] else {}
        return changed | {
            field.name: getattr(mine, field.name)
            for field in dataclasses.fields(self)
            if getattr(mine, field.name) != getattr(default, field.name)
        }


def check_box(box: Any) -> None:
    """Refuse a rectangle that is none; None is allowed.

    Raises
    ------
    SettingsError
        The sentence says how it is written.
    """
    if box is None:
        return
    try:
        sides = [float(one) for one in box]
    except (TypeError, ValueError):
        sides = []
    if len(sides) != 4 or not all(map(math.isfinite, sides)) or min(sides[2:]) <= 0.0:
        raise SettingsError(
            f"The region is {box!r}; it must be top, left, height and width in mm, the last two "
            "above 0."
        )


POSTER: Mapping[str, Any] = {
    "mode": "detailed",
    "sampler": "ancestral",
    "steps": 50,
    "patch": 128,
    "overlap": 64,
    "window": "hann",
    "fusion": "at-end",
}
"""The Study's recipe, for comparison: half-overlapping patches of the training size,
each sampled on its own with fresh noise at every step."""
PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "poster": POSTER}
