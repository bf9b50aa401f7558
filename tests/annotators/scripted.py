"""A judge that says what a script says, put questions by templates of the test's own."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Choice, Engine, Generation, Rendered, RowError, Sampling, Scored
from schemas import Message, Prompts, Responses, prompt_id, rows

TEMPLATES = {
    "judge_pointwise": "{{ prompt }}|{{ response }}",
    "judge_pairwise": "{{ prompt }}|{{ a }}|{{ b }}",
    "judge_listwise": "{{ prompt }}|{{ responses | join('|') }}",
}
ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}

Say = Callable[..., str]
"""What the judge says of a prompt and the responses shown, in that order; for a choice, which of
the options has probability 0.9."""


class ScriptedEngine(Engine):
    """Answers as ``say`` does; ``say`` is also given the seed where it takes one."""

    name = "scripted"
    constrains = False
    continues = True
    revision = "scripted"
    mass = 0.75

    def __init__(self, say: Say, asked: list[str], *, seeded: bool) -> None:
        self._say, self._asked, self._seeded = say, asked, seeded

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(tuple(messages), messages[-1]["content"])

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        self._asked.append(prompt.text)
        parts = prompt.text.split("|")
        text = self._say(*parts, seed=seed) if self._seeded else self._say(*parts)
        if text == "too long":
            raise RowError("the prompt has 900 tokens, the model takes 512")
        return Generation(text, (1,), (0.0,), "stop")

    async def score(self, *_: Any, **__: Any) -> list[Scored]:
        raise NotImplementedError

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        self._asked.append(prompt.text)
        chosen = self._say(*prompt.text.split("|"))
        rest = 0.1 / (len(options) - 1)
        # A judge that would say something else is indifferent between what it may say.
        plain = [option[0] for option in options]
        shares = [0.9 if option == chosen else rest for option in plain]
        even = chosen not in plain
        logprobs = [math.log(1 / len(plain) if even else share) for share in shares]
        return Choice(tuple(logprobs), math.log(self.mass))

    async def close(self) -> None: ...


@dataclass
class Bench:
    """Runs annotators against a scripted judge, in a folder of their own."""

    folder: Path
    asked: list[str] = field(default_factory=list)

    def context(self, say: Say, *, seeded: bool = False, **changes: Any) -> Context:
        for name, text in TEMPLATES.items():
            (self.folder / f"{name}.jinja").write_text(text)
        told = repr((say.__qualname__, changes))
        journal = f"{hashlib.blake2b(told.encode(), digest_size=8).hexdigest()}{len(self.asked)}"
        settings: dict[str, Any] = {
            "recipe": "recipe",
            "stage": "scores",
            "refresh": "2026-01-01",
            "roles": {"judge": Binding(model="judge")},
            "journal": self.folder / f"{journal}.sqlite",
            "models": self.folder / "models",
            "folder": self.folder,
            "progress": False,
            "open_engine": lambda _: ScriptedEngine(say, self.asked, seeded=seeded),
        }
        return Context(**{**settings, **changes})

    @staticmethod
    def tables(answers: dict[str, list[str]]) -> dict[str, pl.DataFrame]:
        """Prompts with the texts of their responses. A response's id is its prompt's text, a dash
        and its number; a prompt's reference is "right"."""
        prompts, responses = [], []
        for said, texts in answers.items():
            messages = [{"role": "user", "content": said}]
            known = {"source": "test", "source_revision": "1", "licence": "none"}
            name = prompt_id(messages)
            prompts.append({"prompt_id": name, "messages": messages, "reference": "right", **known})
            responses += [
                {
                    "response_id": f"{said}-{number}",
                    "prompt_id": name,
                    "text": text,
                    "finish": "stop",
                    "tokens": 1,
                    "origin": ORIGIN,
                }
                for number, text in enumerate(texts)
            ]
        return {"prompts": rows(Prompts, prompts), "responses": rows(Responses, responses)}


def is_right(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """A check: whether the answer says what the reference does."""
    return reference is not None and reference in text.split()
