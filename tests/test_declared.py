from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest

from napari_fus_ulm.declared import Setting, check_declared, declared
from napari_fus_ulm.diagnostics.evidence import EvidenceSettings
from napari_fus_ulm.errors import SettingsError
from napari_fus_ulm.evaluation.harness import EvaluationSettings
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.tasks.coherence import CoherenceSettings
from napari_fus_ulm.tasks.support import SupportSettings
from napari_fus_ulm.training.settings import TrainSettings

CLASSES = (
    EnhanceSettings, TrainSettings, EvidenceSettings, SupportSettings, CoherenceSettings,
    EvaluationSettings,
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    steps: Annotated[int, Setting(label="Steps", help="How many.", low=1, high=100)] = 4
    side: Annotated[
        int | None, Setting(label="Side", help="Pixels.", low=8, high=64, multiple_of=8)
    ] = None
    way: Annotated[
        Literal["ddim", "ancestral"], Setting(label="Way", help="Which.", words={"ddim": "DDIM"})
    ] = "ddim"
    share: Annotated[float, Setting(label="Share", help="Of all.", low=0.0, high=1.0)] = 0.5
    free: str = ""

    def __post_init__(self) -> None:
        check_declared(self)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"steps": 0}, "steps is 0; it must lie between 1 and 100."),
        ({"steps": 101}, "steps is 101; it must lie between 1 and 100."),
        ({"steps": 2.5}, "steps is 2.5; it must be a whole number."),
        ({"steps": "3"}, "steps is “3”; it must be a whole number."),
        ({"steps": None}, "steps is None; it must be a whole number."),
        ({"side": 20}, "side is 20; it must be a multiple of 8."),
        ({"way": "magic"}, "way is “magic”; it must be ddim or ancestral."),
        ({"share": float("nan")}, "share is nan; it must lie between 0.0 and 1.0."),
        ({"share": True}, "share is True; it must be a number."),
    ],
)
def test_a_wrong_value_is_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        Example(**wrong)  # type: ignore[arg-type]
    assert str(error.value) == sentence


def test_what_a_form_and_a_command_read() -> None:
    fields = declared(Example)
    assert list(fields) == ["steps", "side", "way", "share"]
    assert fields["steps"].allowed == "1 to 100"
    assert fields["way"].allowed == "ddim or ancestral"
    assert fields["way"].items == (("DDIM", "ddim"), ("ancestral", "ancestral"))
    assert (fields["side"].optional, fields["side"].kind) == (True, int)
    assert Example(steps=np.int64(3), side=None, share=1).steps == 3


@pytest.mark.parametrize("settings", CLASSES)
def test_every_default_is_allowed_and_every_setting_says_what_it_is(settings: type) -> None:
    settings()
    for one in declared(settings).values():
        assert one.setting.label
        assert one.setting.help.endswith(".")
        assert set(one.setting.words) <= set(one.choices)


@pytest.mark.parametrize("settings", CLASSES)
def test_both_ends_of_a_range_are_allowed_and_no_more(settings: type) -> None:
    for name, one in declared(settings).items():
        low, high = one.setting.low, one.setting.high
        if low is None or high is None:
            continue
        one.check(low)
        one.check(high)
        for beyond in (low - 1, high + 1):
            with pytest.raises(SettingsError, match=f"^{name} is "):
                settings(**{name: beyond})


def test_settings_are_there_without_torch() -> None:
    code = "import sys, napari_fus_ulm.inference.settings; print('torch' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "False"
