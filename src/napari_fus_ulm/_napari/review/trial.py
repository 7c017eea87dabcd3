"""What a reader says of one trial: two ratings, a preference, a comment."""

from __future__ import annotations

from typing import Any, get_args

from qtpy.QtCore import Qt
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

from napari_fus_ulm._napari.widgets.controls import Signal, row, wrapped
from napari_fus_ulm.review.answers import Preference

CONTINUITY = {
    1: "broken everywhere",
    2: "broken in most places",
    3: "broken in about half",
    4: "broken in a few places",
    5: "continuous throughout",
}
SIDES = ("left", "right")
PREFERENCES: dict[str, tuple[str, str]] = {
    "left": ("Left", "L"),
    "none": ("No difference", "N"),
    "right": ("Right", "R"),
}
KEYS = (
    "Keys: 1–5 rates the picture marked ▸, first left, then right; Backspace takes the last "
    "rating back. L, N, R prefers. Return goes on."
)


class TrialForm(QWidget):
    """Ratings, preference, comment and *Next*, which waits until nothing is missing.

    The columns of the ratings lie as the pictures do. It works by keys alone, wherever the
    focus is; text that is being typed into the comment is left alone.

    Signals
    -------
    answered(), fit_asked(), stop_asked()
    """

    answered = Signal()
    fit_asked = Signal()
    stop_asked = Signal()

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
        self.comment.setToolTip("Kept with the answer; what is told here may unblind others.")
        self.next = QPushButton()
        self.next.setMinimumHeight(32)
        self.next.setFont(font)
        self.missing = wrapped()
        self.fit = QPushButton("Fit pictures")
        self.fit.setToolTip("Lets both pictures fill the canvas again.")
        self.stop = QPushButton("Stop for now")
        self.stop.setToolTip("Leaves the session; answers are kept, and it goes on from here.")
        self._groups = (*self.ratings.values(), self.preferences)
        self._lay_out()
        self._wire()

    # ------------------------------------------------------------ what was said

    def rating(self, side: str) -> int | None:
        """Continuity of a side, 1 to 5, or None."""
        chosen = self.ratings[side].checkedId()
        return chosen if chosen > 0 else None

    @property
    def preference(self) -> Preference | None:
        """The side preferred, "none" for no difference, None while nothing was said."""
        chosen = self.preferences.checkedId()
        return get_args(Preference)[chosen] if chosen >= 0 else None

    def show_trial(self, number: int, total: int) -> None:
        """Begin with a trial: nothing is said yet."""
        self.progress.setText(f"Trial {number} of {total}")
        self.bar.setRange(0, total)
        self.bar.setValue(number - 1)
        self.bar.setAccessibleName(f"{number - 1} of {total} answered")
        self.next.setText("Finish" if number == total else "Next")
        for group in self._groups:
            _uncheck(group)
        self.comment.clear()
        self.comment.clearFocus()  # or the next digit would be a word of the comment
        self._say()

    # ------------------------------------------------------------ keys

    def _on_digit(self) -> None:
        side = self._marked()
        if side is not None:
            _check(self.ratings[side], self._digits[self.sender()])
            self._say()

    def _on_letter(self) -> None:
        _check(self.preferences, self._letters[self.sender()])
        self._say()

    def _on_back(self) -> None:
        rated = [side for side in SIDES if self.rating(side) is not None]
        if rated:
            _uncheck(self.ratings[rated[-1]])
            self._say()

    def _on_return(self) -> None:
        if self.next.isEnabled():
            self.answered.emit()

    def _marked(self) -> str | None:
        """The side that the next digit rates."""
        return next((side for side in SIDES if self.rating(side) is None), None)

    def _say(self) -> None:
        marked = self._marked()
        for side, head in self.heads.items():
            head.setText(f"▸ {side.capitalize()}" if side == marked else side.capitalize())
        missing = [f"the {side} rating" for side in SIDES if self.rating(side) is None]
        missing += [] if self.preference is not None else ["the preference"]
        self.next.setEnabled(not missing)
        self.missing.setText(f"Still missing: {', '.join(missing)}." if missing else "Complete.")

    # ------------------------------------------------------------ layout

    def _wire(self) -> None:
        for group in self._groups:
            group.buttonClicked.connect(self._say)
        self.next.clicked.connect(self.answered)
        self.fit.clicked.connect(self.fit_asked)
        self.stop.clicked.connect(self.stop_asked)
        self._digits: dict[Any, int] = {self._key(str(n), self._on_digit): n for n in CONTINUITY}
        self._letters: dict[Any, int] = {
            self._key(letter, self._on_letter): get_args(Preference).index(chosen)
            for chosen, (_, letter) in PREFERENCES.items()
        }
        self._key("Backspace", self._on_back)
        for key in ("Return", "Enter"):
            self._key(key, self._on_return)

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
        for column, side in ((0, "left"), (4, "right")):
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
        column.addSpacing(4)
        column.addWidget(self.comment)
        column.addWidget(self.next)
        column.addWidget(self.missing)
        column.addSpacing(4)
        column.addWidget(wrapped(KEYS))
        column.addWidget(row(self.fit, self.stop))


def _check(group: QButtonGroup, number: int) -> None:
    button = group.button(number)
    if button is not None:
        button.setChecked(True)


def _uncheck(group: QButtonGroup) -> None:
    """Clear a group, which an exclusive one does not allow."""
    group.setExclusive(False)
    for button in group.buttons():
        button.setChecked(False)
    group.setExclusive(True)
