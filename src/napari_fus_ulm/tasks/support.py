"""How well every drawn vessel of a result is supported, without a ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from napari_fus_ulm.declared import check_declared
from napari_fus_ulm.diagnostics.settings import Seed, Witnesses
from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.events import Take, plane_of
from napari_fus_ulm.tasks.looks import BAD, DOTS, GOOD, NONE, OPEN, Look, drawn_on, in_words
from napari_fus_ulm.tasks.task import Task

if TYPE_CHECKING:
    from napari_fus_ulm.diagnostics.evidence import Evidence
    from napari_fus_ulm.diagnostics.support import Support
    from napari_fus_ulm.output.outlines import Pattern

CAUTION = (
    "Learnt on simulated sections. Samples that agree are consistent with themselves, which is not "
    "truth."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportSettings:
    """How the evidence is gathered.

    Parameters
    ----------
    samples : int
        Drawn anew, 2 to 64.
    seed : int
        Of the samples; they differ from those of a result with the same seed.
    enhance : EnhanceSettings
        Pixel, values, position, device and precision of the samples; the generator is the
        diffusion model with its bundled weights, whatever it says.

    Raises
    ------
    SettingsError
        If there are too few samples or too many.
    """

    samples: Witnesses = 8
    seed: Seed = 0
    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)

    def __post_init__(self) -> None:
        check_declared(self)


@dataclass(frozen=True, slots=True, eq=False)
class SupportReady:
    """The support map is there.

    Parameters
    ----------
    support : Support
    evidence : Evidence
    result : xarray.DataArray
        The plane that was rated, grey levels in [0, 1].
    agreement : float
        Rank correlation of the result at the resolution of fUS with its input.
    """

    support: Support
    evidence: Evidence
    result: xr.DataArray
    agreement: float

    @property
    def spread(self) -> xr.DataArray:
        """Standard deviation of the samples, on the result's grid."""
        return self.result.copy(data=self.evidence.maps["spread"])

    @property
    def sentence(self) -> str:
        """The support of the drawn vessels, in words."""
        from napari_fus_ulm.diagnostics.consistency import beside_ground_truth

        return f"{self.support.sentence} {beside_ground_truth(self.agreement)}"


def support_classes() -> tuple[Look, ...]:
    """Return the classes of the support map, the best first; last, what is not judged."""
    from napari_fus_ulm.diagnostics.support import CLASSES, SUPPORTED, UNLIKELY

    high, low = (f"{100 * share:.0f}" for share in (SUPPORTED, UNLIKELY))
    looks: tuple[tuple[str, Pattern, str], ...] = (
        (GOOD, "solid", f"at least {high} % of such vessels were real"),
        (OPEN, "dashed", f"{low}–{high} %"),
        (BAD, "hatched", f"fewer than {low} %, as by chance"),
        (NONE, "dotted", "the input there is unlike anything learnt from"),
    )
    rows = enumerate(zip(CLASSES, looks, strict=True), start=1)
    return tuple(Look(label, name, *look) for label, (name, look) in rows)


def support_run(
    take_result: Take, take_fus: Take, settings: SupportSettings
) -> Iterator[Progress | Notice | SupportReady]:
    """Gather the evidence for every vessel that a result draws, and weigh it.

    Parameters
    ----------
    take_result : callable
        Reads one plane of grey levels; axes of length 1 are left out.
    take_fus : callable
        Reads the power Doppler that it was made from, one plane.
    settings : SupportSettings

    Yields
    ------
    Progress, Notice, SupportReady

    Raises
    ------
    SettingsError
        If one of them is not a plane, or they do not cover the same field of view.
    """
    yield Progress(0, 0, "Gathering evidence…")
    from napari_fus_ulm.diagnostics.consistency import consistency
    from napari_fus_ulm.diagnostics.evidence import EvidenceReady, EvidenceSettings, evidence_events
    from napari_fus_ulm.diagnostics.support import support
    from napari_fus_ulm.grey.native import with_native_um

    result, fus = plane_of(take_result()), plane_of(take_fus())
    check_on_its_input(result, fus)
    # Settled once: samples, evidence and agreement see the input in the same pixels.
    fus = with_native_um(fus, settings.enhance.native_um)
    chosen = EvidenceSettings(samples=settings.samples, seed=settings.seed)
    for event in evidence_events(result, fus, chosen, enhance_settings=settings.enhance):
        if isinstance(event, EvidenceReady):
            agreement = consistency(np.clip(result.values, 0.0, 1.0), fus)
            yield SupportReady(support(event.evidence), event.evidence, result, agreement)
        else:
            yield event


def check_on_its_input(result: xr.DataArray, fus: xr.DataArray) -> None:
    """Refuse a result that does not cover the field of view of its input.

    Raises
    ------
    SettingsError
        The sentence names both and gives their extents in mm.
    """
    field, drawn_on = Grid.of(fus), Grid.of(result)
    if not field.same_extent(drawn_on):
        first, second = drawn_on.extent_mm, field.extent_mm
        raise MeasureError(
            f"“{result.name}” is {first[0]:.1f} × {first[1]:.1f} mm and “{fus.name}” "
            f"{second[0]:.1f} × {second[1]:.1f} mm; a result lies exactly on its input."
        )


def save_support(ready: SupportReady, folder: Path) -> list[Path]:
    """Write ``support.png`` (input, result, classes), the classes and their probability."""
    from napari_fus_ulm.io import write
    from napari_fus_ulm.output.figures import Panel, draw_panels, save_figure

    result, classes = ready.result, ready.support.classes
    looks = support_classes()
    extent = Grid.of(result).extent_mm
    panels = [
        Panel(ready.evidence.maps["input"], extent, "power Doppler"),
        Panel(result.values, extent, "result", "hot", generated=True),
        Panel(drawn_on(result.values, classes, looks), extent, in_words(looks), generated=True),
    ]
    picture = folder / "support.png"
    save_figure(picture, draw_panels([panels]), dpi=DOTS)
    maps = {"probability": np.nan_to_num(ready.support.probability), "classes": classes}
    written = [
        write(folder / f"{name}.ome.tif", result.copy(data=np.asarray(values, np.float32)))
        for name, values in maps.items()
    ]
    return [picture, *written]


def _run(
    images: Mapping[str, Take], settings: SupportSettings
) -> Iterator[Progress | Notice | SupportReady]:
    return support_run(images["result"], images["fus"], settings)


SUPPORT = Task(
    "support",
    SupportSettings,
    ("result", "fus"),
    _run,
    save_support,
    files=("support.png", "probability.ome.tif", "classes.ome.tif"),
)
