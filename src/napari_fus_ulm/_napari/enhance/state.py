"""What the Enhance dock knows: what is chosen, the newest run, and all that follows from them.

Nothing here needs Qt. `EnhanceState` keeps what is requested; `resolve` turns it into the frozen
`Shown`, and its signal names the fields that have changed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_fus_ulm._napari.diagnostics.diagnosed import Diagnosed
from napari_fus_ulm._napari.enhance.input import Input, Light, describe_input
from napari_fus_ulm._napari.enhance.shown import Shown, resolve
from napari_fus_ulm._napari.layers.family import is_result, orphans, ours, remove
from napari_fus_ulm._napari.layers.identity import find, id_of
from napari_fus_ulm._napari.layers.region import WHOLE, box_in, draw
from napari_fus_ulm._napari.layers.results import (
    ENHANCEMENT,
    INPUT,
    PART_USED,
    RUN,
    RunLayers,
    settings_of_result,
)
from napari_fus_ulm._napari.picker.picked import Picked
from napari_fus_ulm._napari.picker.state import Background, PickerState
from napari_fus_ulm._napari.run import (
    CANCELLED,
    CANCELLING,
    DONE,
    FAILED,
    RUNNING,
    Run,
    Work,
    changes,
)
from napari_fus_ulm._napari.viewer.connections import Connections
from napari_fus_ulm._napari.viewer.flip import Flip
from napari_fus_ulm._napari.viewer.follow import SlidersFollow
from napari_fus_ulm._napari.viewer.marks import CanvasMarks
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.grid import Grid
from napari_fus_ulm.inference.events import Finished, Notice, Preview
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.scan import PART
from napari_fus_ulm.tasks.enhance import enhance_run, measure_run, mismatch

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event

    from napari_fus_ulm.inference.enhancement import Enhancement
    from napari_fus_ulm.tasks.laying import Beside

ENDINGS = {
    CANCELLED: "Cancelled. The preview stays until the next run.",
    FAILED: "The run failed; the message above says why.",
    DONE: "Done.",
}
UNANSWERED = "Not started: answer the question about the image first."
READING = "Not started: the image is still being read. Click again in a moment."


CHEAP_BYTES = 128_000_000
"""Size of a layer up to which its light is found before the run."""


def is_cheap(layer: Layer | None) -> bool:
    """Whether a layer's pixels are in memory, and few enough to be looked at before a run."""
    data = getattr(layer, "data", None)
    return isinstance(data, np.ndarray) and data.nbytes <= CHEAP_BYTES


