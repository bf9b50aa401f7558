"""Fixed: the same texts for every prompt."""

from typing import Any

import pytest
from pydantic import ValidationError

from generators import Fixed


def test_every_prompt_has_every_text_and_no_model_is_called(stand: Any) -> None:
    prompts = stand.prompts("a", "b")
    split = Fixed(texts=(":", "Thought process:")).run({"prompts": prompts}, stand.context())
    assert split.dropped.is_empty()
    said = split.kept.group_by("prompt_id", maintain_order=True).agg("text")
    assert said.rows() == [(name, [":", "Thought process:"]) for name in prompts["prompt_id"]]
    assert split.kept["response_id"].n_unique() == 4
    assert not stand.opened


def test_there_must_be_a_text() -> None:
    for texts in ((), ("",)):
        with pytest.raises(ValidationError):
            Fixed(texts=texts)
