"""What a paper says about a result."""

from pathlib import Path

import pytest
import xarray as xr

import napari_fus_ulm
from napari_fus_ulm import enhance
from napari_fus_ulm.phantom import PhantomPair
from napari_fus_ulm.tasks.methods import AUTHORS, CAVEAT, TITLE, citation, methods_text


@pytest.fixture(scope="module")
def fus(section: PhantomPair) -> xr.DataArray:
    return section.fus.isel(j=slice(10, 40), i=slice(20, 50))


def test_it_says_how_the_image_was_made_and_that_it_is_generated(fus: xr.DataArray) -> None:
    text = methods_text(enhance(fus, mode="detailed", steps=3, seed=5).provenance)
    for word in (
        f"napari-fus-ulm {napari_fus_ulm.__version__}",
        "Diffusion",
        "diffusion.safetensors",
        "600 simulated coronal sections",
        "One sample was drawn around the conditional mean (departure 0.5) in 3 evaluations",
        "seed 5",
        CAVEAT,
    ):
        assert word in text


def test_each_purpose_is_told_in_its_own_words(fus: xr.DataArray) -> None:
    assert "conditional mean was computed" in methods_text(enhance(fus).provenance)
    balanced = enhance(fus, mode="balanced", samples=2, steps=1, pixel_um=30.0).provenance
    assert "2 samples were drawn" in methods_text(balanced)
    assert f"{balanced['pixel_um'][0]:.3g} µm" in methods_text(balanced)


def test_weights_of_unknown_origin_are_said_to_be_such(
    small_weights: Path, fus: xr.DataArray
) -> None:
    run = enhance(fus, mode="accurate", weights=str(small_weights))
    unknown = {**run.provenance, "learnt_from": ""}
    assert "is not recorded" in methods_text(unknown)


def test_the_citation_is_that_of_the_repository() -> None:
    file = Path(__file__).parents[2] / "CITATION.cff"
    content = file.read_text(encoding="utf-8")
    assert TITLE in content
    assert AUTHORS in content
    assert TITLE in citation()
    assert napari_fus_ulm.__version__ in citation()
