"""Tables: Markdown to read, CSV to compute with."""

import csv
import io
import math

import numpy as np
import pytest

from napari_fus_ulm.output.tables import csv_text, markdown_table, number


def test_the_first_column_is_left_and_the_others_right() -> None:
    table = markdown_table(["", "MSE", "LPIPS"], [["a", "0.1", "–"], ["b | c", "0.2", ""]])
    assert table.splitlines() == [
        "| | MSE | LPIPS |",
        "| --- | ---: | ---: |",
        "| a | 0.1 | – |",
        r"| b \| c | 0.2 | |",
    ]


def test_columns_can_be_aligned_one_by_one() -> None:
    assert (
        markdown_table(["a", "b", "c"], [], align="lrl").splitlines()[1] == "| --- | ---: | --- |"
    )


def test_csv_keeps_every_digit_and_leaves_the_unknown_empty() -> None:
    third = 1.0 / 3.0
    text = csv_text([["name", "x", "y"], ["a, “b”", third, math.nan], ["c", None, math.inf]])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0] == {"name": "a, “b”", "x": repr(third), "y": ""}
    assert float(rows[0]["x"]) == third
    assert rows[1] == {"name": "c", "x": "", "y": "inf"}
    assert csv_text([[np.float64(0.5), np.nan]]) == "0.5,\n"
    assert "\r" not in text


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (0.12345, False, "0.123"),
        (0.12345, True, "+0.123"),
        (math.nan, True, "–"),
        (math.inf, False, "∞"),
        (-math.inf, False, "−∞"),
    ],
)
def test_numbers_for_readers(value: float, sign: bool, text: str) -> None:
    assert number(value, 3, sign=sign) == text
