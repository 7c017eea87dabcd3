"""The one place that writes tables: Markdown to read, CSV to compute with, and their numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

_ALIGNED = {"l": "---", "r": "---:"}


def markdown_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, align: str | None = None
) -> str:
    """Return a table in Markdown, without a line break at its end.

    Parameters
    ----------
    head : sequence of str
        Headings of the columns.
    rows : iterable of sequences of str
        Their cells; a “|” in one is escaped.
    align : str, optional
        “l” or “r” for each column; the first left and the others right by default.
    """
    align = align or "l" + "r" * (len(head) - 1)
    rule = f"| {' | '.join(_ALIGNED[side] for side in align)} |"
    return "\n".join([_markdown_row(head), rule, *map(_markdown_row, rows)])


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, every digit kept; None and numbers that are not known are empty.

    The first row is that of the columns' names.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def number(value: float, digits: int, *, sign: bool = False) -> str:
    """Return a number for readers: “–” where it is not known, “∞” where it is infinite."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "|" + "".join(
        f" {cell.replace('|', chr(92) + '|')} |" if cell else " |" for cell in cells
    )


def _csv_cell(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
