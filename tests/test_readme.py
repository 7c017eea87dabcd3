"""The README is true where a machine can tell: files, commands and the Python example exist."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_first_screen_shows_the_three_ways_in(readme: str) -> None:
    first = "\n".join(readme.splitlines()[:25])
    for command in ("make demo", "make test", 'pip install "napari-fus-ulm[all]"'):
        assert command in first


def test_the_targets_exist(readme: str, repository: Path) -> None:
    targets = set(re.findall(r"^make (\w+)", readme, flags=re.MULTILINE))
    rules = set(re.findall(r"^(\w+):", (repository / "Makefile").read_text(), flags=re.MULTILINE))
    assert targets == {"demo", "test"}
    assert targets <= rules


def test_files_and_pictures_it_names_exist(readme: str, repository: Path) -> None:
    assert (repository / "CITATION.cff").is_file()
    for name in re.findall(r"`([A-Z]+\.(?:md|cff))`", readme):
        assert (repository / name).is_file(), name
    for name in re.findall(r"docs/images/[\w-]+\.png", readme):
        assert (repository / name).is_file(), name
    # The hub shows the README away from the repository: a relative address breaks there.
    assert not re.findall(r"!\[[^]]*\]\((?!https://)", readme)


def test_what_the_python_example_imports_exists(readme: str) -> None:
    (example,) = blocks(readme, "python")
    imports = [node for node in ast.parse(example).body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(node.module or "")
        for alias in node.names:
            assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def test_the_commands_and_options_exist(readme: str) -> None:
    lines = re.findall(r"^napari-fus-ulm (\w+)(.*)$", readme, flags=re.MULTILINE)
    assert {command for command, _ in lines} == {
        "coherence",
        "enhance",
        "evaluate",
        "frc",
        "info",
        "missed",
        "models",
        "pairs",
        "review",
        "run",
        "support",
        "train",
    }
    from typer.testing import CliRunner

    from napari_fus_ulm.cli import app

    assert Path(sys.executable).with_name("napari-fus-ulm").is_file()
    for name, arguments in lines:
        called = [name, arguments.split()[0]] if name in ("models", "pairs", "review") else [name]
        done = CliRunner().invoke(app, [*called, "--help"], env={"COLUMNS": "100"})
        assert done.exit_code == 0, done.output
        for option in re.findall(r"(?<!\S)--?[a-z]+", arguments):
            assert option in done.output, f"{name} has no {option}"
