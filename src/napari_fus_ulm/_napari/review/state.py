"""What the Blinded review dock knows: the page, the pictures to choose from, the session.

Nothing here needs Qt. `ReviewState` keeps what is requested and shows the trials in the viewer;
its signal names the fields of the frozen `Shown` that have changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_fus_ulm._napari.compare.layers import comparable_layers, titles
from napari_fus_ulm._napari.layers.identity import LayerId, find
from napari_fus_ulm._napari.layers.parts import parts_of
from napari_fus_ulm._napari.review.answer import Answer
from napari_fus_ulm._napari.review.layers import (
    Chosen,
    lay_out,
    likely_kind,
    likely_sections,
    methods,
)
from napari_fus_ulm._napari.review.pictures import TrialPictures
from napari_fus_ulm._napari.run import Work, changes
from napari_fus_ulm._napari.viewer.connections import Connections
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.tasks.review import (
    Mark,
    MarkKind,
    Opened,
    Reported,
    Standing,
    open_session,
    report_run,
    standing,
    was_unblinded,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event

    from napari_fus_ulm.review.cases import Kind
    from napari_fus_ulm.review.session import Session, Trial

Page = Literal["start", "trial", "finished"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A picture that a session can include.

    Parameters
    ----------
    layer_id : hashable
    name : str
    title : str
        A name for people, which begins with what differs.
    checked : bool
    kind : {"generated", "ulm", "fus"}
    section : str
        Which section it shows; empty where nothing tells one from another.
    """

    layer_id: LayerId
    name: str
    title: str
    checked: bool
    kind: Kind
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What is filled in for a session.

    Parameters
    ----------
    reader : str
    section : str
        Name of the section, where there is only one.
    folder : str
        Empty where none is chosen.
    """

    reader: str = ""
    section: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the dock shows.

    Parameters
    ----------
    page : {"start", "trial", "finished"}
    pictures : tuple of Listed
    running : bool
        A session is being opened or made.
    progress : Progress or None
    opening_error, making_error : str
        Why the last session could not be opened or made.
    status : str
        What became of the session that was stopped.
    go_on : str
        Name of the session to go on with, or nothing.
    trial : tuple of int or None
        Number of the trial, from 1, and how many there are.
    unblinded : bool
        The session's key has been used already.
    error : str
        Why the last answer could not be written, or the report not be made.
    tool : {"break", "invention"} or None
        What a click on a picture marks.
    marks : tuple of Mark
        Of this trial.
    standing : Standing or None
        Of the session whose trials are finished, or whose report is wanted.
    confirming : bool
        The report was asked for; unblinding has to be confirmed.
    reported : Reported or None
        The report that was made.
    """

    page: Page = "start"
    pictures: tuple[Listed, ...] = ()
    running: bool = False
    progress: Progress | None = None
    opening_error: str = ""
    making_error: str = ""
    status: str = ""
    go_on: str = ""
    trial: tuple[int, int] | None = None
    unblinded: bool = False
    error: str = ""
    tool: MarkKind | None = None
    marks: tuple[Mark, ...] = ()
    standing: Standing | None = None
    confirming: bool = False
    reported: Reported | None = None

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections that can be told apart, in order."""
        return tuple(dict.fromkeys(one.section for one in self.pictures))

    def missing(self, new: NewSession) -> tuple[str, ...]:
        """What a new session still needs."""
        few = sum(one.checked for one in self.pictures) < 2
        return (
            *(("two checked pictures",) if few else ()),
            *(() if new.folder.strip() else ("a folder",)),
        )


class ReviewState:
    """A session, from its beginning to its end.

    Parameters
    ----------
    viewer : napari viewer

    Signals
    -------
    changed(frozenset of str)
        Fields of `shown` that have changed.
    picture_lost()
        A picture of the trial was removed; `show_lost` shows it again afterwards.
    """

    changed = Signal(frozenset)
    picture_lost = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.session: Session | None = None
        self._trial: Trial | None = None
        self._since = 0.0
        self._making = False
        self._sections: dict[LayerId, str] = {}  # as the user has named them
        self.pictures = TrialPictures(viewer)
        self.pictures.marks.changed.connect(self._on_marks)
        self.shown = Shown()
        events = viewer.layers.events
        self._connections = Connections()
        self._connections.connect(events.inserted, self._on_layers)
        self._connections.connect(events.removed, self._on_layers)
        self._connections.connect(events.reordered, self._on_layers)
        self._connections.follow_names(viewer.layers, self._on_layers)
        self._list_pictures()

    def close(self) -> None:
        """Give the viewer back and stop following it."""
        self.changed.disconnect()
        self.picture_lost.disconnect()
        self._connections.close()
        self._trial = None
        self.pictures.restore()
        self.pictures.alone.disconnect()
        self.pictures.marks.changed.disconnect()

    # ------------------------------------------------------------ the start

    def check(
        self, layer_id: LayerId, *, checked: bool, kind: Kind, section: str | None = None
    ) -> None:
        """Say whether a picture belongs to the session, what it is, and of which section."""

        def said(one: Listed) -> Listed:
            name = one.section if section is None else section.strip()
            return replace(one, checked=checked, kind=kind, section=name)

        pictures = (said(one) if one.layer_id == layer_id else one for one in self.shown.pictures)
        self._show(pictures=tuple(pictures))

    def open_folder(self, folder: Path, reader: str) -> Work | None:
        """Begin to open a session where its reader has stopped."""
        return self._begin(partial(open_session, folder, reader), making=False)

    def go_on(self) -> Work | None:
        """Begin to open the session that was stopped."""
        if self.session is None:
            return None
        return self.open_folder(self.session.folder, self.session.reader)

    def make(self, new: NewSession) -> Work | None:
        """Begin to make a session of the checked pictures."""
        folder = Path(new.folder.strip()).expanduser().absolute()
        checked = [one for one in self.shown.pictures if one.checked]
        found = [(find(self._viewer.layers, one.layer_id), one) for one in checked]
        there = [(layer, one) for layer, one in found if layer is not None]
        one_section = len(self.shown.sections) < 2
        sections = [
            (new.section.strip() or one.section if one_section else one.section) or "section"
            for _, one in there
        ]
        called = methods([layer for layer, _ in there], [one.kind for _, one in there], sections)
        try:
            chosen = [
                Chosen(parts_of(layer), one.kind, section, method)
                for (layer, one), section, method in zip(there, sections, called, strict=True)
            ]
        except UserError as error:
            self._show(making_error=str(error), opening_error="")
            return None
        return self._begin(partial(lay_out, folder, new.reader.strip(), chosen), making=True)

    def on_event(self, event: object) -> None:
        """Take in what the work gives."""
        if isinstance(event, Progress):
            self._show(progress=event)
        elif isinstance(event, Opened):
            self.session = event.session
            self._show(unblinded=was_unblinded(event.session), error="")
            self._show_trial(event.trial)
        elif isinstance(event, Reported):
            self._show(reported=event, standing=standing(event.folder.parent), unblinded=True)

    def on_ended(self, _: str, error: str) -> None:
        """Note that the work is over."""
        if self.shown.page == "finished":
            self._show(running=False, progress=None, error=error)
            return
        making, opening = (error, "") if self._making else ("", error)
        self._show(running=False, progress=None, making_error=making, opening_error=opening)

    def show_start(self) -> None:
        """Go back to where a session is opened or made."""
        self._show(page="start", standing=None, reported=None, confirming=False, error="")

    # ------------------------------------------------------------ the report

    def show_standing(self, folder: Path) -> None:
        """Show how far the readers of a session are; the report is made from there."""
        try:
            known = standing(folder)
        except UserError as error:
            self._show(opening_error=str(error), making_error="")
            return
        self._show(page="finished", standing=known, reported=None, confirming=False, error="")

    def ask_report(self, wanted: bool = True) -> None:
        """Ask for the report, or not: before it is made, unblinding has to be confirmed."""
        if self.shown.standing is not None and wanted:  # somebody may have answered meanwhile
            self.show_standing(self.shown.standing.folder)
        self._show(confirming=wanted and self.shown.standing is not None)

    def report(self) -> Work | None:
        """Begin to make the report, which unblinds the session."""
        about = self.shown.standing
        if about is None or not about.answered:
            return None
        self._show(confirming=False, error="")
        work = partial(report_run, about.folder, partial=not about.complete)
        return self._begin(work, making=False)

    def _begin(self, work: Work, *, making: bool) -> Work | None:
        if self.shown.running:
            return None
        self._making = making
        self._show(running=True, progress=None, making_error="", opening_error="")
        return work

    def _on_layers(self, _: Event) -> None:
        if not self.pictures.on:
            self._list_pictures()
        elif not self.pictures.complete:
            self.picture_lost.emit()

    def _list_pictures(self) -> None:
        """List the images; those that stay keep their type and check mark."""
        known = {one.layer_id: one for one in self.shown.pictures}
        layers = comparable_layers(self._viewer)
        pictures = []
        named = zip(layers, titles(layers), likely_sections(layers), strict=True)
        for layer, title, likely in named:
            kind, section = likely_kind(layer), self._sections.get(layer.unique_id, likely)
            fresh = Listed(layer.unique_id, layer.name, title, kind != "fus", kind)
            one = known.get(layer.unique_id, fresh)
            pictures.append(replace(one, name=layer.name, title=title, section=section))
        self._show(pictures=tuple(pictures))

    # ------------------------------------------------------------ trials

    def answer(self, answer: Answer) -> None:
        """Write the answer, then show the next trial."""
        session, trial = self.session, self._trial
        left, right, preference = answer.left, answer.right, answer.preference
        if session is None or trial is None or not (left and right and preference):
            return
        try:
            session.answer(
                trial,
                left_continuity=left,
                right_continuity=right,
                preference=preference,
                seconds=time.monotonic() - self._since,
                comment=answer.comment,
                marks=self.shown.marks,
            )
            following = session.next_trial()
        except (UserError, OSError) as error:
            self._show(error=str(error))
            return
        self._show(error="")
        self._show_trial(following)

    def show_lost(self) -> None:
        """Show the present trial again when a picture of it was removed."""
        if self._trial is not None and not self.pictures.complete:
            self.pictures.show(self._trial, self.shown.marks)

    def set_tool(self, tool: MarkKind | None) -> None:
        """Choose what a click on a picture marks; None marks nothing."""
        self.pictures.marks.tool = tool
        self._show(tool=tool)

    def _on_marks(self) -> None:
        self._show(marks=self.pictures.marks.value)

    def stop(self) -> None:
        """Leave the session; its answers are written already."""
        self._end()
        status, go_on = "", ""
        if self.session is not None:
            done, total = self.session.progress.done, self.session.progress.total
            status = f"Stopped. {done} of {total} trials are answered and saved."
            go_on = self.session.folder.name
        self._show(page="start", status=status, go_on=go_on)

    def _show_trial(self, trial: Trial | None) -> None:
        self._trial = trial
        if trial is None:
            self._end()
            self._show(status="", go_on="")
            if self.session is not None:
                self.show_standing(self.session.folder)
            return
        self._show(page="trial", trial=(trial.number, trial.total))
        self.pictures.show(trial)
        self._since = time.monotonic()

    def _end(self) -> None:
        self._trial = None
        self.set_tool(None)
        self.pictures.restore()
        self._list_pictures()
        self._show(trial=None)

    def _show(self, **shown: object) -> None:
        before = self.shown
        self.shown = replace(before, **shown)  # type: ignore[arg-type]
        if names := changes(before, self.shown):
            self.changed.emit(names)
