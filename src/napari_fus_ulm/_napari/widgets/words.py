"""Words for values that have other names in the code."""

from __future__ import annotations

VALUES = (
    ("linear", "linear"),
    ("√ (square root)", "sqrt"),
    ("cube root", "cbrt"),
    ("log/dB", "db"),
    ("8-bit display", "display"),
)
WORD_OF = {data: text for text, data in VALUES}