class EnhanceState:
    """What is chosen, and the newest run; makes the work and shows its results.

    Parameters
    ----------
    viewer : napari viewer
    settings : EnhanceSettings
    background : callable, optional
        Makes a `Background` for each picker.

    Signals
    -------
    changed(frozenset of str)
        Fields of `shown` that have changed.
    turned()
        Layers have come or gone, or others are seen or selected: it may be another result; `settle`
        when there is time.
    """

    changed = Signal(frozenset)
    turned = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        settings: EnhanceSettings,
        background: Callable[[], Background] | None = None,
    ) -> None:
        self._viewer = viewer
        fus, ulm = (background() if background else None for _ in range(2))
        self.fus, self.ulm = PickerState(viewer, "fus", fus), PickerState(viewer, "ulm", ulm)
        self.fus.taken = lambda: id_of(self.ulm.layer)
        self.ulm.follow(lambda: self.fus.layer)
        self.settings: EnhanceSettings | None = settings
        self._refusal = ""
        self._run = Run()
        self._about: tuple[object, ...] = ()
        """What an ended run is about: its words go when that is no longer what is shown."""
        self._layers: RunLayers | None = None
        self._finished: Image | None = None
        self._measuring: Image | None = None
        self._truth: object = None
        self._input = Input()
        self._light = Light()
        self._picked: Picked | None = None
        self._beside: tuple[object, Beside | None] = None, None
        self.follow = False
        """Whether the sliders go along with a run through a stack or a film."""
        self._sliders, self._flip = SlidersFollow(viewer), Flip(viewer)
        self._marks = CanvasMarks(viewer)
        self._marks.touched.connect(self.turned.emit)
        self.examined: Diagnosed | None = None
        """What the diagnostic that goes on is about."""
        self.shown = Shown()
        self.fus.changed.connect(self.refresh)
        self.ulm.changed.connect(self.refresh)
        self._connections = Connections()
        events = viewer.layers.events
        for event in (viewer.layers.selection.events.active, events.inserted, events.removed):
            self._connections.connect(event, self._on_layers)
        self._connections.follow_names(viewer.layers, self._on_layers)
        self.refresh()

    def close(self) -> None:
        """Stop following the viewer, and give its state back."""
        self._connections.close()
        self._flip.show_after()
        self._sliders.give_back()
        self._marks.close()
        self.fus.close()
        self.ulm.close()
        self.changed.disconnect()
        self.turned.disconnect()

    # ------------------------------------------------------------ what is chosen

    def set_settings(self, settings: EnhanceSettings) -> None:
        """Take other settings; what was wrong before no longer is."""
        self.settings, self._refusal = settings, ""
        if not self._run.running:
            self._say(error="")
        self._show()

    def refuse_settings(self, sentence: str) -> None:
        """Say why there are no settings to run with."""
        self.settings, self._refusal = None, sentence
        self._show()

    def refresh(self) -> None:
        """Bring everything up to date that depends on the chosen layers."""
        image = id_of(self.fus.layer)
        if image != self._input.image and self.settings is not None:
            # Another input: its values are open again.
            self.settings = dataclasses.replace(self.settings, values="auto")
        self._picked = self.fus.picked()
        self._input = describe_input(
            image,
            self.fus.layer_scan,
            self._picked,
            self.ulm.layer_scan,
            self.ulm.picked(),
            self._beside[1] if self._beside[0] == self.place_key else None,
        )
        self._truth = self._truth_key()
        if self._run.error == READING and not self.reading:
            self._run = replace(self._run, error="")
        self._show()

    @property
    def reading(self) -> bool:
        """Whether what is chosen is still being read."""
        return self.fus.reading or self.ulm.reading

    @property
    def light_key(self) -> object:
        """What the light is found for; None where it is not cheap to find, or nothing is chosen."""
        picked, scan = self.fus.picked(), self.fus.layer_scan
        if picked is None or scan is None or not is_cheap(self.fus.layer):
            return None
        return self.fus.read_number, picked.source

    def set_light(self, light: Light) -> None:
        """Show whether the input looks like fUS."""
        self._light = light
        self._show()

    @property
    def place_key(self) -> object:
        """What it is found for how far the ULM lies beside the fUS; None where it is not cheap."""
        picked, ulm = self.fus.picked(), self.ulm.picked()
        if picked is None or ulm is None or mismatch(picked.outline, ulm.outline):
            return None
        if not (is_cheap(self.fus.layer) and is_cheap(self.ulm.layer)):
            return None
        return self.fus.read_number, picked.source, self.ulm.read_number, ulm.source

    def set_beside(self, found: tuple[object, Beside | None]) -> None:
        """Offer to lay the ULM on its fUS where they lie apart."""
        self._beside = found
        self.refresh()

    def truth(self, picked: Picked) -> Picked | None:
        """The chosen ground truth, if it can be laid beside an input."""
        truth = self.ulm.picked()
        return None if truth is None or mismatch(picked.outline, truth.outline) else truth

    def result(self) -> Image | None:
        """The selected layer if it is a result, otherwise the topmost of the chosen image."""
        active = self._viewer.layers.selection.active
        if active is not None and is_result(active):
            return active
        return next((one for one in reversed(self._viewer.layers) if self._own(one)), None)

    def own_result(self) -> Image | None:
        """The same, if it is one of the chosen image."""
        result = self.result()
        return result if self._own(result) else None

    def diagnosed(self) -> Diagnosed | None:
        """What is chosen, for the diagnostics; None without a usable input."""
        picked = self.fus.picked()
        if picked is None or self.settings is None:
            return None
        result = self.own_result()
        return Diagnosed(
            self._viewer,
            picked,
            self.settings,
            self.truth(picked),
            result,
            None if result is None else ours(result).get(ENHANCEMENT),
        )

    def flip(self) -> None:
        """Show the input of the result alone, or the result again."""
        if self._flip.before:
            self._flip.show_after()
        elif (image := self._input_of(self.result())) is not None:
            self._flip.show_before(image)
        self._show()

    def _input_of(self, result: Image | None) -> Layer | None:
        """The layer that a result was made from; a loaded one is taken to be of the chosen one."""
        if result is None:
            return None
        made_from = find(self._viewer.layers, ours(result).get(INPUT))
        return self.fus.layer if made_from is None else made_from

    def settle(self) -> None:
        """Remove what hung on layers that are gone, and mark what is seen.

        For when `turned` has been heard, but not at once: napari cannot bear that layers go while a
        layer is being removed.
        """
        remove(self._viewer, orphans(self._viewer))
        self._marks.update()

    def _own(self, layer: Layer | None) -> bool:
        """Whether a layer is a result of the chosen image, of the part that is chosen.

        One whose input is not there (it was loaded) is taken for one if its input had the same name
        or the user has selected it.
        """
        picked = self._picked
        if picked is None or layer is None or not is_result(layer):
            return False
        known = ours(layer)
        image, made_from = layer.metadata["xarray"], known.get(INPUT)
        whole = PART in image.attrs or Grid.of(picked.outline).same_extent(Grid.of(image))
        if find(self._viewer.layers, made_from) is not None:
            same = (made_from, known[PART_USED]) == (picked.layer_id, picked.placement.part)
            return whole and same
        named = image.attrs["provenance"].get("input_name") == picked.source.layer
        return whole and (named or layer is self._viewer.layers.selection.active)

    # ------------------------------------------------------------ a run

    def draw_region(self) -> None:
        """Let the user draw the part of the chosen layer that is wanted."""
        if self.fus.layer is not None:
            draw(self._viewer, self.fus.layer)

    def start(self, where: str = WHOLE) -> Work | None:
        """Begin to enhance the chosen layer; return the work, or None where nothing can begin.

        Parameters
        ----------
        where : {"whole", "view", "drawn"}
            The part of it that is wanted.
        """
        picked = self._ready()
        if picked is None or self.settings is None or self.fus.layer is None:
            return None
        try:
            box = box_in(where, self._viewer, self.fus.layer, picked.outline)
        except UserError as error:
            self.fail(str(error))
            return None
        settings = replace(self.settings, region=box)
        truth = self.truth(picked)
        if self._layers is not None:
            self._layers.discard()
        self._layers = RunLayers(self._viewer, picked.placement, picked.source, picked.layer_id)
        self._begin(Run())
        return partial(enhance_run, picked.take, None if truth is None else truth.take, settings)

    def start_measuring(self) -> Work | None:
        """Begin to measure the result against the ground truth that is chosen now."""
        picked, result = self._ready(), self.own_result()
        truth = None if picked is None else self.truth(picked)
        if picked is None or result is None or truth is None:
            return None
        try:
            settings = settings_of_result(result)
        except UserError as error:
            self.fail(str(error))
            return None
        self._measuring = result
        self._begin(replace(self._current(), measured=()))
        image = result.metadata["xarray"]
        return partial(measure_run, picked.take, truth.take, image, settings)

    def start_diagnostic(self, work_of: Callable[[Diagnosed], Work]) -> Work | None:
        """Begin a diagnostic, or show why it cannot begin. Measures of the last run stay."""
        if self._ready() is None:
            return None
        diagnosed = self.diagnosed()
        if diagnosed is None:
            return None
        try:
            work = work_of(diagnosed)
        except UserError as error:
            self.fail(str(error))
            return None
        self.examined = diagnosed
        self._begin(Run(measured=self.shown.measured))
        return work

    def cancel(self) -> None:
        """Note that the run has been asked to stop."""
        if self._run.running:
            self._run = replace(self._run, phase=CANCELLING)
            self._show()

    def on_event(self, event: object) -> None:
        """Handle an event of the work; those of diagnostics are left to their panels."""
        if isinstance(event, Preview) and self._layers is not None:
            self._layers.show(event)
            self.turned.emit()
            if self.follow:
                self._sliders.go(self._layers.place_of(event))
        elif isinstance(event, Finished) and self._layers is not None:
            self._finish(event.enhancement)
        pixel = isinstance(event, Notice) and event.message.startswith("Pixel size")
        if not (pixel and self._input.spacing_assumed):  # a standing warning says so already
            self._run = self._run.after(event)
            self._show()

    def on_ended(self, outcome: str, error: str = "") -> None:
        """Note that the run is over; what was said about a result stays with the result."""
        aside = self.examined or self._measuring
        if self._layers is not None and not aside and outcome != DONE:
            self._layers.stop(outcome)
        run = self._run.ended(self._run.status or ENDINGS[outcome], error)
        finished = self._measuring if outcome == DONE and self._measuring else self._finished
        self._finished = self._measuring = self.examined = None
        self._sliders.give_back()
        if finished is not None:
            ours(finished)[RUN] = run
        self._run = run
        self.refresh()
        self._about = self._subject() if outcome == DONE else self._subject()[:1]
        self._show()

    def say(self, sentence: str) -> None:
        """Show what was done with a result."""
        self._say(status=sentence, error="")
        self._show()

    def fail(self, sentence: str) -> None:
        """Show what could not be done."""
        self._say(error=sentence)
        self._show()

    # ------------------------------------------------------------ inside

    def _ready(self) -> Picked | None:
        """Read the layers again if they have changed; None where no run can begin."""
        if self._run.running:
            return None
        self._say(notices=(), error="")
        self.fus.read_if_new()
        self.ulm.read_if_new()
        self.refresh()
        if self.reading or self.fus.unanswered:
            self.fail(READING if self.reading else UNANSWERED)
            return None
        return None if self.settings is None else self.fus.picked()

    def _begin(self, run: Run) -> None:
        """Begin a run, with what is known already."""
        self._flip.show_after()
        image, truth = self._input.image, self._truth_key()
        self._run = replace(run, image=image, truth=truth, phase=RUNNING)
        self._show()

    def _truth_key(self) -> object:
        """What measures are measured against: the chosen ground truth, if it fits."""
        truth = None if self._picked is None else self.truth(self._picked)
        return None if truth is None else (truth.layer_id, str(truth.source.as_dict()))

    def _finish(self, enhancement: Enhancement) -> None:
        assert self._layers is not None
        self._finished = self._layers.finish(enhancement)
        self._layers = None
        self._run = replace(
            self._run, status=f"Done in {enhancement.seconds:.1f} s: {enhancement.reached}."
        )

    def _subject(self) -> tuple[object, ...]:
        """What the dock shows words about: an image, as it was read, and its result."""
        return (self._input.image, self.fus.read_number), id_of(self.own_result())

    def _current(self) -> Run:
        """The run that goes on, else the last one if it is still about what is shown, else that
        which made the result."""
        about = self._about
        if self._run.running:
            return self._run
        run = self._run
        if not about or about != self._subject()[: len(about)]:
            result = self.own_result()
            kept = Run() if result is None else ours(result).get(RUN, Run())
            run = replace(kept, image=self._input.image)
        # Measures against another ground truth say nothing about this one.
        return run if run.truth == self._truth else replace(run, measured=())

    def _say(self, **words: Any) -> None:
        """Change words of what is shown."""
        self._run = replace(self._current(), **words)
        self._about = self._subject()

    def _on_layers(self, event: Event) -> None:
        self._show()
        self.turned.emit()

    def _show(self) -> None:
        before, run, result = self.shown, self._current(), self.result()
        self.shown = resolve(
            self._input,
            run,
            self._refusal,
            result="" if result is None else result.name,
            measurable=not run.measured and self._truth is not None and self._own(result),
            before=self._flip.before,
            planes=1 if self._picked is None else math.prod(self._picked.outline.shape[:-2]),
            light=self._light if self._light.key == self.light_key else Light(),
        )
        if names := changes(before, self.shown):
            self.changed.emit(names)
