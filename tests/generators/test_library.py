"""The user's own models: what may enter the folder, and that it is found by its name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_fus_ulm.errors import CheckpointError, ScanError
from napari_fus_ulm.generators import library
from napari_fus_ulm.generators.checkpoint import (
    Card,
    bundled_weights,
    card_path,
    load_generator,
    read_card,
    read_header,
    read_tensors,
    write_weights,
)
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.generators.library import (
    FOLDER_VARIABLE,
    add_model,
    choose_library_folder,
    export_model,
    find_model,
    library_folder,
    models,
    remove_model,
    rename_model,
    weights_file,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty library."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    return tmp_path / "library"


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The weights of a training run."""
    torch.manual_seed(0)
    model = ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1))
    card = Card("diffusion", model.config(), 20.0, {"data": "three pairs of ours"}, {}, "Rats.")
    path = tmp_path / "run" / "weights.safetensors"
    path.parent.mkdir()
    write_weights(path, {name: one.half() for name, one in model.state_dict().items()}, card)
    return path


def equal(one: Path, other: Path) -> bool:
    """Whether two files hold the same numbers."""
    a, b = read_tensors(one), read_tensors(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_what_was_added_is_found_by_its_name(folder: Path, trained: Path) -> None:
    assert models() == []
    added = add_model(trained, "Our rats")
    assert (added.name, added.fault) == ("Our rats", "")
    assert added.origin == "weights.safetensors"
    assert find_model("our RATS") == added == models()[0]
    assert weights_file("diffusion", "our rats") == folder / "Our rats.safetensors"
    assert equal(added.weights, trained)
    assert load_generator(added.weights)[1].notes == "Rats."


def test_settings_name_a_file_a_model_or_nothing(folder: Path, trained: Path) -> None:
    assert weights_file("pix2pix", None) == bundled_weights("pix2pix")
    assert weights_file("", trained) == trained
    lost = Path("runs") / "lost"
    assert weights_file("", lost) == lost  # a path that is gone: whoever opens it says so
    assert weights_file("", "lost.safetensors") == Path("lost.safetensors")
    with pytest.raises(CheckpointError, match=r"no model called “lost”; .*library has none"):
        weights_file("", "lost")
    add_model(trained, "rats")
    with pytest.raises(CheckpointError, match=r"called “lost”; models in .*: rats\.$"):
        weights_file("", "lost")


@pytest.mark.parametrize(
    "name",
    ["", " rats", "rats.", "../rats", "a/b", "a\\b", ".rats", "con", "LPT1.x", "x" * 61],
)
def test_names_that_are_no_file_anywhere_are_refused(
    folder: Path, trained: Path, name: str
) -> None:
    with pytest.raises(CheckpointError, match="A model cannot be called"):
        add_model(trained, name)
    assert models() == []


def test_a_name_is_given_once(folder: Path, trained: Path) -> None:
    add_model(trained, "rats")
    with pytest.raises(CheckpointError, match="has a model called “RATS” already"):
        add_model(trained, "RATS")
    add_model(trained, "mice")
    with pytest.raises(CheckpointError, match="has a model called “rats” already"):
        rename_model("mice", "rats")
    assert rename_model("rats", "Rats").name == "Rats"
    assert [one.name for one in models()] == ["mice", "Rats"]


def test_one_file_is_enough_to_give_a_model_away(
    folder: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(trained, "rats")
    file = export_model("rats", tmp_path / "for you")
    assert file.name == "for you.safetensors"
    assert not card_path(file).exists()
    assert "added_from" not in read_card(file).training
    with pytest.raises(CheckpointError, match="exists; choose another name"):
        export_model("rats", file)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "theirs"))
    theirs = add_model(file, "from a friend")
    assert equal(theirs.weights, trained)
    assert theirs.card is not None
    assert theirs.card.config == read_card(trained).config
    assert theirs.origin == "for you.safetensors"


def test_changed_numbers_do_not_enter(folder: Path, trained: Path) -> None:
    tensors = read_tensors(trained)
    tensors["net.last.bias"] += 1.0
    save_file(tensors, trained, read_header(trained))
    with pytest.raises(CheckpointError, match=r"weights\.safetensors is damaged or was changed"):
        add_model(trained, "rats")
    assert models() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: {**tensors, "more": torch.zeros(2)}, "does not fit its card"),
        (lambda tensors: {**tensors, "net.last.bias": torch.full((4,), torch.nan)}, "not finite"),
    ],
)
def test_what_cannot_be_used_does_not_enter(
    folder: Path, trained: Path, change: object, words: str
) -> None:
    write_weights(trained, change(read_tensors(trained)), read_card(trained))  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=words):
        add_model(trained, "rats")
    assert models() == []


def test_a_file_that_somebody_put_there_says_why_it_cannot_be_used(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.safetensors").write_text("my notes")
    (one,) = models()
    assert one.card is None
    assert "is not a complete safetensors file" in one.fault
    with pytest.raises(CheckpointError, match="is not a complete safetensors file"):
        export_model("notes", folder / "x")


def test_what_is_removed_is_gone_with_its_card(folder: Path, trained: Path) -> None:
    add_model(trained, "rats")
    remove_model("rats")
    assert list(folder.iterdir()) == []
    with pytest.raises(CheckpointError, match="no model called “rats”"):
        remove_model("rats")
    assert trained.exists()


def test_weights_of_other_precisions_are_kept(folder: Path, trained: Path) -> None:
    card = dataclasses.replace(read_card(trained), notes="By hand.")
    tensors = {name: one.bfloat16() for name, one in read_tensors(trained).items()}
    save_file(tensors, trained)
    card_path(trained).write_text(json.dumps(dataclasses.asdict(card)))
    added = add_model(trained, "rats")
    stored = read_tensors(added.weights)
    assert all(torch.equal(stored[name], tensors[name].float()) for name in tensors)


def test_the_folder_is_the_users_to_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(library, "_settings", lambda: tmp_path / "config" / "library.json")
    monkeypatch.setattr(library, "user_data_path", lambda *_, **__: tmp_path / "data")
    assert library_folder() == tmp_path / "data" / "models"
    choose_library_folder(tmp_path / "shared disk")
    assert library_folder() == tmp_path / "shared disk"
    (tmp_path / "file").write_text("")
    with pytest.raises(ScanError, match="Nothing can be written to"):
        choose_library_folder(tmp_path / "file")
    assert library_folder() == tmp_path / "shared disk"
    (tmp_path / "config" / "library.json").write_text("[1")
    assert library_folder() == tmp_path / "data" / "models"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "named"))
    with pytest.raises(CheckpointError, match=FOLDER_VARIABLE):
        choose_library_folder(tmp_path)
