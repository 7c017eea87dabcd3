"""Ending long work in the middle of a piece: between two layers of a network, say.

Work is an iterator of events, and who iterates stops it after an event. Some pieces between two
events take seconds on a busy computer; those ask here whether they are still wanted. Nothing is
computed differently for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch.nn import Module

    Network = TypeVar("Network", bound=Module)


class Interrupted(BaseException):
    """The work is not wanted any more; no Exception, so that nothing takes it for a failure."""


_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


@contextmanager
def interrupted_when(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Let `give_way` end what is done inside, in this thread, once ``unwanted`` says so."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def give_way() -> None:
    """End the work here where it is not wanted any more.

    Raises
    ------
    Interrupted
        If so.
    """
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise Interrupted


def giving_way(network: Network) -> Network:
    """Let a network give way before each of its layers; return it."""
    for module in network.modules():
        module.register_forward_pre_hook(_before_a_layer)
    return network


def _before_a_layer(*_: object) -> None:
    give_way()
