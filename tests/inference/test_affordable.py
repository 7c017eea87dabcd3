"""Results that would show nothing, or need more memory than there is."""

import numpy as np
import pytest

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.inference import affordable
from napari_fus_ulm.inference.affordable import check_affordable
from napari_fus_ulm.inference.prepare import prepare
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.plausible import GIVEN
from napari_fus_ulm.scan import make_scan

SECTION = make_scan(np.ones((5, 60, 60)), spacing=(0.4, 0.1, 0.1), modality="fus", name="rat")


def test_an_ordinary_section_is_affordable():
    check_affordable(SECTION, (300, 300), (300, 300))


@pytest.mark.parametrize(("frame", "result"), [((3, 3), (3, 3)), ((300, 300), (300, 4))])
def test_a_result_that_shows_nothing_is_refused(frame, result):
    with pytest.raises(ScanError, match="pixels, too few"):
        check_affordable(SECTION, frame, result)


def test_memory_is_counted_before_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(affordable, "memory_free", lambda: 2_000_000_000)
    check_affordable(SECTION, (3000, 3000), (3000, 3000))
    with pytest.raises(ScanError, match=r"5 images of 30000 × 30000 .*GB.* 2 GB are free"):
        check_affordable(SECTION, (30000, 30000), (30000, 30000))
    with pytest.raises(ScanError, match="images of 3000 × 3000"):
        check_affordable(SECTION, (3000, 3000), (3000, 3000), kept=2)


def test_a_large_image_is_refused_before_it_is_prepared(small_weights, monkeypatch):
    monkeypatch.setattr(affordable, "memory_free", lambda: 100_000_000)
    picture = np.random.default_rng(0).random((300, 300)) + 1
    large = make_scan(picture, spacing=0.25, modality="fus", name="rat").assign_attrs({GIVEN: True})
    with pytest.raises(ScanError, match="75 mm × 75 mm"):
        prepare(large, EnhanceSettings(weights=str(small_weights)))
