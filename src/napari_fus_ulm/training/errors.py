"""The error of training, apart from the loop so that naming it does not import torch."""


class TrainingError(Exception):
    """Training cannot go on; the message says why. The last checkpoint is kept."""
