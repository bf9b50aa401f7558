"""What this process knows about one model at one address. Roles with the same binding share it."""

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
    """The state of one model at one address.

    Attributes:
        pace: the limit of requests in flight.
        refused: the parts of a request that it refuses (`engines.openai.parameters`).
        answered_at: the time of its last answer (`time.monotonic`).
        lists: whether it has ever listed likely tokens.
        characters: the characters of the prompts whose tokens it has counted.
        prompt_tokens: these tokens.
    """

    pace: Pace = field(default_factory=Pace)
    refused: set[str] = field(default_factory=set)
    answered_at: float = -math.inf
    lists: bool = False
    characters: int = 0
    prompt_tokens: int = 0

    def answered(self) -> None:
        """Report an answer, to any call."""
        self.answered_at = time.monotonic()

    def counted(self, characters: int, tokens: int | None) -> None:
        """Report its count of the tokens of a prompt; None if it gives none."""
        if tokens:
            self.characters += characters
            self.prompt_tokens += tokens

    def learn(self, parts: set[str], server: str, message: str) -> None:
        """Remember that it refuses ``parts`` and answers without them. Warns once per part."""
        for part in sorted(parts - self.refused):
            if part == SYSTEM:
                done = "its text is put before the user's"
            elif part in RENAMED:
                done = f"it is sent as {RENAMED[part]!r}"
            else:
                done = "it is left out of every request, and the model's default is used"
            shown = "a system turn" if part == SYSTEM else repr(part)
            _log.warning("%s refuses %s (%s): %s", server, shown, message, done)
        self.refused |= parts


@cache
def endpoint(url: str, model: str, key: str | None) -> Endpoint:
    """The endpoint of a url, model and key: the same object in the full process."""
    return Endpoint()
