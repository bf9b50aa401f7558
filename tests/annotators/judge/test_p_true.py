"""PTrue: the probability of "True" over "False"."""

from typing import Any

import polars as pl
import pytest

from annotators import PTrue
from generators import Sample


def tables(stand: Any, n: int = 4) -> dict[str, pl.DataFrame]:
    prompts = stand.prompts("What is it?")
    responses = Sample(n=n).run({"prompts": prompts}, stand.context()).kept
    stand.asked.clear()
    whole = responses.with_columns(finish=pl.lit("stop", responses["finish"].dtype))
    return {"prompts": prompts, "responses": whole}


def test_a_probability_for_each_response(stand: Any) -> None:
    made = tables(stand)
    found = PTrue(probes="off").run(made, stand.context()).kept
    assert found["response_id"].to_list() == made["responses"]["response_id"].to_list()
    # The stand chooses by the options' lengths.
    assert found["value"].to_list() == pytest.approx([4 / 9] * 4)
    assert set(found["annotator"]) == {"p_true"}


def test_each_response_is_asked_about_by_itself(stand: Any) -> None:
    made = tables(stand)
    PTrue(probes="off").run(made, stand.context())
    assert len(stand.asked) == 4
    for (verb, prompt, options), text in zip(stand.asked, made["responses"]["text"], strict=True):
        assert verb == "choose"
        assert set(options) == {"True", "False"}
        assert text in prompt
        assert "What is it?" in prompt
        assert not any(other in prompt for other in made["responses"]["text"] if other != text)


def test_other_samples_are_shown_first(stand: Any) -> None:
    made = tables(stand)
    PTrue(samples=2, probes="off").run(made, stand.context())
    texts = made["responses"]["text"].to_list()
    for number, (_, prompt, _) in enumerate(stand.asked):
        others = [text for text in texts if text != texts[number]]
        shown = [text for text in others if text in prompt]
        assert shown == others[:2]
        assert prompt.index(texts[number]) > max(prompt.index(text) for text in shown)
