"""Scores of tokens in words."""

from collections.abc import Sequence

MOST_TOKENS = 5
"""The most tokens that are named of each end."""


def token_texts(text: str, token_ends: Sequence[int]) -> list[str]:
    """The text of each token: the characters since the token before it. Of several tokens of one
    character the first has it, and the others have none."""
    starts = [0, *token_ends[:-1]]
    return [text[start:end] for start, end in zip(starts, token_ends, strict=True)]


def strongest(text: str, token_ends: Sequence[int], values: Sequence[float]) -> str:
    """The tokens of the highest scores and those of the lowest, a line each, the highest first."""
    scored = list(zip(values, token_texts(text, token_ends), strict=True))
    ranked = sorted(range(len(scored)), key=lambda place: (-scored[place][0], place))
    ends = (
        ranked
        if len(ranked) <= 2 * MOST_TOKENS
        else [*ranked[:MOST_TOKENS], *ranked[-MOST_TOKENS:]]
    )
    return "\n".join(f"{scored[place][0]:+.3g} {scored[place][1]!r}" for place in ends)
