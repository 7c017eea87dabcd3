"""What the Enhance dock shows, derived from the choices and the newest run."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_fus_ulm._napari.enhance.input import Input, Light
from napari_fus_ulm._napari.run import EMPTY, READY, Run
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.tasks.enhance import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the dock shows.

    Parameters
    ----------
    input : Input
    light : Light
        Whether it looks like fUS.
    phase : {"empty", "ready", "running", "cancelling"}
        What the button is for.
    locked : bool
        Nothing can be chosen because a run is in progress.
    progress : Progress or None
    step : str
    notices : tuple of str
        Of the newest run on the chosen image; so are the following.
    measured : tuple of Measured
    status : str
    error : str
        Of that run, or what is wrong with the settings.
    result : str
        Name of the result that can be saved and that the dock speaks of; or nothing.
    measurable : bool
        It can be measured against the chosen ground truth, and has not been.
    before : bool
        The input is shown in place of its result.
    planes : int
        Slices and time points that a run would draw.
    """

    input: Input = field(default_factory=Input)
    light: Light = field(default_factory=Light)
    phase: str = EMPTY
    locked: bool = False
    progress: Progress | None = None
    step: str = ""
    notices: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()
    status: str = ""
    error: str = ""
    result: str = ""
    measurable: bool = False
    before: bool = False
    planes: int = 1


def resolve(
    chosen: Input,
    run: Run,
    refusal: str,
    *,
    result: str = "",
    measurable: bool = False,
    light: Light | None = None,
    before: bool = False,
    planes: int = 1,
) -> Shown:
    """Return what is shown.

    Parameters
    ----------
    chosen : Input
    run : Run
        The newest one; nothing is shown of a finished run on another image.
    refusal : str
        What is wrong with the settings, or nothing.
    result, measurable, before, planes
        As in `Shown`.
    light : Light, optional
        Of the input.
    """
    light = light or Light()
    if not run.running and run.image != chosen.image:
        run = Run()
    standing = {light.sentence, *(warning.text for warning in chosen.warnings)}
    return Shown(
        input=chosen,
        light=light,
        phase=run.phase if run.running else READY if chosen.usable else EMPTY,
        locked=run.running,
        progress=run.progress,
        step=run.step,
        notices=tuple(text for text in run.notices if text not in standing),
        measured=run.measured,
        status=run.status if chosen.usable else "",
        error=refusal or run.error,
        result=result,
        measurable=measurable and not run.running,
        before=before,
        planes=planes,
    )
