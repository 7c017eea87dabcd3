"""Our own JSON files read with limits: a damaged or hostile one is an error, never a crash."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 32_000_000
MOST_DEPTH = 24
MOST_DIGITS = 30


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises
    ------
    OSError
        If it is missing or cannot be read.
    ValueError
        If it holds anything else; the message is a reason, in words.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not text in UTF-8") from error
    return parse_object(text)


def parse_object(text: str) -> dict[str, Any]:
    """Read a text that holds one JSON object, without NaN and infinities.

    Raises
    ------
    ValueError
        If it holds anything else; the message is a reason, in words.
    """
    try:
        content = json.loads(
            text, parse_constant=_not_finite, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON (line {error.lineno})") from error
    except RecursionError as error:
        raise ValueError(f"it is nested more than {MOST_DEPTH} levels deep") from error
    if not isinstance(content, dict):
        raise ValueError("it does not contain a JSON object")
    if _depth(content) > MOST_DEPTH:
        raise ValueError(f"it is nested more than {MOST_DEPTH} levels deep")
    return content


def entry(content: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    """Return an entry of an object if it is of a kind; True and False are no numbers.

    Raises
    ------
    ValueError
        If it is missing or of another kind; the message is a reason, in words.
    """
    if name not in content:
        raise ValueError(f"it lacks the entry “{name}”")
    value = content[name]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(_WORDS.get(one, one.__name__) for one in kinds)
        raise ValueError(f"its entry “{name}” is not {expected}")
    return value


_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}


def _depth(content: Any) -> int:
    depth, level = 0, [content]
    while level:
        depth += 1
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    return depth


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text)


def _whole(text: str) -> int:
    return int(text) if len(text) <= MOST_DIGITS else int(_not_finite(text))


def _not_finite(text: str) -> float:
    shown = text if len(text) <= MOST_DIGITS else f"{text[:MOST_DIGITS]}…"
    raise ValueError(f"it holds the number {shown}, which nothing here can be")
