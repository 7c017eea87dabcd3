"""The pages of the guide, in a window beside the viewer; they need no network."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QTextCursor, QTextDocument
from qtpy.QtWidgets import QDialog, QTextBrowser, QToolButton, QVBoxLayout, QWidget

import napari_fus_ulm
from napari_fus_ulm._napari.widgets.controls import Section

_PACKAGE = Path(napari_fus_ulm.__file__).parent
PLACES = (_PACKAGE / "guide", _PACKAGE.parents[1] / "docs")
"""Where the pages are: in an installed package, and in a clone."""
_PICTURE = re.compile(r"^!\[[^\]]*\]\(([^)]+)\)\n?", re.MULTILINE)


def page_file(name: str) -> Path:
    """Return the file of a page, such as “trust.md”."""
    return next(place / name for place in PLACES if (place / name).is_file())


def page_text(file: Path) -> str:
    """Return a page as Markdown; pictures that are not there are left out."""

    def there(picture: re.Match[str]) -> str:
        return picture.group() if (file.parent / picture.group(1)).is_file() else ""

    return _PICTURE.sub(there, file.read_text(encoding="utf-8"))


class Guide(QDialog):
    """A page, scrolled to one of its headings; links to other pages are followed.

    Parameters
    ----------
    name : str
        Of the page.
    heading : str
        Where it is opened.
    parent : QWidget, optional
    """

    def __init__(self, name: str, heading: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Guide")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 640)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        self._heading = heading
        self._load(page_file(name))

    def showEvent(self, event: object) -> None:
        """Scroll to the heading once the page has been laid out."""
        super().showEvent(event)  # type: ignore[arg-type]
        self.go_to(self._heading)

    def go_to(self, heading: str) -> None:
        """Scroll to a heading."""
        document = self.text.document()
        if document is None:
            return
        block = document.begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and block.text().strip() == heading:
                layout, bar = document.documentLayout(), self.text.verticalScrollBar()
                if layout is not None and bar is not None:
                    bar.setValue(int(layout.blockBoundingRect(block).top()))
                return
            block = block.next()

    def _load(self, file: Path) -> None:
        self._folder = file.parent
        self.text.setSearchPaths([str(file.parent)])
        document = self.text.document()
        if document is not None:
            document.setBaseUrl(QUrl.fromLocalFile(f"{file.parent}/"))
            self.text.setMarkdown(page_text(file))
            _fit_pictures(document, self.width() - 40)

    def _follow(self, link: QUrl) -> None:
        file = self._folder / link.path()
        if file.suffix == ".md" and file.is_file():
            self._load(file)


def _fit_pictures(document: QTextDocument, width: int) -> None:
    """Make pictures no wider than the window."""
    block = document.begin()
    while block.isValid():
        parts = block.begin()
        while not parts.atEnd():
            image = parts.fragment().charFormat().toImageFormat()
            if image.isValid():
                image.setWidth(width)
                cursor = QTextCursor(document)
                cursor.setPosition(parts.fragment().position())
                cursor.setPosition(
                    parts.fragment().position() + parts.fragment().length(),
                    QTextCursor.MoveMode.KeepAnchor,
                )
                cursor.setCharFormat(image)
            parts += 1
        block = block.next()


class Help(QToolButton):
    """A *?* that opens a page of the guide.

    Parameters
    ----------
    name : str
        Of the page.
    heading : str
        Where it is opened.
    """

    def __init__(self, name: str, heading: str) -> None:
        super().__init__()
        self._name, self._heading = name, heading
        self.setText("?")
        self.setAutoRaise(True)
        self.setFixedSize(22, 20)
        self.setToolTip(f"Opens the guide at “{heading}”.")
        self.setAccessibleName(f"Guide: {heading}")
        self.clicked.connect(self.open_page)

    def open_page(self) -> Guide:
        """Show the page."""
        guide = Guide(self._name, self._heading, self.window())
        guide.show()
        return guide


def explained(section: Section, name: str, heading: str) -> Section:
    """Put a *?* beside the title of a section and return the section."""
    section.beside_title(Help(name, heading))
    return section
