"""Instructions whose fulfilment a program checks: prompts with known truth for any chat model."""

from .checking import check, unfulfilled
from .constraints import Constraint
from .drawing import Instruction, instruction
from .source import Instructions
from .wording import VERSION, Split

__all__ = [
    "VERSION",
    "Constraint",
    "Instruction",
    "Instructions",
    "Split",
    "check",
    "instruction",
    "unfulfilled",
]
