"""Units of length and time by any of the names that files give them."""

from __future__ import annotations

import re

_PREFIXES = {
    "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2,
    "da": 10.0, "": 1.0, "d": 1e-1, "c": 1e-2, "m": 1e-3, "µ": 1e-6, "u": 1e-6, "n": 1e-9,
    "p": 1e-12, "f": 1e-15, "a": 1e-18, "z": 1e-21, "y": 1e-24,
}  # fmt: skip
_LONG_PREFIXES = {
    "kilo": 1e3, "hecto": 1e2, "deca": 10.0, "": 1.0, "deci": 1e-1, "centi": 1e-2, "milli": 1e-3,
    "micro": 1e-6, "nano": 1e-9, "pico": 1e-12, "femto": 1e-15,
}  # fmt: skip
_INCH_MM = 25.4
_OTHER_LENGTHS = {
    "micron": 1e-3, "mu": 1e-3, "µ": 1e-3, "å": 1e-7, "a": 1e-7, "angstrom": 1e-7,
    "ångström": 1e-7, "ångstrom": 1e-7, "in": _INCH_MM, "inch": _INCH_MM, "inche": _INCH_MM,
    '"': _INCH_MM, "thou": _INCH_MM / 1e3, "mil": _INCH_MM / 1e3, "li": _INCH_MM / 12,
    "pt": _INCH_MM / 72, "ft": 12 * _INCH_MM, "yd": 36 * _INCH_MM,
}  # fmt: skip
_OTHER_TIMES = {
    "sec": 1.0, "msec": 1e-3, "µsec": 1e-6, "usec": 1e-6, "nsec": 1e-9, "min": 60.0,
    "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip


def mm_per(unit: object) -> float | None:
    """Return the millimetres in a unit of length, None for anything else.

    Known are the symbols and names of SI in both spellings, singular and plural, any case,
    and those of OME and ImageJ (micron, Å, inch, thou, …). Pixels and "reference frames" have no
    length.
    """
    return _factor(_clean(unit), "m", r"met(er|re)", 1e3, _OTHER_LENGTHS)


def seconds_per(unit: object) -> float | None:
    """Return the seconds in a unit of time, None for anything else."""
    return _factor(_clean(unit), "s", "second", 1.0, _OTHER_TIMES)


def _factor(
    unit: str, symbol: str, name: str, base: float, others: dict[str, float]
) -> float | None:
    # As written first: “Mm” is a megametre, “MM” was meant to be a millimetre.
    for spelling in (unit, unit.lower()):
        if spelling.endswith(symbol) and spelling[: -len(symbol)] in _PREFIXES:
            return _rounded(base * _PREFIXES[spelling[: -len(symbol)]])
    low = unit.lower()
    if match := re.fullmatch(rf"([a-z]*?)[ -]?{name}s?", low):
        prefix = _LONG_PREFIXES.get(match[1])
        return None if prefix is None else _rounded(base * prefix)
    return others.get(low, others.get(low.removesuffix("s")))


def _rounded(factor: float) -> float:
    return float(f"{factor:.12g}")  # 1e3 · 1e-6 is not quite 1e-3


def _clean(unit: object) -> str:
    """Undo what happens to µ on its way through files: escapes, Greek letters, lost encodings."""
    text = str(unit).replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("\\u03BC", "µ")
    text = text.replace("μ", "µ").replace("Âµ", "µ").replace("\ufffd", "µ")
    return text.strip(" \t\r\n\0.")
