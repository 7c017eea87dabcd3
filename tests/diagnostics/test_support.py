"""Evidence for drawn vessels, and the support map that is made of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm import EnhanceSettings, enhance
from napari_fus_ulm.diagnostics.evidence import (
    MAPS,
    EvidenceReady,
    EvidenceSettings,
    evidence_events,
    near_lines,
    ridge,
    stretches,
    weigh,
)
from napari_fus_ulm.diagnostics.likelihood import STRANGE, likelihood
from napari_fus_ulm.diagnostics.support import (
    NOT_JUDGED_LABEL,
    SUPPORTED_LABEL,
    UNLIKELY_LABEL,
    Support,
    classified,
    support,
)
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.metrics.centrelines import length_map

PIXEL_MM = 0.02


# ---------------------------------------------------------------- the parts


def test_a_line_is_cut_into_stretches_at_forks_and_cells():
    lines = np.zeros((60, 100), bool)
    lines[30, 5:95] = True
    assert stretches(lines, PIXEL_MM, 200.0).max() == 10
    lines[5:30, 50] = True
    numbers = stretches(lines, PIXEL_MM, 10_000.0)
    assert numbers.max() == 3
    assert numbers[30, 50] == 0
    assert stretches(np.zeros((9, 9), bool), PIXEL_MM).max() == 0


def test_near_a_line_is_within_the_tolerance():
    lines = np.zeros((9, 30), bool)
    lines[4, 5:25] = True
    assert near_lines(lines, 0.03)[3:6, 15].all()
    assert not near_lines(lines, 0.03)[6, 15]
    assert not near_lines(np.zeros((5, 5), bool), 0.03).any()


def test_a_ridge_stands_out_and_an_edge_does_not():
    y = np.arange(100)[:, None] * np.ones(100)
    ridges = ridge(np.exp(-0.5 * ((y - 50) / 3.0) ** 2).astype(np.float32), PIXEL_MM)
    assert ridges[50, 50] == ridges[20:80, 50].max() > 0.3
    assert ridge(np.ones((50, 50), np.float32), PIXEL_MM).max() == pytest.approx(0.0, abs=1e-6)


# ---------------------------------------------------------------- what the network knows


def test_places_with_vessels_are_likelier_than_places_without(prepared_section):
    maps = likelihood(prepared_section.fus, PIXEL_MM)
    for one in (maps.backed, maps.visible):
        assert one.shape == prepared_section.fus.shape
        assert 0.0 <= one.min() < one.max() <= 1.0
    bright = prepared_section.ulm > 0.5
    assert maps.backed[bright].mean() > maps.backed[~bright].mean() + 0.1


def test_what_is_no_brain_is_strange_and_a_phantom_is_not(prepared_section):
    usual = likelihood(prepared_section.fus, PIXEL_MM).strangeness
    random = np.random.default_rng(0)
    noise = random.random(prepared_section.fus.shape, np.float32)
    assert np.median(usual) < 1.0
    assert np.mean(usual > STRANGE) < 0.05
    assert np.mean(likelihood(noise, PIXEL_MM).strangeness > STRANGE) > 0.2


def test_another_grid_gives_nearly_the_same(prepared_section):
    whole = likelihood(prepared_section.fus, PIXEL_MM).backed
    finer = likelihood(
        np.kron(prepared_section.fus, np.ones((2, 2), np.float32)), PIXEL_MM / 2.0
    ).backed
    assert np.abs(finer[::2, ::2] - whole).mean() < 0.05


# ---------------------------------------------------------------- the map


@pytest.fixture(scope="module")
def invented(section: Any) -> tuple[np.ndarray, Support]:
    """A drawn picture with one vessel added where no evidence supports one."""
    accurate = enhance(section.fus, EnhanceSettings(mode="accurate")).image.values
    samples = [
        enhance(section.fus, EnhanceSettings(mode="detailed", steps=4, seed=seed)).image.values
        for seed in (5, 6, 7)
    ]
    drawn = samples[0].copy()
    # Below the brain, where power Doppler is dark.
    dark = np.zeros(drawn.shape, bool)
    row = drawn.shape[0] - 12
    dark[row : row + 3, 20:-20] = True
    drawn[dark] = 0.9
    return dark, support(weigh(drawn, section.fus, accurate, samples, PIXEL_MM))


def test_an_invented_vessel_is_unlikely_and_most_others_are_not(invented):
    dark, judged = invented
    wrong = judged.probability[dark & ~np.isnan(judged.probability)]
    rest = judged.probability[~dark & ~np.isnan(judged.probability)]
    assert len(wrong) > 300
    assert np.median(wrong) < np.percentile(rest, 10)
    assert (judged.classes[dark & (judged.classes > 0)] == UNLIKELY_LABEL).mean() > 0.5
    assert (judged.classes[~dark] == SUPPORTED_LABEL).any()


def test_maps_are_nan_where_they_do_not_apply(invented):
    _, judged = invented
    drawn = judged.classes > 0
    assert np.isnan(judged.probability[~drawn]).all()
    unjudged = judged.classes == NOT_JUDGED_LABEL
    assert (np.isnan(judged.probability[drawn]) == unjudged[drawn]).all()
    there = judged.missing[~np.isnan(judged.missing)]
    assert 0.0 <= there.min() < there.max() <= 1.0
    assert f"{sum(judged.length_mm):.0f} mm" in judged.sentence


def test_where_the_input_is_unlike_the_phantoms_nothing_is_judged(section, prepared_section):
    black = np.zeros_like(prepared_section.ulm)
    evidence = weigh(
        prepared_section.ulm,
        section.fus,
        prepared_section.ulm,
        [prepared_section.ulm, prepared_section.ulm],
        PIXEL_MM,
    )
    assert (support(evidence).classes == SUPPORTED_LABEL).any()
    before = support(evidence)
    half = black.shape[1] // 2
    evidence.maps["strangeness"] = evidence.maps["strangeness"].copy()
    evidence.maps["strangeness"][:, half:] = 2.0 * STRANGE
    judged = support(evidence)
    drawn = evidence.mask[:, half:]
    assert (judged.classes[:, half:][drawn] == NOT_JUDGED_LABEL).all()
    assert np.isnan(judged.probability[:, half:]).all()
    assert np.isnan(judged.missing[:, half:]).all()
    assert (judged.classes[:, :half] == before.classes[:, :half]).all()
    assert sum(judged.length_mm) == pytest.approx(sum(before.length_mm))
    share = 100 * judged.length_mm[3] / sum(judged.length_mm)
    assert f"{share:.0f} % not judged" in judged.sentence
    image = 100 * judged.strange_share
    assert f"unlike anything learnt from, {image:.0f} % of the image" in judged.sentence


def test_a_result_without_vessels_has_its_own_sentence(section, prepared_section):
    black = np.zeros_like(prepared_section.ulm)
    judged = support(weigh(black, section.fus, black, [black, black], PIXEL_MM))
    assert not judged.classes.any()
    assert judged.sentence == "The result draws no vessel."


def test_lengths_are_those_of_the_centrelines(section, prepared_section):
    black = np.zeros_like(prepared_section.ulm)
    evidence = weigh(
        prepared_section.ulm, section.fus, black, [black, prepared_section.ulm], PIXEL_MM
    )
    assert sum(support(evidence).length_mm) == pytest.approx(
        float(length_map(evidence.lines)[evidence.lines].sum()) * PIXEL_MM, rel=1e-6
    )


def test_probabilities_are_sorted_into_three_classes():
    assert classified(np.array([0.9, 0.8, 0.79, 0.5, 0.49])).tolist() == [1, 1, 2, 2, 3]


# ---------------------------------------------------------------- as events


def test_evidence_comes_with_progress_and_from_samples_that_are_not_the_result(section):
    fus = section.fus.isel(j=slice(20, 44), i=slice(30, 54))
    settings = EnhanceSettings(mode="detailed", steps=2)
    result = enhance(fus, settings).image
    events = list(evidence_events(result, fus, EvidenceSettings(samples=2, steps=2)))
    progress = [event for event in events if isinstance(event, Progress)]
    shares = [event.done / event.total for event in progress if event.total]
    assert shares == sorted(shares)
    assert isinstance(events[-1], EvidenceReady)
    evidence = events[-1].evidence
    assert set(evidence.maps) == set(MAPS)
    assert all(one.shape == result.shape for one in evidence.maps.values())
    assert evidence.maps["spread"].max() > 0.0


def test_evidence_samples_do_not_depend_on_the_sampler_of_the_result(section):
    """The weights of the map were fitted on free samples."""
    fus = section.fus.isel(j=slice(0, 16), i=slice(0, 16))
    few = EvidenceSettings(samples=2, steps=2)
    drawn = enhance(fus, mode="accurate").image

    def spread(**sampling: Any) -> np.ndarray:
        settings = EnhanceSettings(**sampling)
        *_, ready = evidence_events(drawn, fus, few, enhance_settings=settings)
        return ready.evidence.maps["spread"]

    free = spread(sampler="ddim")
    np.testing.assert_array_equal(spread(), free)
    np.testing.assert_array_equal(spread(departure=0.1), free)
    np.testing.assert_array_equal(spread(sampler="ancestral"), free)


def test_a_stack_is_refused(section):
    stack = section.fus.expand_dims("slice")
    with pytest.raises(ValueError, match="one plane"):
        next(evidence_events(stack, stack))


def test_one_sample_is_no_spread():
    with pytest.raises(ValueError, match="between 2 and 64"):
        replace(EvidenceSettings(), samples=1)
