"""One response with the most frequent answer."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import field_validator

from engines.operators.cut_off import Cut
from filters.filter import Filter, refused
from filters.pairing import scored, tie_break
from schemas import Responses, Scores, Split, Table, Takes, content_id

ANSWER = r"(?i)(?:\banswer:[ \t]*|####[ \t]*|\\boxed\{)([^\n}]+)"


class MajorityVote(Filter):
    """Keeps one response per prompt, with the answer that most responses give (self-consistency,
    Wang et al. 2022, arXiv:2203.11171).

    An answer is the last match of the group of ``answer`` in a text, without spaces and a final
    full stop: what follows "Answer:" or "####", or is in a box. A response without an answer does
    not vote. A response that was cut off does not vote unless ``cut: read``. With ``by``, a vote
    counts its score, and the answer with the largest sum wins (weighted self-consistency: OmegaPRM,
    Luo et al. 2024, arXiv:2406.06592). Then a response without a valid score does not vote, and the
    best scored response with the winning answer is kept.

    Ties are broken by hashes: of the prompt and answer between answers, of the response's id
    between responses. A prompt without a vote is dropped.
    """

    gives: ClassVar[type[Table] | None] = Responses
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)] | None = None
    answer: str = ANSWER
    cut: Cut = "refuse"

    @field_validator("answer")
    @classmethod
    def _one_group(cls, pattern: str) -> str:
        if re.compile(pattern).groups != 1:
            raise ValueError("'answer' is a regular expression with one group, the answer")
        return pattern

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of]
        voting = responses.with_columns(answer=stated("text", self.answer))
        if self.cut == "refuse":
            ended = pl.col("finish") == "stop"
            voting = voting.with_columns(answer=pl.when(ended).then(pl.col("answer")))
        if self.by is None:
            voting = voting.with_columns(value=pl.lit(1.0))
        else:
            voting = scored(voting, tables[self.by])
        voting = voting.with_columns(
            votes=pl.col("answer").is_not_null() & pl.col("value").is_not_null()
        )
        answers = voting.filter("votes").select("prompt_id", "answer").unique()
        hashes = [content_id(*row) for row in answers.iter_rows()]
        tally = (
            voting.filter("votes")
            .group_by("prompt_id", "answer")
            .agg(sum=pl.col("value").sort().sum().round_sig_figs(12))
            .join(
                answers.with_columns(tie_break=pl.Series(hashes, dtype=pl.String)),
                on=["prompt_id", "answer"],
            )
            .sort("prompt_id", -pl.col("sum"), "tie_break")
            .unique("prompt_id", keep="first", maintain_order=True)
            .select("prompt_id", "answer")
        )
        winners = (
            voting.filter("votes")
            .join(tally, on=["prompt_id", "answer"], how="semi")
            .with_columns(tie_break=tie_break("response_id"))
            .sort("prompt_id", -pl.col("value"), "tie_break")
            .unique("prompt_id", keep="first", maintain_order=True)
        )
        silent = (
            voting.group_by("prompt_id", maintain_order=True)
            .agg(responses=pl.len(), stated=pl.col("answer").count(), votes=pl.col("votes").sum())
            .filter(pl.col("votes") == 0)
        )
        prompts = responses.select("prompt_id").unique(maintain_order=True)
        kept = prompts.join(winners, on="prompt_id", maintain_order="left")
        return Split(
            kept.select(responses.columns),
            refused(
                silent,
                "prompt_id",
                "no response votes",
                **{name: pl.col(name) for name in ("responses", "stated")},
            ),
        )


def stated(text: str, pattern: str = ANSWER) -> pl.Expr:
    """The answer in column ``text``, null if there is none."""
    last = pl.col(text).str.extract_all(pattern).list.last().str.extract(pattern, 1)
    plain = last.str.strip_chars().str.strip_chars_end(".").str.strip_chars()
    return pl.when(plain != "").then(plain)
