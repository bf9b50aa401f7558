"""The number of CPU threads with which a model computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch


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
