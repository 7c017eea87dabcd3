"""The calibration table: real numbers, simulated ones, and the verdict."""

import dataclasses
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.calibration.measure import Measured
from napari_fus_ulm.phantom.calibration.real import (
    MAPS,
    POWER,
    STORED,
    RealNumbers,
    as_json,
    measure_real,
    stored_numbers,
)
from napari_fus_ulm.phantom.calibration.run import AnimalMeasured, Calibrated, calibrate
from napari_fus_ulm.phantom.calibration.table import TABLE, as_markdown, table_rows

FUS, ULM = 9, 11
"""Texture statistics of a patch."""
BANDS = (0.2, 0.4, 0.6)
REAL = RealNumbers({"mouse, ULM": {"density": 4.25}}, (BANDS,) * FUS, (BANDS,) * ULM, 20, 30)
SMALL = PhantomParams(width_mm=3.0, depth_mm=2.8)


def measured(seed: int, **numbers: float) -> Measured:
    """An animal in the middle of every range but for some numbers."""
    middle = {line.key: 0.5 * (line.low + line.high) for line in TABLE}
    return Measured(seed, middle | numbers, np.full((4, FUS), 0.4), np.full((6, ULM), 0.4))


def test_animals_in_the_middle_of_every_range_are_inside() -> None:
    rows = table_rows([measured(1), measured(2)], REAL)
    assert len(rows) == len(TABLE) + FUS + ULM
    assert all(row.inside for row in rows)
    assert "Every median is inside its range." in as_markdown(Calibrated(rows, 2, 1.0), REAL)


def test_the_median_decides_and_what_is_outside_is_said() -> None:
    low = [measured(seed, spearman=0.9) for seed in (1, 2)]
    rows = table_rows([*low, measured(3)], REAL)
    (outside,) = [row for row in rows if not row.inside]
    assert (outside.median, outside.high) == (0.9, 0.75)
    assert outside.p5 == pytest.approx(np.percentile([0.9, 0.9, 0.65], 5))
    text = as_markdown(Calibrated(rows, 3, 1.0), REAL)
    assert "- Spearman, power Doppler against blurred ULM: 0.9, above 0.75." in text
    assert all(row.inside for row in table_rows([low[0], measured(2), measured(3)], REAL))


def test_every_row_of_the_table_has_its_unit_and_the_real_values() -> None:
    rows = table_rows([measured(1)], REAL)
    lines = as_markdown(Calibrated(rows, 1, 1.0), REAL).splitlines()
    for row in rows:
        (line,) = [one for one in lines if one.startswith(f"| {row.statistic} |")]
        assert row.unit in line
        assert row.real in line
    (density,) = [row for row in rows if row.unit == "mm/mm²"]
    assert density.real == "2–5; measured: mouse 4.25"


def test_texture_tells_the_share_of_patches_inside_the_real_ones() -> None:
    one = measured(1)
    one.fus_texture[0, 0] = 0.7  # one of four
    row = next(r for r in table_rows([one], REAL) if r.statistic.startswith("fUS patches"))
    assert row.note == "75 % of 4 patches"
    assert row.inside
    one.fus_texture[:, 0] = 0.7
    assert not next(r for r in table_rows([one], REAL) if r.statistic == row.statistic).inside


@pytest.mark.slow
def test_simulated_animals_are_measured_alike_whatever_the_number_of_processes() -> None:
    tables = []
    for workers in (1, 2):
        *animals, last = calibrate(2, workers=workers, params=SMALL, vary=False)
        assert isinstance(last, Calibrated)
        assert [(e.done, e.total) for e in animals if isinstance(e, AnimalMeasured)] == [
            (1, 2),
            (2, 2),
        ]
        assert last.animals == 2
        assert last.seconds_per_section > 0
        tables.append(last.rows)
    assert tables[0] == tables[1]
    assert all(np.isfinite([row.median, row.p5, row.p95]).all() for row in tables[0])


# ---------------------------------------------------------------- the real side


def test_the_stored_numbers_are_those_of_the_real_recordings(
    real_data: Callable[[str], Path],
) -> None:
    folder = real_data(POWER["rat"]).parent
    for file in (*POWER.values(), *MAPS.values()):
        real_data(file)
    again = json.loads(as_json(measure_real(folder)))
    stored = json.loads(as_json(stored_numbers()))
    assert again["recordings"].keys() == stored["recordings"].keys()
    for name, numbers in stored["recordings"].items():
        assert again["recordings"][name] == pytest.approx(numbers, rel=1e-2)
    for kind in ("fus_bands", "ulm_bands"):
        assert np.allclose(again[kind], stored[kind], atol=0.01)


def test_the_mouse_maps_give_the_documented_numbers() -> None:
    for name in MAPS:
        numbers = stored_numbers().recordings[f"{name}, ULM"]
        assert numbers["count_share_as_recorded"] == pytest.approx(15, abs=0.5)
        assert numbers["count_share"] == pytest.approx(21, abs=0.6)
        assert 2 <= numbers["density"] <= 5
        for key, documented in (("width_10", 21), ("width_50", 58), ("width_90", 145)):
            assert numbers[key] == pytest.approx(documented, rel=0.13)


def test_the_power_doppler_pictures_have_the_documented_background() -> None:
    shares = [stored_numbers().recordings[f"{name}, power Doppler"]["background"] for name in POWER]
    assert np.mean(shares) == pytest.approx(60, abs=5)


def test_numbers_are_stored_and_no_pixels() -> None:
    text = files("napari_fus_ulm.phantom.calibration").joinpath(STORED).read_text(encoding="utf-8")
    assert len(text) < 10_000
    assert as_json(stored_numbers()) == text
    assert dataclasses.asdict(stored_numbers()).keys() == json.loads(text).keys()


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rat_power_doppler\.png.* does not exist"):
        measure_real(tmp_path)
