"""The number of CPU threads with which a model computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

WIDE = 512
"""The hidden size from which matrix products take most of the time. Products of a narrower model
take microseconds, which is less than other work at each call: threads that wait for each other,
or packed weights."""


@cache
def default_threads() -> int:
    """Torch's number of threads at the first call, before `limit_threads` changed it."""
    return torch.get_num_threads()


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Let torch use at most ``count`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(count, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
