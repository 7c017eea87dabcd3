"""What a run would wait for is there after it was made ready."""

from napari_fus_ulm.generators import loaded
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.metrics.fidelity import _build_lpips
from napari_fus_ulm.tasks.ready import ready_run


def test_weights_and_measures_are_loaded(small_weights):
    loaded._loaded.cache_clear()
    settings = EnhanceSettings(weights=str(small_weights), device="cpu")
    words = [event.what for event in ready_run(settings, measures=True)]
    assert words == ["Loading PyTorch…", "Loading the weights…", "Loading the measures…"]
    assert loaded._loaded.cache_info().currsize == 1
    assert _build_lpips.cache_info().currsize == 1


def test_measures_are_left_alone_without_a_ground_truth(small_weights):
    settings = EnhanceSettings(weights=str(small_weights), device="cpu")
    assert len(list(ready_run(settings, measures=False))) == 2
