"""Simulated vessels and the two recordings made of them."""

from napari_fus_ulm.phantom.pair import PhantomPair, simulate_pair
from napari_fus_ulm.phantom.params import PhantomParams

__all__ = ["PhantomPair", "PhantomParams", "simulate_pair"]
