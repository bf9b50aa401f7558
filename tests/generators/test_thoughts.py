"""What a model thinks before it answers is kept beside the answer and never taken for one."""

import json
from collections.abc import Callable
from typing import Any

from engines.context import Context
from engines.protocol import Generation, Rendered, Sampling
from generators import Refine, Sample

Speaking = Callable[[Callable[[str], str]], Context]


def test_thought_and_answer_are_apart(speaking: Speaking, stand: Any) -> None:
    prompts = stand.prompts("one", "two")
    context = speaking(lambda said: "<think>\nhm\n</think>\n\n4" if said.endswith("one") else "5")
    kept = Sample().run({"prompts": prompts}, context).kept
    assert kept.select("reasoning", "text", "tokens").rows() == [("hm", "4", 3), (None, "5", 3)]


def test_a_thought_that_was_cut_off_is_no_answer(stand: Any) -> None:
    def opened(binding: Any) -> Any:
        engine = stand.open(binding)

        async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
            cut = prompt.text.endswith("two") or seed % 2
            text = "<think>4, no" if cut else "<think>4</think>5"
            return Generation(text, (1,) * 9, (), "length" if cut else "stop")

        engine.generate = generate
        return engine

    prompts = stand.prompts("one", "two")
    split = Sample(n=8).run({"prompts": prompts}, stand.context(open_engine=opened))
    assert set(split.kept["text"]) == {"5"}
    reason = "the thought was cut off at 9 tokens: there is no answer"
    cut = split.dropped.filter(reason=reason)
    assert split.kept.height + cut.height == 16
    assert json.loads(cut["numbers"][0]) == {"finish": "length", "tokens": 9}
    lost = split.dropped.filter(reason="no response kept")
    assert lost["row_id"].to_list() == [prompts["prompt_id"][1]]


def test_a_critique_is_what_comes_after_the_thought(
    speaking: Speaking, stand: Any, answered: Callable[..., Any]
) -> None:
    context = speaking(lambda said: "<think>a secret</think>Too short.")
    (revised,) = Refine().run(answered({"one": ["1"]}), context).kept["text"]
    assert revised == "Too short."
    assert "a secret" not in stand.asked[-1][0]
    assert "Too short." in stand.asked[-1][0]
