"""Errors whose message is a sentence for a person: what happened, where, and what to do.

Only a `UserError` is shown as it stands. Anything else that is raised is a fault of the program,
which is logged with its traceback. They are ValueErrors, so that a script can catch them without
this module, and no RuntimeErrors: viewers' worker threads swallow those.
"""

from __future__ import annotations


class UserError(ValueError):
    """Something the user can put right; the message is a sentence for them."""


class ScanError(UserError):
    """An image or a file cannot be used."""


class SettingsError(UserError):
    """A setting is unknown or outside its range."""


class CohortError(UserError):
    """A folder of pairs, its tables or its splits cannot be used."""


class LeakageError(UserError):
    """A pair would be on two sides of a split, or in both training and evaluation."""


class CheckpointError(UserError):
    """Weights or their card cannot be used."""


class EnhanceError(UserError):
    """An image cannot be enhanced any further."""


class TrainingError(UserError):
    """Training cannot go on; the last checkpoint is kept."""


class MeasureError(UserError):
    """Images cannot be aligned, compared or measured as they are."""


class EvaluationError(UserError):
    """An evaluation lacks its methods, its pairs or its splits."""


class ReviewError(UserError):
    """A blinded comparison cannot be set up, read or answered."""


class RecordError(UserError):
    """A record cannot be read or done again."""


class OverwriteError(UserError):
    """A file would be overwritten that no earlier run of the same kind has written."""
