"""Weights on disk: read back exactly, refused in words, never unpickled, never half written."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_fus_ulm.errors import CheckpointError
from napari_fus_ulm.generators import build, checkpoint, names
from napari_fus_ulm.generators.checkpoint import (
    Card,
    bundled_weights,
    card_path,
    load_generator,
    read_card,
    read_tensors,
    sha256,
    write_weights,
)
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.io.atomic import write_tensors, write_text

CARD = {
    "generator": "diffusion",
    "config": {"widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "pixel_um": 20.0,
    "training": {"steps": 3},
    "metrics": {},
    "notes": "for a test",
}


@pytest.fixture
def weights(tmp_path: Path, tiny: Callable[..., ConditionalDiffusion]) -> Path:
    path = tmp_path / "mine.safetensors"
    write_tensors(path, tiny(awake=True).state_dict())
    write_text(card_path(path), json.dumps(CARD))
    return path


def test_weights_are_read_back_exactly(weights: Path, tiny) -> None:
    model, card = load_generator(weights)
    expected = tiny(awake=True).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert card == Card(**CARD)
    assert sorted(p.name for p in weights.parent.iterdir()) == ["mine.json", "mine.safetensors"]


def test_half_precision_is_read_as_float32(weights: Path, tiny) -> None:
    half = {name: value.half() for name, value in tiny(awake=True).state_dict().items()}
    write_tensors(weights, half)
    model, _ = load_generator(weights)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.net.last.weight, half["net.last.weight"].float())  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [0, 4, 200, 0.5, 0.999])
def test_a_truncated_file_is_refused(weights: Path, size: float) -> None:
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(size if size > 1 else size * len(whole))])
    with pytest.raises(CheckpointError, match=r"mine\.safetensors is not a complete safetensors"):
        load_generator(weights)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["weights.pt", "weights.ckpt", "disguised.safetensors"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_is_never_opened(tmp_path: Path, name: str, how: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / name
    if how == "torch":
        torch.save({"weights": Malicious(mark)}, path)
    else:
        path.write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(CheckpointError, match=r"can run code and are never opened"):
        load_generator(path)
    assert not mark.exists()
    with path.open("rb") as file:  # it would have run
        if how == "pickle":
            pickle.load(file)
            assert mark.exists()


def test_a_missing_file_and_a_missing_card_have_different_messages(
    tmp_path: Path, weights: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"There is no weights file .*none\.safetensors"):
        load_generator(tmp_path / "none.safetensors")
    card_path(weights).unlink()
    with pytest.raises(CheckpointError, match=r"mine\.safetensors has no card: mine\.json must be"):
        load_generator(weights)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "it is not valid JSON"),
        ("[1, 2]", "it does not contain a JSON object"),
        ("{}", "it lacks the entry “generator”"),
        ("[" * 100_000, "it is nested more than"),
        ('{"a": ' * 30 + "1" + "}" * 30, "it is nested more than"),
        (json.dumps({**CARD, "pixel_um": float("nan")}), "it holds the number NaN"),
        (json.dumps({**CARD, "pixel_um": -1}), "its pixel_um is -1"),
        (json.dumps({**CARD, "pixel_um": True}), "its entry “pixel_um” is not"),
        (json.dumps({**CARD, "config": [1]}), "its entry “config” is not an object"),
        (json.dumps({**CARD, "config": {"widths": [10**9]}}), "its config is larger than"),
        (json.dumps({**CARD, "config": {"blocks": [9999, 9999]}}), "its config is larger than"),
        (
            json.dumps({**CARD, "training": {"field_mm": 3}}),
            "its entry “training: field_mm” is not",
        ),
        (
            json.dumps({**CARD, "training": {"phantom_seeds": [[1]]}}),
            "its entry “training: phantom_seeds” is not",
        ),
        ('{"a": ' + "9" * 400 + "}", "it holds the number 999"),
        (
            json.dumps({k: v for k, v in CARD.items() if k != "pixel_um"}),
            "it lacks the entry “pixel_um”",
        ),
    ],
)
def test_a_broken_card_is_named(weights: Path, text: str, says: str) -> None:
    card_path(weights).write_text(text)
    with pytest.raises(CheckpointError, match=rf"mine\.json cannot be used: {says}"):
        read_card(weights)


def test_a_newer_card_stays_readable(weights: Path) -> None:
    card_path(weights).write_text(json.dumps({**CARD, "licence": "BSD-3-Clause"}))
    assert read_card(weights) == Card(**CARD)


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"widths": [16, 8, 8], "blocks": [1, 1, 1]}},
        {"config": {"depth": 5}},
        {"generator": "gan"},
    ],
)
def test_weights_that_do_not_fit_their_card_are_refused(weights: Path, change: dict) -> None:
    card_path(weights).write_text(json.dumps({**CARD, **change}))
    with pytest.raises(CheckpointError, match=r"mine\.safetensors does not fit its card"):
        load_generator(weights)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(weights: Path, tiny, number: float) -> None:
    tensors = dict(tiny(awake=True).state_dict())
    name = list(tensors)[3]
    tensors[name] = tensors[name].clone()
    tensors[name].view(-1)[0] = number
    write_tensors(weights, tensors)
    with pytest.raises(CheckpointError, match=rf"mine.* not finite \(in “{name}”\)"):
        load_generator(weights)


def test_a_card_of_a_large_model_allocates_none(weights: Path) -> None:
    config = {"widths": [3000, 3000, 3000], "blocks": [1, 1, 1]}  # gigabytes
    card_path(weights).write_text(json.dumps({**CARD, "config": config}))
    with pytest.raises(CheckpointError, match=r"mine.* does not fit its card: by the card, “net"):
        load_generator(weights)


def test_weights_and_card_are_of_one_moment_wherever_a_run_is_killed(
    weights: Path, tiny, monkeypatch
) -> None:
    tensors = tiny(awake=True).state_dict()
    first, second = (Card(**{**CARD, "training": {"steps": steps}}) for steps in (1, 2))
    write_weights(weights, tensors, first)
    old_card = card_path(weights).read_text()
    write_weights(weights, {name: one + 1 for name, one in tensors.items()}, second)
    assert read_card(weights) == second
    card_path(weights).write_text(old_card)  # killed after the first of two renames
    model, card = load_generator(weights)
    assert card == second
    assert torch.equal(model.net.last.weight, tensors["net.last.weight"] + 1)  # type: ignore[union-attr]
    card_path(weights).unlink()
    assert read_card(weights) == second
    write_tensors(weights, tensors)
    card_path(weights).write_text(old_card)
    with pytest.raises(CheckpointError, match=r"mine\.json was written for other weights"):
        read_card(weights)
    edited = {**json.loads(old_card), "notes": "by hand"}
    write_weights(weights, tensors, first)
    card_path(weights).write_text(json.dumps(edited))
    assert read_card(weights).notes == "by hand"


def test_tensors_of_any_memory_layout_are_kept(tmp_path: Path) -> None:
    image = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
    write_tensors(tmp_path / "deep" / "x.safetensors", {"image": image, "step": torch.tensor(7)})
    tensors = read_tensors(tmp_path / "deep" / "x.safetensors")
    assert torch.equal(tensors["image"], image)
    assert int(tensors["step"]) == 7


def test_the_hash_names_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("name", names())
def test_the_weights_that_ship_load_and_say_what_they_are(name: str) -> None:
    path = bundled_weights(name)
    model, card = load_generator(path)
    assert card.generator == model.name == name
    # A card may be older than an argument; it then had the default.
    assert build(name, {}).config() | card.config == model.config()
    assert path.stat().st_size < 15e6
    assert card.training["phantom_trained"] is True
    assert {"settings", "command", "patches", "field_mm", "input_map"} <= set(card.training)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert "Not for diagnosis" in card.notes


def test_a_network_is_declared_only_once_the_compiler_is_loaded_apart(
    weights: Path, monkeypatch
) -> None:
    """Beside OpenGL it would crash the viewer; some layers import it on the meta device."""

    def called() -> None:
        raise InterruptedError

    monkeypatch.setattr(checkpoint, "load_triton_apart", called)
    with pytest.raises(InterruptedError):
        checkpoint._check_fits(read_card(weights), {})


def test_a_generator_without_weights_says_so(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoint, "BUNDLED", tmp_path)
    with pytest.raises(CheckpointError, match=r"No weights ship for the generator “diffusion”"):
        bundled_weights("diffusion")
