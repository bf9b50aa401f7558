"""Engines that answer nothing, for stages whose answers must come from the journal."""

from typing import NoReturn

from engines.bindings import Binding, open_local
from engines.protocol import Engine, RowError
from engines.registry import VERBS


def unasked_engine(binding: Binding) -> Engine:
    """The engine of ``binding``, which answers nothing itself: each request is a `RowError`."""
    engine = open_local(binding)
    for method in VERBS:
        setattr(engine, method, _unasked)
    return engine


async def _unasked(*_: object, **__: object) -> NoReturn:
    raise RowError("the journal does not have the answer")
