"""A generated image is never taken for the ground truth without a word."""

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.diagnostics.truth import against_truth
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.grey.reference import check_reference, doubtful_truth
from napari_fus_ulm.scan import generated_truth, make_scan


def picture(**attrs: object) -> xr.DataArray:
    image = np.random.default_rng(2).random((64, 64))
    return make_scan(image, spacing=0.02, modality="ulm", values_kind="grey", name="drawn", **attrs)


def test_only_a_generated_image_is_named() -> None:
    assert generated_truth(picture()) == ""
    assert generated_truth(picture(generated=True)).startswith("“drawn” is generated")


def test_without_metadata_a_map_without_empty_pixels_is_doubted() -> None:
    assert "hardly any empty pixel" in doubtful_truth(picture())
    sparse = picture()
    sparse.values[sparse.values < 0.5] = 0.0
    assert doubtful_truth(sparse) == ""
    sparse.attrs["generated"] = True
    assert "generated" in doubtful_truth(sparse)


def test_nothing_is_learnt_from_it() -> None:
    check_reference(picture())
    with pytest.raises(ScanError, match="generated, not measured"):
        check_reference(picture(generated=True))


def test_a_comparison_says_so() -> None:
    compared = against_truth(picture(), picture(generated=True), lpips=False)
    assert any("it is no ground truth" in note for note in compared.notes)
    assert not against_truth(picture(), picture(), lpips=False).notes
