"""A few simulated animals, made once, with the processor time each took."""

import time
from dataclasses import dataclass

import pytest

from napari_fus_ulm.phantom import PhantomPair, simulate_pair


@dataclass(frozen=True)
class Animal:
    pair: PhantomPair
    seconds: float


@pytest.fixture(scope="session")
def animals() -> list[Animal]:
    made = []
    for seed in (3, 4, 5):
        begun = time.process_time()
        pair = simulate_pair(seed)
        made.append(Animal(pair, time.process_time() - begun))
    return made
