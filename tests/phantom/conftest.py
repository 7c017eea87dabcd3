"""A few animals, simulated once, with the processor time each took."""

import time
from dataclasses import dataclass

import pytest

from napari_fus_ulm.phantom import PhantomPair, PhantomParams, simulate_pair
from napari_fus_ulm.phantom.scene import Scene, phantom_scene

SMALL = PhantomParams(width_mm=3.0, depth_mm=2.4)


@dataclass(frozen=True)
class Animal:
    pair: PhantomPair
    seconds: float


@pytest.fixture(scope="session")
def animals() -> list[Animal]:
    animals = []
    for seed in (3, 4, 5):
        begun = time.process_time()
        pair = simulate_pair(seed)
        animals.append(Animal(pair, time.process_time() - begun))
    return animals


@pytest.fixture(scope="session")
def small_scene() -> Scene:
    """Of a small section of a typical rat, seed 3."""
    return phantom_scene(3, SMALL, vary=False)
