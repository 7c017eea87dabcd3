"""Command-line options whose help, choices and range are declared in a settings class."""

from __future__ import annotations

from typing import Any

import typer

from napari_fus_ulm.declared import declared


def option(settings: Any, name: str, note: str = "") -> Any:
    """Return a typer option of a declared setting.

    Parameters
    ----------
    settings : type
        The settings class.
    name : str
        The field.
    note : str
        What this command adds to the help, such as its default.
    """
    one = declared(settings)[name]
    words = "; ".join(part for part in (one.allowed, note) if part)
    about = f" ({words})." if words else "."
    return typer.Option(help=(one.setting.brief or one.setting.help.removesuffix(".")) + about)
