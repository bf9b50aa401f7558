"""Solutions cut into steps, and scores of their prefixes, by hand or drawn by Hypothesis."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from hypothesis import strategies as st

from schemas import Prompts, Responses, Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}

World = dict[str, pl.DataFrame]

Told = Mapping[int | None, Sequence[float | None]]
"""What is said of a response: opinions by step, None is the whole and −1 the prompt. An opinion of
None is one that could not be read."""


def mean_scores(stages: Mapping[str, Mapping[str, Told]]) -> World:
    """Stages of scores."""
    return {
        stage: rows(
            Scores,
            [
                {
                    "response_id": response_id,
                    "step": step,
                    "annotator": f"vote {vote}",
                    "value": value,
                    "error": None if value is not None else "unreadable",
                    "origin": ORIGIN,
                }
                for response_id, by_step in told.items()
                for step, values in by_step.items()
                for vote, value in enumerate(values)
            ],
        )
        for stage, told in stages.items()
    }


def cut(steps: Mapping[str, Sequence[str] | None], *, prompts: bool = True) -> World:
    """Stages ``prompts`` and ``responses``: of each the texts of its steps; None is not cut."""
    asked = [
        {
            "prompt_id": "p",
            "messages": [{"role": "user", "content": "question"}],
            "source": "test",
            "source_revision": "1",
            "licence": "MIT",
        }
    ]
    records: list[dict[str, Any]] = []
    for response_id, texts in steps.items():
        spans, place = [], 0
        for number, text in enumerate(texts or []):
            end = place + len(text)
            spans.append(
                {"start": place, "end": end, "token_start": number, "token_end": number + 1}
            )
            place = end
        records.append(
            {
                "response_id": response_id,
                "prompt_id": "p",
                "text": "".join(texts or ["uncut"]),
                "steps": None if texts is None else spans,
                "finish": "stop",
                "tokens": 1,
                "origin": ORIGIN,
            }
        )
    return {
        "prompts": rows(Prompts, asked if prompts else []),
        "responses": rows(Responses, records),
    }


values = st.sampled_from([0.0, 0.0625, 0.25, 0.5, 1.0, None])


@st.composite
def drawn_worlds(draw: st.DrawFn, stages: Sequence[str] = ("scores",)) -> World:
    """A few solutions of one to four steps, and stages that scored some of their prefixes."""
    texts = draw(
        st.dictionaries(
            st.sampled_from("abcde"),
            st.none() | st.lists(st.sampled_from(["é\n", "two\n", "x"]), min_size=1, max_size=4),
            max_size=4,
        )
    )
    told: dict[str, dict[str, Told]] = {}
    for stage in stages:
        told[stage] = {}
        for response_id, steps in texts.items():
            count = len(steps or [])
            prefixes = draw(
                st.dictionaries(st.integers(-1, max(count - 1, -1)), st.lists(values, max_size=2))
            )
            whole = draw(st.lists(st.none() | st.integers(-1, max(count - 1, -1)), max_size=2))
            told[stage][response_id] = {
                **prefixes,
                None: [None if one is None else float(one) for one in whole],
            }
    return cut(texts) | mean_scores(told)
