"""What an operator must know about the right answers to its prompts."""

from dataclasses import dataclass
from typing import Literal

Truth = Literal["check", "opinion", "steps", "rollouts", "reference", "world"]
"""How an operator uses the truth. ``check``: it checks answers. ``opinion``: it checks answers, and
errs, or weighs other things too. ``steps``: it checks steps. ``rollouts``: it checks continuations
of answers. ``reference``: it reads the reference itself. ``world``: it reads the problems of one
world, which one check decides."""


@dataclass(frozen=True)
class TruthNeed:
    """The truth that an operator needs of the prompts of one stage.

    Attributes:
        truth: How the truth is used.
        prompts: The stage of the prompts.
        check: The import path of the operator's own check, or of its world's; None for that of the
            prompts' source.
        instead: What to set so that the operator needs no truth; empty if it always does.
    """

    truth: Truth
    prompts: str
    check: str | None = None
    instead: str = ""
