"""An engine that says what a test wants it to say."""

from collections.abc import Callable
from typing import Any

import pytest

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Generation, Rendered, Sampling


@pytest.fixture
def speaking(stand: Any) -> Callable[[Callable[[str], str]], Context]:
    """A context whose models answer what ``says`` gives for the text they are asked."""

    def context(says: Callable[[str], str]) -> Context:
        def opened(binding: Binding) -> Any:
            engine = stand.open(binding)

            async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
                stand.asked.append((prompt.text, sampling, seed))
                return Generation(says(prompt.text), (1, 2, 3), (-0.1, -0.2, -0.3), "stop")

            engine.generate = generate
            return engine

        made: Context = stand.context(open_engine=opened)
        return made

    return context


@pytest.fixture
def answered(stand: Any) -> Callable[..., Any]:
    """Stages ``prompts`` and ``responses``: the texts answered to each prompt."""
    from schemas import Responses, rows

    def tables(answers: dict[str, list[str]]) -> Any:
        prompts = stand.prompts(*answers)
        origin = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
        records = [
            {
                "response_id": f"{asked}-{place}",
                "prompt_id": prompt_id,
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": origin,
            }
            for prompt_id, (asked, texts) in zip(prompts["prompt_id"], answers.items(), strict=True)
            for place, text in enumerate(texts)
        ]
        return {"prompts": prompts, "responses": rows(Responses, records)}

    return tables
