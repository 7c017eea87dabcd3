"""Settings declared once: range, choices, label and help stand beside the field.

A field of a settings dataclass is annotated with a `Setting`; the validator, the command line and
the form of a dock read it there. Plain dataclasses, so that the command line starts quickly.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from napari_fus_ulm.errors import SettingsError

Number = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The declaration of a setting.

    Parameters
    ----------
    label : str
        A word or two, for a form.
    help : str
        What it does and costs, for a tooltip.
    brief : str
        A few words for the command line, where the help is long.
    low, high : int or float or None
        The range, both ends included.
    multiple_of : int or None
        The value is a multiple of it.
    step : int
        Of a spin box, where the value need not be a multiple of anything.
    words : mapping of str to str
        Names of choices in a form, where they differ from the values.
    """

    label: str
    help: str
    brief: str = ""
    low: Number | None = None
    high: Number | None = None
    multiple_of: int | None = None
    step: int = 1
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared field of a settings class.

    Attributes
    ----------
    name : str
    setting : Setting
    default
        `dataclasses.MISSING` if there is none.
    choices : tuple of str
        Of a `Literal`; empty for everything else.
    kind : type
        int, float or another, None left out.
    optional : bool
        Whether it may be None.
    """

    name: str
    setting: Setting
    default: Any
    choices: tuple[str, ...]
    kind: type
    optional: bool

    @property
    def items(self) -> tuple[tuple[str, str], ...]:
        """Label and value of every choice."""
        return tuple((self.setting.words.get(one, one), one) for one in self.choices)

    @property
    def allowed(self) -> str:
        """What it may be, in words: "1 to 100", "ddim or ancestral"; empty if anything."""
        if self.choices:
            *others, last = self.choices
            return f"{', '.join(others)} or {last}" if others else last
        low, high = self.setting.low, self.setting.high
        if low is None or high is None:
            return ""
        factor = self.setting.multiple_of
        return f"{_plain(low)} to {_plain(high)}" + (f", a multiple of {factor}" if factor else "")

    def check(self, value: Any) -> None:
        """Refuse a value that the setting cannot take.

        Raises
        ------
        SettingsError
            The sentence names the setting, the value and what is allowed.
        """
        if value is None and self.optional:
            return
        if self.choices:
            if value not in self.choices:
                raise SettingsError(f"{self.name} is {_quoted(value)}; it must be {self.allowed}.")
            return
        if self.kind not in (int, float):
            return
        if not _is_number(value, self.kind):
            what = "a whole number" if self.kind is int else "a number"
            raise SettingsError(f"{self.name} is {_quoted(value)}; it must be {what}.")
        low, high, factor = self.setting.low, self.setting.high, self.setting.multiple_of
        if low is not None and high is not None and not low <= value <= high:
            raise SettingsError(f"{self.name} is {value}; it must lie between {low} and {high}.")
        if factor is not None and value % factor:
            raise SettingsError(f"{self.name} is {value}; it must be a multiple of {factor}.")


@cache
def declared(settings: Any) -> Mapping[str, Declared]:
    """The declared fields of a settings class, by name, in their order."""
    hints = get_type_hints(settings, include_extras=True)
    fields = (_declared(one, hints[one.name]) for one in dataclasses.fields(settings))
    return types.MappingProxyType({one.name: one for one in fields if one is not None})


def check_declared(settings: Any) -> None:
    """Check every declared field of a settings object.

    Raises
    ------
    SettingsError
        At the first value that is outside its range or none of its choices.
    """
    for name, one in declared(settings.__class__).items():
        one.check(getattr(settings, name))


def _declared(one: dataclasses.Field[Any], hint: Any) -> Declared | None:
    setting = next((extra for extra in get_args(hint)[1:] if isinstance(extra, Setting)), None)
    if setting is None:
        return None
    kinds = [get_args(hint)[0]]
    if get_origin(kinds[0]) in (Union, types.UnionType):
        kinds = list(get_args(kinds[0]))
    (kind,) = (other for other in kinds if other is not type(None))
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return Declared(
        one.name, setting, one.default, choices, str if choices else kind, len(kinds) > 1
    )


def _quoted(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else repr(value)


def _plain(number: Number) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _is_number(value: Any, kind: type) -> bool:
    """Whether a value is a number of a kind; NumPy's are, True and False are not."""
    return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
