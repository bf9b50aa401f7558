"""Random texts for targets to build on."""

from collections.abc import Sequence
from random import Random

MARKS = "*_`#~<>[](){}|\\/\"'“”«»=:;,.!?+-–—→^$%&@0123456789"
STRANGE = "\x00\x07\x1b\r\n\t\u00a0\u200b\u200f\u2028\ufeff\ufffdéßİıſ²½Ⅷ٣中文А🙂👍🏽\U0010ffff"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def noise(random: Random, longest: int = 40) -> str:
    """Letters, marks and strange characters in any order."""
    alphabet = random.choice((LETTERS + " ", MARKS + " ", STRANGE, LETTERS + MARKS + STRANGE))
    return "".join(random.choices(alphabet, k=random.randint(0, longest)))


def mixed(random: Random, pieces: Sequence[str], longest: int = 12) -> str:
    """A text of some ``pieces``, with noise between them and now and then one many times over."""
    parts: list[str] = []
    for _ in range(random.randint(0, longest)):
        part = noise(random, 8) if random.random() < 0.2 else random.choice(pieces)
        if random.random() < 0.02:
            part = (part * random.choice((10, 100, 2_000)))[:20_000]
        parts.append(part)
    return random.choice(("", " ", "\n")).join(parts)


def damaged(random: Random, text: str) -> str:
    """``text`` with a few places cut out, doubled, or replaced by noise."""
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.randint(0, 10))
        put = random.choice(("", text[start:end] * 2, noise(random, 5)))
        text = text[:start] + put + text[end:]
    return text
