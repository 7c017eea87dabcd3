"""Simulated vessels and the two recordings made of them."""

from napari_fus_ulm.phantom.pair import PhantomPair, simulate_animal, simulate_pair
from napari_fus_ulm.phantom.params import PhantomParams
from napari_fus_ulm.phantom.truth import read_vessels, write_vessels

__all__ = [
    "PhantomPair",
    "PhantomParams",
    "read_vessels",
    "simulate_animal",
    "simulate_pair",
    "write_vessels",
]
