"""A world whose trees are small and known: answers of letters, one a line, and a number."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from annotators import Annotator
from engines.bindings import Binding
from engines.context import Context
from engines.model import Models
from engines.operators.scores import Score
from engines.protocol import Generation, Rendered, RowError, Sampling
from engines.rows import Prompt, Response
from schemas import Message

MARK = "assistant: "


def is_right(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """A check: right answers have no b, and give an answer."""
    if "unreadable" in messages[-1]["content"]:
        raise ValueError("the reference says nothing")
    return "Answer:" in text and "b" not in text


class Hopes(Annotator):
    """Thinks an answer better the fewer of its lines are b. Has no opinion of a c at the end."""

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response, about what it says so far."""
        return [self._said(one) for one in responses]

    def _said(self, one: Response) -> Score:
        lines = one.text.split()
        if lines and lines[-1] == "c":
            return Score(one.response_id, "hopes", None, error="no opinion")
        return Score(one.response_id, "hopes", 1 - lines.count("b") / max(1, len(lines)))


def lines_after(asked: str, begun: str, seed: int) -> str:
    """What is written after ``begun``: a letter a line, three at most, then the answer. Each line
    follows from the seed and what is before it."""
    written = begun
    while "Answer:" not in written:
        digest = hashlib.blake2b(f"{asked}|{written}|{seed}".encode(), digest_size=2).digest()
        letters = "a" if "single" in asked else "abc"
        ends = written.count("\n") >= 3 or (digest[1] % 8 == 0 and "\n" in written)
        written += "Answer: 1" if ends else letters[digest[0] % len(letters)] + "\n"
    return written[len(begun) :]


def searching(
    stand: Any, write: Callable[[str, str, int], str] = lines_after, **changes: Any
) -> Context:
    """A context whose policy writes so, and whose answers `is_right` checks."""

    def opened(binding: Binding) -> Any:
        engine = stand.open(binding)

        async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
            stand.asked.append((prompt.text, seed))
            asked, _, begun = prompt.text.partition(f"\n{MARK}")
            if "too long" in asked and begun.count("\n") == 2:
                raise RowError("the prompt has 900 tokens, the model takes 512")
            text = write(asked, begun, seed)
            if len(text) > sampling.max_tokens:
                # A token is a character here.
                return Generation(text[: sampling.max_tokens], (1,), (-0.1,), "length")
            return Generation(text, (1, 2), (-0.1, -0.2), "stop")

        engine.generate = generate
        return engine

    checks = {"test": "tests.generators.searched.is_right"}
    made: Context = stand.context(open_engine=opened, checks=checks, **changes)
    return made


class Valued(Hopes):
    """Hopes, by weights that an earlier stage trained: those that its role is then bound to."""

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        return replace(context, roles={**context.roles, "policy": Binding(model="value")})

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response, if it is the value model that is asked."""
        assert models.policy.revision.endswith("value")
        return await super().score(prompt, responses, models)
