"""Transcripts of several attempts, made from chains of responses."""

from collections.abc import Iterator
from typing import Any, ClassVar

import polars as pl

from filters.demonstrations.chains import Chains
from schemas import Responses, Table, columns
from schemas.ids import content_ids


class Transcripts(Chains):
    """Each response of ``of`` with what led to it as one response to the prompt: an answer of each
    stage of ``after``, what the user said to it, and the response (`schemas.Responses.turns`). So
    attempts and their corrections are compared, scored and learned together.

    The text has the turns as paragraphs. ``tokens``, the thought and the origin are those of the
    last answer, but for its parents, which are all the answers. A chain is dropped for the reasons
    of `filters.demonstrations.chains.Chains`, and if its answers are of different models, which
    could not learn from each other's samples as their own.

    Source: Kumar et al. 2024, Training Language Models to Self-Correct via Reinforcement Learning
    (arXiv:2409.12917), for what is learned from.
    """

    gives: ClassVar[type[Table] | None] = Responses
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    def unfit(self, number: int) -> pl.Expr:
        models = pl.col(f"model_{number}"), pl.col("origin").struct.field("model")
        return pl.when(models[0].ne_missing(models[1])).then(
            pl.lit(f"the answer of {self.after[number]!r} is of another model")
        )

    def joined(self, chains: pl.DataFrame) -> pl.DataFrame:
        numbers = range(len(self.after))
        questions = [f"\n\n{text.strip()}\n\n" for text in self.asked]
        texts = [
            part
            for number in numbers
            for part in (pl.col(f"answer_{number}"), pl.lit(questions[number]))
        ]
        answers = chains.select(*(f"answer_{number}" for number in numbers), "text")
        turns = [list(_turns(row, questions)) for row in answers.iter_rows()]
        keys = chains.select("prompt_id", "response_id").get_columns()
        parents = pl.concat_list(*(f"answer_id_{number}" for number in numbers), "response_id")
        return chains.select(
            content_ids(*keys, list(self.asked)).alias("response_id"),
            "prompt_id",
            pl.concat_str(*texts, "text").alias("text"),
            "reasoning",
            pl.lit(None, columns(Responses)["steps"]).alias("steps"),
            pl.Series("turns", turns, dtype=columns(Responses)["turns"]),
            "finish",
            "tokens",
            pl.col("origin").struct.with_fields(parents=parents),
        )


def _turns(answers: tuple[str, ...], questions: list[str]) -> Iterator[dict[str, Any]]:
    """The turns of one text: an answer, the next question, and so on; then the last answer."""
    place = 0
    for number, answer in enumerate(answers):
        parts = [
            ("assistant", answer),
            *([("user", questions[number])] if number < len(questions) else []),
        ]
        for role, text in parts:
            yield {"role": role, "start": place, "end": place + len(text)}
            place += len(text)
