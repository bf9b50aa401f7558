"""What this process has learnt of one model at one address; roles bound to both share it."""

import logging
import math
import time
from dataclasses import dataclass, field
from functools import cache

from engines.openai.concurrency import Pace
from engines.openai.parameters import RENAMED, SYSTEM

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Endpoint:
    """``refused``: the parts of a request that it does not take (`engines.openai.parameters`).
    ``answered_at``: when it last answered anybody (`time.monotonic`). ``lists``: whether it has
    ever listed likely tokens."""

    pace: Pace = field(default_factory=Pace)
    refused: set[str] = field(default_factory=set)
    answered_at: float = -math.inf
    lists: bool = False

    def answered(self) -> None:
        """It answered somebody, just now."""
        self.answered_at = time.monotonic()

    def learn(self, parts: set[str], server: str, said: str) -> None:
        """It answers without ``parts`` and refuses them. Told when it is learnt, not again."""
        for part in sorted(parts - self.refused):
            if part == SYSTEM:
                done = "its words are put before the user's"
            elif part in RENAMED:
                done = f"it is sent as {RENAMED[part]!r}"
            else:
                done = "it is left out of every request, and the model's default holds"
            what = "a system turn" if part == SYSTEM else repr(part)
            _log.warning("%s refuses %s (%s): %s", server, what, said, done)
        self.refused |= parts


@cache
def endpoint(url: str, model: str, key: str | None) -> Endpoint:
    """The one endpoint of these, for the whole process."""
    return Endpoint()
