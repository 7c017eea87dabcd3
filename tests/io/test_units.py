"""Units by any of the names that files give them."""

import pytest

from napari_fus_ulm.io.units import mm_per, seconds_per

LENGTHS = {
    1.0: ["mm", "MM", " mm ", "mm.", "millimeter", "millimeters", "millimetre", "Millimetres"],
    1e-3: [
        "µm", "μm", "um", "UM", "micron", "Microns", "micrometer", "micrometres", "\\u00B5m",
        "\ufffdm", "Âµm", "micro-meter", "µ",
    ],
    1e3: ["m", "M", "meter", "metres"],
    10.0: ["cm", "centimeter", "centimetres"],
    100.0: ["dm", "decimetre"],
    1e-6: ["nm", "nanometers"],
    1e-9: ["pm", "picometer"],
    1e-7: ["Å", "A", "angstrom", "Ångström"],
    25.4: ["in", "inch", "Inches", '"'],
    0.0254: ["thou", "mil", "mils"],
    1e6: ["km"],
    1e9: ["Mm"],
}  # fmt: skip


@pytest.mark.parametrize(("mm", "unit"), [(mm, unit) for mm, us in LENGTHS.items() for unit in us])
def test_lengths(mm: float, unit: str):
    assert mm_per(unit) == pytest.approx(mm, rel=1e-12)


@pytest.mark.parametrize("unit", ["pixel", "reference frame", "", "None", None, "s", "px", "gramm"])
def test_what_has_no_length(unit: object):
    assert mm_per(unit) is None


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [("s", 1), ("sec", 1), ("Seconds", 1), ("ms", 1e-3), ("msec", 1e-3), ("milliseconds", 1e-3),
     ("µs", 1e-6), ("us", 1e-6), ("min", 60), ("minutes", 60), ("h", 3600), ("hours", 3600)],
)  # fmt: skip
def test_times(unit: str, seconds: float):
    assert seconds_per(unit) == pytest.approx(seconds)
    assert mm_per("mm") == 1.0


@pytest.mark.parametrize("unit", ["mm", "frame", "", "Hz"])
def test_what_is_no_time(unit: str):
    assert seconds_per(unit) is None
