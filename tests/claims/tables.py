"""Small tables whose truth is plain, for tests of measures."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from schemas import Prompts, Responses, Scores, rows

ORIGIN: dict[str, Any] = {"operator": "o", "model": None, "parameters": "{}", "seed": None}
CHECKS = {"mine": f"{__name__}.is_right"}


def is_right(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what repeats the reference."""
    return text == reference


def prompts(*names: str) -> pl.DataFrame:
    """The right answer to each prompt is "right"."""
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "right"}
    turn = [{"role": "user", "content": "?"}]
    return rows(Prompts, [{"prompt_id": name, "messages": turn, **known} for name in names])


def responses(
    texts: Mapping[str, str], parents: Mapping[str, str] | None = None, *, tokens: int = 1
) -> pl.DataFrame:
    """The texts by response; the first letter of a response names its prompt."""
    return rows(
        Responses,
        [
            {
                "response_id": name,
                "prompt_id": name[0],
                "text": text,
                "finish": "stop",
                "tokens": tokens,
                "origin": {
                    **ORIGIN,
                    "parents": [parents[name]] if parents and name in parents else [],
                },
            }
            for name, text in texts.items()
        ],
    )


def scores(values: Mapping[str, float | None], annotator: str = "j") -> pl.DataFrame:
    """The scores by response."""
    return rows(
        Scores,
        [
            {
                "response_id": name,
                "annotator": annotator,
                "value": value,
                "error": "unread" if value is None else None,
                "origin": {**ORIGIN, "parents": []},
            }
            for name, value in values.items()
        ],
    )


def drawn(sampled: Sequence[Sequence[Any]], times: int, seed: int = 0) -> Any:
    """``times`` resamples of rows, as lists of rows."""
    import numpy as np

    noise = np.random.default_rng(seed)
    for _ in range(times):
        yield [sampled[row] for row in noise.integers(0, len(sampled), len(sampled))]
