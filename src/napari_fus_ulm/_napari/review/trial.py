"""The answer to one trial: two ratings, a preference, a comment."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_fus_ulm._napari.review.answer import SIDES, Answer
from napari_fus_ulm._napari.widgets.controls import Signal, row, wrapped
from napari_fus_ulm.tasks.review import Mark, MarkKind, Preference

CONTINUITY = {
    1: "broken everywhere",
    2: "broken in most places",
    3: "broken in about half",
    4: "broken in a few places",
    5: "continuous throughout",
}
PREFERENCES: dict[Preference, tuple[str, str]] = {
    "left": ("Left", "L"),
    "none": ("No difference", "N"),
    "right": ("Right", "R"),
}
TOOLS: dict[MarkKind, tuple[str, str, str]] = {
    "break": ("○ Breaks", "B", "A click marks a vessel that is interrupted."),
    "invention": ("◇ Inventions", "I", "A click marks a vessel that you do not believe."),
}
KEYS = (
    "Keys: 1–5 rate the picture marked ▸ (left first, then right); Backspace undoes the last "
    "rating; L, N and R state the preference; B and I choose what a click marks, Esc ends that; "
    "Return continues."
)


class TrialForm(QWidget):
    """Ratings, preference, comment and *Next*, which waits until nothing is missing.

    The columns of the ratings lie as the pictures do. Keys alone suffice, wherever the focus is;
    text that is being typed into the comment is left alone.

    Signals
    -------
    changed()
        The user has changed the answer.
    tool_chosen(object)
        What a click on a picture shall mark ("break" or "invention"), or None.
    answered(), fit_requested(), stop_requested()
    """

    changed = Signal()
    tool_chosen = Signal(object)
    answered = Signal()
    fit_requested = Signal()
    stop_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.progress = QLabel()
        font = self.progress.font()
        font.setBold(True)
        self.progress.setFont(font)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.heads = {side: QLabel() for side in SIDES}
        self.ratings = {side: QButtonGroup(self) for side in SIDES}
        self.preferences = QButtonGroup(self)
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("Comment (optional)")
        self.comment.setAccessibleName("Comment")
        self.comment.setToolTip("Saved with the answer; do not unblind other readers.")
        self.next = QPushButton()
        self.next.setMinimumHeight(32)
        self.next.setFont(font)
        self.missing = wrapped()
        self.fit = QPushButton("Fit pictures")
        self.fit.setToolTip("Fits both pictures to the canvas again.")
        self.stop = QPushButton("Stop for now")
        self.stop.setToolTip("Leaves the session; answers are saved and you can continue later.")
        self.tools: dict[MarkKind, QPushButton] = {}
        for kind, (text, letter, tip) in TOOLS.items():
            button = self.tools[kind] = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(f"{tip} A click on a mark takes it away. Key {letter}.")
        self._groups = (*self.ratings.values(), self.preferences)
        self._lay_out()
        self._wire()

    def value(self) -> Answer:
        """Return the answer so far."""
        left, right = (self.ratings[side].checkedId() for side in SIDES)
        chosen = self.preferences.checkedId()
        return Answer(
            left=left if left > 0 else None,
            right=right if right > 0 else None,
            preference=get_args(Preference)[chosen] if chosen >= 0 else None,
            comment=self.comment.text(),
        )

    def set_value(self, answer: Answer) -> None:
        """Show an answer."""
        for side, rating in zip(SIDES, (answer.left, answer.right), strict=True):
            _check(self.ratings[side], rating)
        preference = answer.preference
        number = None if preference is None else get_args(Preference).index(preference)
        _check(self.preferences, number)
        self.comment.setText(answer.comment)
        self._show_missing()

    def show_trial(self, number: int, total: int) -> None:
        """Begin a trial with an empty answer."""
        self.progress.setText(f"Trial {number} of {total}")
        self.bar.setRange(0, total)
        self.bar.setValue(number - 1)
        self.bar.setAccessibleName(f"{number - 1} of {total} answered")
        self.next.setText("Finish" if number == total else "Next")
        self.set_value(Answer())
        self.comment.clearFocus()  # or the next digit would be a word of the comment

    def show_marks(self, tool: MarkKind | None, marks: tuple[Mark, ...]) -> None:
        """Show what a click marks, and how many marks there are."""
        for kind, button in self.tools.items():
            count = sum(mark.kind == kind for mark in marks)
            button.setText(f"{TOOLS[kind][0]}{f' ({count})' if count else ''}")
            button.setChecked(kind == tool)

    # ------------------------------------------------------------ keys

    def _on_tool(self) -> None:
        sender = self.sender()
        chosen = self._tool_of.get(sender) if sender is not None else None
        on = chosen is not None and self.tools[chosen].isChecked()
        if isinstance(sender, QShortcut):  # a key does not press the button
            on = not on
        self.tool_chosen.emit(chosen if on else None)

    def _on_digit(self) -> None:
        self._change(self.value().rated(self._digits[self.sender()]))

    def _on_letter(self) -> None:
        self._change(replace(self.value(), preference=self._letters[self.sender()]))

    def _on_back(self) -> None:
        self._change(self.value().taken_back())

    def _change(self, answer: Answer) -> None:
        self.set_value(answer)
        self.changed.emit()

    def _on_return(self) -> None:
        if self.next.isEnabled():
            self.answered.emit()

    def _on_click(self) -> None:
        self._show_missing()
        self.changed.emit()

    def _show_missing(self) -> None:
        answer = self.value()
        for side, head in self.heads.items():
            title = side.capitalize()
            head.setText(f"▸ {title}" if side == answer.next_side else title)
        missing = answer.missing
        self.next.setEnabled(not missing)
        self.missing.setText(f"Still missing: {', '.join(missing)}." if missing else "Complete.")

    # ------------------------------------------------------------ layout

    def _wire(self) -> None:
        for group in self._groups:
            group.buttonClicked.connect(self._on_click)
        self.next.clicked.connect(self.answered)
        self.fit.clicked.connect(self.fit_requested)
        self.stop.clicked.connect(self.stop_requested)
        self._digits: dict[QObject | None, int] = {
            self._key(str(n), self._on_digit): n for n in CONTINUITY
        }
        self._letters: dict[QObject | None, Preference] = {
            self._key(letter, self._on_letter): chosen
            for chosen, (_, letter) in PREFERENCES.items()
        }
        self._key("Backspace", self._on_back)
        for key in ("Return", "Enter"):
            self._key(key, self._on_return)
        self._tool_of: dict[QObject | None, MarkKind] = {}
        for kind, button in self.tools.items():
            button.clicked.connect(self._on_tool)
            self._tool_of |= {button: kind, self._key(TOOLS[kind][1], self._on_tool): kind}
        self._key("Escape", self._on_tool)

    def _key(self, key: str, slot: object) -> QShortcut:
        shortcut = QShortcut(QKeySequence(key), self)
        # Of the application: the dock may float beside the window with the pictures.
        shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        shortcut.setAutoRepeat(False)  # a key held down rates one picture, not both
        shortcut.activated.connect(slot)
        return shortcut

    def _rating_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        centre = Qt.AlignmentFlag.AlignCenter
        for column, side in zip((0, 4), SIDES, strict=True):
            head = self.heads[side]
            head.setMinimumWidth(56)
            grid.addWidget(head, 0, column, centre)
            for number, words in CONTINUITY.items():
                button = QRadioButton()
                button.setAccessibleName(f"{side.capitalize()}: {number}, {words}")
                button.setToolTip(f"Vessels of the {side} picture: {words}.")
                self.ratings[side].addButton(button, number)
                grid.addWidget(button, number, column, centre)
        for number, words in CONTINUITY.items():
            grid.addWidget(QLabel(f"{number}   {words}"), number, 2)
        for column in (1, 3):  # the words begin below each other, between the columns
            grid.setColumnStretch(column, 1)
        return grid

    def _preference_row(self) -> QHBoxLayout:
        line = QHBoxLayout()
        for chosen, (text, letter) in PREFERENCES.items():
            button = QRadioButton(text)
            button.setToolTip(f"Which picture you would rather work with. Key {letter}.")
            self.preferences.addButton(button, get_args(Preference).index(chosen))
            if line.count():
                line.addStretch(1)
            line.addWidget(button)
        return line

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.progress)
        column.addWidget(self.bar)
        column.addSpacing(4)
        column.addWidget(wrapped("How continuous are the vessels?"))
        column.addLayout(self._rating_grid())
        column.addSpacing(6)
        column.addWidget(wrapped("Which picture do you prefer?"))
        column.addLayout(self._preference_row())
        column.addSpacing(6)
        column.addWidget(wrapped("Mark what catches your eye (optional):"))
        column.addWidget(row(*self.tools.values()))
        column.addSpacing(4)
        column.addWidget(self.comment)
        column.addWidget(self.next)
        column.addWidget(self.missing)
        column.addSpacing(4)
        column.addWidget(wrapped(KEYS))
        column.addWidget(row(self.fit, self.stop))


def _check(group: QButtonGroup, number: int | None) -> None:
    """Check the button with this number, or none, which an exclusive group does not allow."""
    group.setExclusive(False)
    for button in group.buttons():
        button.setChecked(group.id(button) == number)
    group.setExclusive(True)
