"""The wheel as somebody else gets it: built, installed into a clean environment, used there."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

PACKAGE = "napari_fus_ulm"


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Standard output of a command that must succeed, away from the checkout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "-o", folder, repository, cwd=folder)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def clean_python(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a clean environment with the wheel; what it depends on is lent, not downloaded.

    The lent folder holds links to everything installed here but this project's editable install.
    """
    folder = tmp_path_factory.mktemp("clean")
    lent = folder / "lent"
    lent.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if PACKAGE not in entry.name and entry.suffix != ".pth":
            (lent / entry.name).symlink_to(entry)
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    run(*pip, built[1], cwd=folder)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "lent.pth").write_text(f"{lent}\n")
    return python


@pytest.fixture(scope="module")
def manifest(repository: Path) -> dict:
    return yaml.safe_load((repository / "src" / PACKAGE / "napari.yaml").read_text())


def test_the_wheel_holds_manifest_weights_and_notices(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
        weights = {name for name in names if name.endswith(".safetensors")}
        generators = weights - {f"{PACKAGE}/weights/alexnet_features.safetensors"}
        assert weights - generators, "the trunk of LPIPS is missing"
        assert generators, "no generator's weights are in the wheel"
        for name in generators:
            card = name.removesuffix(".safetensors") + ".json"
            assert card in names, f"{name} has no card"
            assert isinstance(json.loads(archive.read(card)), dict)
            assert archive.getinfo(name).file_size <= 15e6
    assert f"{PACKAGE}/napari.yaml" in names
    assert f"{PACKAGE}/weights/likelihood.safetensors" in names
    assert f"{PACKAGE}/weights/support.json" in names
    assert f"{PACKAGE}/_napari/reader.py" in names
    notices = {name.rsplit("/", 1)[-1] for name in names if ".dist-info/licenses/" in name}
    assert notices == {"LICENSE", "LICENSE-alexnet.txt", "NOTICE"}


def test_neither_distribution_holds_tests_or_recordings(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = archive.namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = [name.split("/", 1)[1] for name in archive.getnames()]
    assert {name.split("/")[0].split("-")[0] for name in in_wheel} == {PACKAGE}
    assert {name.split("/")[0] for name in in_sdist} <= {
        *(
            "src",
            "pyproject.toml",
            "README.md",
            "LICENSE",
            "NOTICE",
            "CHANGELOG.md",
            "CITATION.cff",
            "docs",
        ),
        *("PKG-INFO", ".gitignore"),
    }
    # Of the documentation, only the pages that a dock opens.
    pages = {name for name in in_sdist if name.startswith("docs/")}
    assert pages == {"docs/enhance.md", "docs/train.md", "docs/trust.md"}
    for name in in_wheel + in_sdist:
        assert not name.endswith((".pyc", ".tif", ".mat", ".scan", ".nii.gz")), name
        assert "test" not in Path(name).parts, name


def test_the_top_level_manifest_is_a_link_to_the_packages_own(repository: Path) -> None:
    link = repository / "napari.yaml"
    assert link.is_symlink()
    assert os.readlink(link) == f"src/{PACKAGE}/napari.yaml"


def test_npe2_accepts_the_installed_manifest(clean_python: Path) -> None:
    folder = clean_python.parents[2]
    output = run(clean_python, "-m", "npe2", "validate", "napari-fus-ulm", "--imports", cwd=folder)
    assert "valid" in output
    code = (
        "import napari_fus_ulm, npe2\n"
        "manifest = npe2.PluginManifest.from_distribution('napari-fus-ulm')\n"
        "manifest.validate_imports()\n"
        "print(napari_fus_ulm.__file__)\n"
        "print(len(manifest.contributions.readers), len(manifest.contributions.writers),\n"
        "      len(manifest.contributions.widgets), len(manifest.contributions.sample_data))"
    )
    place, counts = run(clean_python, "-W", "ignore", "-c", code, cwd=folder).splitlines()
    assert Path(place).is_relative_to(folder / "venv"), "the editable install was tested instead"
    assert counts == "1 1 5 1"


def test_the_installed_package_imports_without_torch(clean_python: Path) -> None:
    code = "import sys, napari_fus_ulm; print('torch' in sys.modules)"
    assert run(clean_python, "-c", code, cwd=clean_python.parents[2]).strip() == "False"


def test_the_installed_command_knows_itself(clean_python: Path) -> None:
    command = clean_python.parent / "napari-fus-ulm"
    report = json.loads(run(command, "info", "--json", cwd=clean_python.parents[2]))
    assert report
    assert "alexnet" in json.dumps(report) or "weights" in json.dumps(report)


def test_the_installed_lpips_finds_its_trunk(clean_python: Path) -> None:
    code = (
        "import numpy as np\n"
        "from napari_fus_ulm.metrics import lpips_distance\n"
        "image = np.linspace(0, 1, 64 * 64).reshape(64, 64)\n"
        "print(lpips_distance(image, image[::-1]))"
    )
    assert float(run(clean_python, "-c", code, cwd=clean_python.parents[2])) > 0.01


def test_reader_and_writer_claim_what_the_package_reads_and_writes(manifest: dict) -> None:
    from napari_fus_ulm.io import SUFFIXES_READ, SUFFIXES_WRITE

    (reader,) = manifest["contributions"]["readers"]
    (writer,) = manifest["contributions"]["writers"]
    patterns = {pattern.removeprefix("*") for pattern in reader["filename_patterns"]}
    # To a pattern ".ome.tif" is a ".tif". The others are left to napari, which knows them as points
    # or plain pictures; the dock's Load buttons read them.
    left = {".ome.tif", ".ome.tiff", ".csv", ".tsv", ".npz", ".jpg", ".jpeg"}
    assert patterns == set(SUFFIXES_READ) - left
    assert set(writer["filename_extensions"]) == set(SUFFIXES_WRITE)


def test_enhance_is_in_the_filter_menu(manifest: dict) -> None:
    widgets = {one["display_name"]: one for one in manifest["contributions"]["widgets"]}
    widget = widgets["Enhance"]
    (item,) = manifest["contributions"]["menus"]["napari/layers/filter"]
    assert item["command"] == widget["command"]
