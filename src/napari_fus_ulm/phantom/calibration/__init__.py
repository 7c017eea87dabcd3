"""Phantoms and real images measured by the same rules."""
