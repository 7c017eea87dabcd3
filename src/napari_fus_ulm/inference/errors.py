"""The error of a run, apart from the work so that naming it does not import torch."""


class EnhanceError(Exception):
    """A run that cannot go on; the message is written for the user.

    Not a RuntimeError: viewers' worker threads swallow those.
    """
