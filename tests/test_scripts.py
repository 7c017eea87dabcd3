"""The shell scripts behind `make`: they say what is missing, and install only that."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def shell(script: Path, tools: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script that finds no command but those in one folder."""
    return subprocess.run(
        ["/bin/sh", script],
        env={"PATH": str(tools), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of commands with little in it; a test adds pretended ones."""
    for name in ("env", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    return tmp_path


def pretend(tools: Path, name: str, body: str) -> None:
    (tools / name).write_text(f"#!/bin/sh\n{body}\n")
    (tools / name).chmod(0o755)


def test_without_apt_the_packages_are_named(repository: Path, tools: Path) -> None:
    done = shell(repository / "scripts" / "system-packages.sh", tools)
    assert done.returncode == 1
    assert "There is no apt here" in done.stderr
    assert "xvfb" in done.stderr
    assert "libxcb-cursor0" in done.stderr


def test_root_installs_only_what_is_missing(repository: Path, tools: Path) -> None:
    pretend(tools, "id", "echo 0")
    pretend(tools, "apt-get", 'echo "apt-get $*"')
    installed = 'case "$4$3" in *libgl1) exit 1;; esac; echo "install ok installed"'
    pretend(tools, "dpkg-query", installed)
    done = shell(repository / "scripts" / "system-packages.sh", tools)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "apt-get update",
        "apt-get install -y --no-install-recommends libgl1",
    ]
    pretend(tools, "dpkg-query", 'echo "install ok installed"')
    assert shell(repository / "scripts" / "system-packages.sh", tools).stdout == ""


@pytest.mark.parametrize(
    ("ci", "returncode", "words"),
    [("true", 0, "sudo -n apt-get update"), ("", 1, "install them (sudo apt-get install xvfb")],
)
def test_a_user_is_asked_unless_it_is_ci(
    repository: Path, tools: Path, ci: str, returncode: int, words: str
) -> None:
    pretend(tools, "id", "echo 1000")
    pretend(tools, "apt-get", "exit 9")
    pretend(tools, "dpkg-query", "exit 1")
    pretend(tools, "sudo", 'echo "sudo $*"')
    # No terminal to ask at: the packages are named instead.
    done = shell(repository / "scripts" / "system-packages.sh", tools, CI=ci)
    assert done.returncode == returncode
    assert words in done.stdout + done.stderr


def test_the_newest_tested_python_is_chosen(repository: Path, tools: Path) -> None:
    for version in ("3.11", "3.12"):
        pretend(
            tools,
            f"python{version}",
            f'case "$2" in *ensurepip*) ;; *) echo python{version};; esac',
        )
    script = repository / "scripts" / "find-python.sh"
    assert shell(script, tools).stdout.strip() == str(tools / "python3.12")
    chosen = shell(script, tools, PYTHON="python3.11")
    assert chosen.stdout.strip() == str(tools / "python3.11")


def test_an_old_python_or_one_without_venv_is_explained(repository: Path, tools: Path) -> None:
    script = repository / "scripts" / "find-python.sh"
    pretend(tools, "python3", "echo")  # runs, but is older than 3.11
    old = shell(script, tools)
    assert old.returncode == 1
    assert "No Python 3.11 or newer was found" in old.stderr
    pretend(tools, "python3", 'case "$2" in *ensurepip*) exit 1;; esac; echo python3.12')
    bare = shell(script, tools)
    assert bare.returncode == 1
    assert "apt-get install python3.12-venv" in bare.stderr
    named = shell(script, tools, PYTHON="/nowhere/python")
    assert "PYTHON=/nowhere/python does not run" in named.stderr


def test_ci_runs_the_two_commands_and_nothing_else(repository: Path) -> None:
    script = repository / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make")] == ["make demo", "make test"]


def released(folder: Path, package: str, citation: str, changes: str) -> Path:
    """A checkout with three places that name a version."""
    (folder / "src" / "napari_fus_ulm").mkdir(parents=True)
    (folder / "src" / "napari_fus_ulm" / "__init__.py").write_text(f'__version__ = "{package}"\n')
    (folder / "CITATION.cff").write_text(f"title: x\nversion: {citation}\n")
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{changes}] - 2026-01-01\n")
    return folder


@pytest.mark.parametrize(
    ("package", "citation", "changes", "complaint"),
    [
        ("1.2.3", "1.2.3", "1.2.3", ""),
        ("1.2.4", "1.2.3", "1.2.3", "__init__.py"),
        ("1.2.3", "1.2", "1.2.3", "CITATION.cff"),
        ("1.2.3", "1.2.3", "1.2.2", "CHANGELOG.md"),
    ],
)
def test_a_release_needs_one_version_everywhere(
    repository: Path, tmp_path: Path, package: str, citation: str, changes: str, complaint: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", repository / "scripts" / "check-tag.sh", "v1.2.3"],
        cwd=released(tmp_path, package, citation, changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode == 0) == (not complaint)
    assert complaint in done.stderr
    assert bool(done.stderr) == bool(complaint)


def test_this_checkout_says_its_version_where_a_release_looks(repository: Path) -> None:
    from napari_fus_ulm import __version__

    package = (repository / "src" / "napari_fus_ulm" / "__init__.py").read_text().splitlines()
    assert f'__version__ = "{__version__}"' in package
    assert f"version: {__version__}" in (repository / "CITATION.cff").read_text().splitlines()
