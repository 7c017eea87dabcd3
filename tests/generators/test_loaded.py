from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch

from napari_fus_ulm.generators import names
from napari_fus_ulm.generators.checkpoint import bundled, bundled_weights, card_path
from napari_fus_ulm.generators.loaded import loaded_generator

CPU, META = torch.device("cpu"), torch.device("meta")


def test_all_generators_are_kept_side_by_side() -> None:
    assert len(bundled()) == len(names())
    first = [loaded_generator(path, CPU)[0] for path in bundled()]
    assert [loaded_generator(path, CPU)[0] for path in bundled()] == first


def test_a_device_has_a_model_of_its_own() -> None:
    path = bundled_weights(names()[0])
    model, _ = loaded_generator(path, CPU)
    other, _ = loaded_generator(path, META)
    assert other is not model
    assert {one.device for one in model.parameters()} == {CPU}
    assert {one.device for one in other.parameters()} == {META}
    assert not any(one.requires_grad for one in model.parameters())
    assert not model.training


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    source = bundled_weights(names()[0])
    weights = tmp_path / source.name
    shutil.copy(source, weights)
    shutil.copy(card_path(source), card_path(weights))
    model, _ = loaded_generator(weights, CPU)
    os.utime(weights, ns=(1, 1))
    again, _ = loaded_generator(weights, CPU)
    assert again is not model
