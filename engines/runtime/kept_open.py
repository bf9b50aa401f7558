"""Models that stay open between the parts of a stage. Otherwise each part would load them again."""

from collections.abc import Iterator
from contextlib import contextmanager

from engines.runtime.event_loop import event_loop
from engines.runtime.session import KEPT, KeptOpen


@contextmanager
def kept_open() -> Iterator[None]:
    """Runs inside share one event loop, one journal and the engines. These are closed at the
    end."""
    with event_loop() as loop:
        kept = KeptOpen(loop)
        token = KEPT.set(kept)
        try:
            yield
        finally:
            KEPT.reset(token)
            loop(kept.models.close())
