"""The study repeated at the smallest scale, interrupted and resumed; its statements on numbers."""

import dataclasses
import math
import sys
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.cohort.splits import split_of
from napari_fus_ulm.cohort.table import read_cohort
from napari_fus_ulm.errors import TrainingError
from napari_fus_ulm.evaluation.harness import (
    Evaluation,
    EvaluationSettings,
    ImageScored,
    Row,
)
from napari_fus_ulm.evaluation.intervals import Summary
from napari_fus_ulm.evaluation.scores import Scores
from napari_fus_ulm.generators.checkpoint import read_card, read_tensors
from napari_fus_ulm.metrics import Fidelity, mask_scores
from napari_fus_ulm.phantom import PhantomParams
from napari_fus_ulm.phantom.population import PlanesReady, PopulationSettings
from napari_fus_ulm.training.loop import StepDone
from napari_fus_ulm.training.run import CHECKPOINT, WEIGHTS

pytestmark = pytest.mark.slow

NAMES = ("diffusion", "pix2pix", "mhvae")
MODELS = {
    "diffusion": {"widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "pix2pix": {"widths": [8, 8], "critic_width": 4},
    "mhvae": {"widths": [4, 4, 4], "latents": [2, 2, 2], "expansion": 1, "head_blocks": 0},
}
SMALL = PhantomParams(width_mm=2.4, depth_mm=2.4, fus_pixel_um=(100.0, 100.0))


@pytest.fixture(scope="module")
def study(repository: Path) -> ModuleType:
    spec = spec_from_file_location("study", repository / "benchmarks" / "study.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # A dataclass looks its own module up.
    sys.modules["study"] = module
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- the run


@pytest.fixture(scope="module")
def tiny(study: ModuleType) -> Any:
    animals = PopulationSettings(animals=4, seed=920_000_000, params=SMALL, vary=False)
    return study.Study(
        population=animals, patches=32, patch=32, models=MODELS, checkpoint_minutes=0.0
    )


@pytest.fixture(scope="module")
def interrupted(study: ModuleType, tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was stopped once its first generator was trained and its second begun."""
    folder = tmp_path_factory.mktemp("study")
    before = []
    for event in study.study_events(tiny, folder):
        before.append(event)
        if isinstance(event, StepDone) and event.steps == 8 and event.step == 5:
            break
    assert study.Trained("diffusion", False) in before
    assert len(read_tensors(folder / "diffusion" / CHECKPOINT)) > 1
    assert study.steps_of(folder / "pix2pix") == 4
    return folder


@pytest.fixture(scope="module")
def finished(study: ModuleType, tiny: Any, interrupted: Path) -> tuple[Path, list[Any]]:
    """The same study gone on with, and what happened then."""
    return interrupted, list(study.study_events(tiny, interrupted))


def test_an_interrupted_study_goes_on_and_trains_nothing_twice(
    study: ModuleType, finished: tuple[Path, list[Any]]
) -> None:
    _, events = finished
    assert [e for e in events if isinstance(e, PlanesReady)] == [PlanesReady(4, 4)]
    trained = [e for e in events if isinstance(e, study.Trained)]
    assert trained == [study.Trained(n, n == "diffusion") for n in NAMES]
    steps = [(e.step, e.steps) for e in events if isinstance(e, StepDone)]
    # Two of diffusion are there; of Pix2Pix the fifth was not saved; of MHVAE there was nothing.
    assert steps == [(n, 8) for n in (5, 6, 7, 8)] + [(n, 4) for n in (1, 2, 3, 4)]


def test_everyone_sees_the_same_patches_of_the_training_side(
    study: ModuleType, tiny: Any, finished: tuple[Path, list[Any]]
) -> None:
    folder, _ = finished
    split = split_of(read_cohort(folder / "cohort"))
    assert [len(side) for _, side in split.sides()] == [2, 1, 1]
    for name in NAMES:
        settings = tiny.training(name, folder / "cohort")
        assert settings.steps * settings.batch == 32
        assert (settings.flip, settings.patience, settings.init) == (False, 0, None)
        assert study.is_finished(settings, folder / name)
        card = read_card(folder / name / WEIGHTS)
        assert card.generator == name
        seen = {one["animal"] for one in card.training["animals"]}
        assert seen == {pair.animal for pair in split.train}
        assert (folder / name / "curves.png").is_file()


def test_the_report_has_a_row_for_every_generator(
    study: ModuleType, tiny: Any, finished: tuple[Path, list[Any]]
) -> None:
    folder, _ = finished
    before = {name: (folder / name / CHECKPOINT).stat().st_mtime_ns for name in NAMES}
    text = study.repeat(tiny, folder).read_text(encoding="utf-8")
    assert before == {name: (folder / name / CHECKPOINT).stat().st_mtime_ns for name in NAMES}
    assert "4 animals, split 2/1/1; 32 patches of 32 × 32 pixels" in text
    assert study.REHEARSAL in text
    lines = text.splitlines()
    for title, steps in (("Diffusion", 2), ("Pix2Pix", 8), ("MHVAE", 4)):
        (row,) = [line for line in lines if line.startswith(f"| {title} |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == "32"
        assert cells[5].endswith(f" of {steps}")
        assert 1 <= int(cells[5].split()[0]) <= steps
    for row in ("diffusion accurate", "diffusion detailed", "pix2pix detailed", "mhvae accurate"):
        # Likeness, difference to the input, vessels, tree, sharpness.
        assert sum(line.startswith(f"| {row} (generated) |") for line in lines) >= 5
    for heading in ("MSE ↓", "SSIM ↑", "PSNR (dB) ↑", "LPIPS ↓", "Difference to", "clDice ↑"):
        assert heading in text
    # One test animal has no interval, so nothing can be confirmed.
    assert text.count("**undecided (no interval)**") == len(study.CLAIMS)
    made = {path.name for path in (folder / "evaluation").iterdir()}
    assert made == {"table.md", "images.csv", "results.json", "picture.png"}
    assert (folder / "evaluation" / "table.md").read_text(encoding="utf-8").strip() in text


def test_another_budget_is_refused_in_the_folder_of_this_one(
    study: ModuleType, tiny: Any, finished: tuple[Path, list[Any]]
) -> None:
    folder, _ = finished
    more = dataclasses.replace(tiny, patches=64)
    with pytest.raises(TrainingError, match="begun for 32 patches; give --patches 32"):
        list(study.study_events(more, folder))


def test_a_budget_is_whole_batches_and_the_default_is_the_studys(study: ModuleType) -> None:
    with pytest.raises(ValueError, match="24 patches are not whole batches of 16"):
        study.Study(patches=24)
    with pytest.raises(ValueError, match="no generator called “gan”"):
        study.Study(generators=("gan",))
    default = study.Study()
    assert default.generators == NAMES
    assert (default.population.animals, default.population.study) == (35, True)
    assert (default.patches, default.patch, default.checkpoint_minutes) == (32_000, 128, 3.0)
    steps = {name: default.training(name, Path("x")).steps for name in NAMES}
    assert steps == {"diffusion": 2000, "pix2pix": 8000, "mhvae": 4000}


# ---------------------------------------------------------------- what follows from the numbers

LINE = np.zeros((8, 12), bool)
LINE[4, 2:10] = True
Numbers = tuple[float, float, float, float]
STUDYS: dict[str, Numbers] = {
    # MSE, SSIM, LPIPS, sharpness
    "diffusion-accurate": (0.040, 0.40, 0.50, 0.5),
    "diffusion-detailed": (0.050, 0.60, 0.30, 0.9),
    "pix2pix-detailed": (0.060, 0.50, 0.40, 0.8),
    "mhvae-accurate": (0.020, 0.45, 0.45, 0.4),
    "mhvae-detailed": (0.025, 0.45, 0.45, 0.4),
    "ulm": (0.001, 1.0, 0.001, 1.0),
}


def judged(study: ModuleType, rows: dict[str, Numbers], noisy: Iterable[str] = ()) -> Any:
    """Four animals about these means; those of noisy rows are far apart, to both sides."""
    images, sharpness = [], {}
    for key, (mse, ssim, lpips, sharp) in rows.items():
        for number, shift in enumerate((-1.0, -0.5, 0.5, 1.0)):
            wide = 0.9 * shift if key in noisy else 0.01 * shift
            near = Fidelity(
                mse=mse * (1 + wide),
                ssim=ssim * (1 + wide),
                psnr=-10 * math.log10(mse * (1 + wide)),
                lpips=lpips * (1 + wide),
            )
            scores = Scores(near, 0.5, mask_scores(LINE, LINE, 0.02))
            images.append(ImageScored(1, key, f"i{number}", f"a{number}", scores, 0.1))
            sharpness[key, f"i{number}"] = sharp * (1 + wide)
    titles = tuple(Row(key, key.replace("-", " "), "") for key in rows)
    return study.Judged(Evaluation(EvaluationSettings(), titles, tuple(images)), sharpness)


def verdicts(text: str) -> list[str]:
    return [line.split("**")[1] if "**" in line else "not judged" for line in text.splitlines()]


def test_numbers_like_the_studys_confirm_it(study: ModuleType) -> None:
    text = study.findings(judged(study, STUDYS), NAMES)
    assert verdicts(text) == ["confirmed"] * 6
    first, *_, last = text.splitlines()
    assert first.startswith("- MHVAE has the lowest MSE: **confirmed**. MSE of mhvae accurate less")
    assert "less diffusion accurate -0.02 [" in first
    assert "less pix2pix detailed -0.04 [" in first
    assert "LPIPS of diffusion detailed less pix2pix detailed -0.1 [" in last
    assert "less the ULM itself -0.6 [" in text


def test_other_numbers_contradict_it(study: ModuleType) -> None:
    # A conditional mean that beats MHVAE, whose error still is below a sample's.
    better = STUDYS | {"diffusion-accurate": (0.010, 0.40, 0.50, 0.5)}
    words = verdicts(study.findings(judged(study, better), NAMES))
    assert words == ["contradicted", "contradicted", *["confirmed"] * 4]
    # One rival that is better is enough.
    sharp = STUDYS | {"pix2pix-detailed": (0.060, 0.70, 0.20, 0.8)}
    words = verdicts(study.findings(judged(study, sharp), NAMES))
    assert words == [*["confirmed"] * 4, "contradicted", "contradicted"]
    # A sample that is nothing but noise is sharper, but so is MHVAE than the ULM.
    noise = STUDYS | {"diffusion-detailed": (0.050, 0.60, 0.30, 3.0)}
    noise |= {"mhvae-accurate": (0.020, 0.45, 0.45, 1.5)}
    assert verdicts(study.findings(judged(study, noise), NAMES))[3] == "contradicted"
    crisp = STUDYS | {"mhvae-accurate": (0.020, 0.45, 0.45, 0.95)}
    assert verdicts(study.findings(judged(study, crisp), NAMES))[3] == "contradicted"


def test_what_the_animals_do_not_agree_on_is_undecided(study: ModuleType) -> None:
    close = STUDYS | {"pix2pix-detailed": (0.021, 0.59, 0.31, 0.8)}
    words = verdicts(study.findings(judged(study, close, noisy=["pix2pix-detailed"]), NAMES))
    undecided = "undecided (interval includes zero)"
    assert words == [undecided, undecided, "confirmed", "confirmed", undecided, undecided]


def test_a_generator_that_is_missing_is_not_judged(study: ModuleType) -> None:
    rows = {key: value for key, value in STUDYS.items() if not key.startswith("mhvae")}
    words = verdicts(study.findings(judged(study, rows), ("diffusion", "pix2pix")))
    assert words == [*["not judged"] * 4, "confirmed", "confirmed"]


@pytest.mark.parametrize(
    ("low", "high", "sign", "word"),
    [
        (0.1, 0.3, 1, "confirmed"),
        (0.1, 0.3, -1, "contradicted"),
        (-0.3, -0.1, -1, "confirmed"),
        (-0.3, -0.1, 1, "contradicted"),
        (-0.1, 0.3, 1, "undecided (interval includes zero)"),
        (0.0, 0.3, 1, "undecided (interval includes zero)"),
        (math.nan, math.nan, 1, "undecided (no interval)"),
    ],
)
def test_a_verdict_follows_from_the_interval(
    study: ModuleType, low: float, high: float, sign: int, word: str
) -> None:
    assert study.verdict(Summary((low + high) / 2, 0.1, low, high, 5, 5), sign) == word


def test_a_blur_takes_gradient_away(study: ModuleType) -> None:
    from scipy.ndimage import gaussian_filter

    grey = np.random.default_rng(0).random((40, 40))
    ramp = np.tile(np.arange(10.0), (8, 1))
    assert study.mean_gradient(ramp) == pytest.approx(1.0)
    assert study.mean_gradient(gaussian_filter(grey, 2.0)) < 0.3 * study.mean_gradient(grey)
