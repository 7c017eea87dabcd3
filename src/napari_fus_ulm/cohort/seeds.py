"""Seeds of phantoms for training, and those kept for validation and test."""

from __future__ import annotations

SEED_BLOCK = 1_000_000
"""Phantom seeds of run seed s are s * SEED_BLOCK onwards, so that runs share no animal."""
VALIDATION_SEED = 900_000_000
"""First of the seeds that no training run uses: validation."""
VALIDATION_PHANTOMS = 4
"""Phantoms on which a run's validation loss is measured."""
TEST_SEED = 910_000_000
"""First of the seeds kept for the numbers that are reported."""
DEMO_SEED = TEST_SEED + 7
"""The section that ``napari-fus-ulm demo`` and the viewer's sample show."""
