"""How many processor threads a model computes with."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch


@cache
def every() -> int:
    """As many as torch was set to when the first engine asked: `few` changes what it says."""
    return torch.get_num_threads()


@contextmanager
def few(count: int) -> Iterator[None]:
    """At most ``count`` of them, for this thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(count, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
