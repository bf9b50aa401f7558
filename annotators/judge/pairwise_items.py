"""Comparing as a task: the questions to a judge about pairs as prompts, in both orders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import polars as pl

from annotators.judge.parsing.choices import FIRST, SECOND
from engines.context import Context
from engines.model import Models
from engines.operators.collect import DroppedRow, TableRow, to_table
from engines.operators.row_operator import RowOperator
from engines.operators.run_rows import run_rows
from engines.rows import Prompt
from schemas import (
    GeneratingRole,
    Pairs,
    Prompts,
    Split,
    Table,
    Takes,
    TemplateName,
    content_id,
    dropped,
    messages_of,
    prompt_id,
)


@dataclass(frozen=True, slots=True)
class _Item:
    """A pair with its prompt, and where the prompt comes from."""

    pair_id: str
    prompt: Prompt
    chosen: list[dict[str, str]]
    rejected: list[dict[str, str]]
    source_revision: str
    licence: str
    task: str


class PairwiseItems(RowOperator):
    """Two prompts per pair: the question of ``template`` to the judge ``model``, once with each
    side shown first. The reference is the letter of the chosen side: "A", then "B". So a judge that
    learns from both cannot learn the order. With ``orders: drawn``, one prompt per pair, whose
    order is drawn from the pair's id: two prompts about one pair would count twice in a figure of
    how well pairs are judged. The template may show the ``reference`` of the pair's prompt, if
    there is one. Calls no model.

    `annotators.VerdictMatch` scores answers to these prompts, and its check tells whether they are
    right. A pair is dropped if a side is not one message of text, or if an earlier pair of the same
    prompt has the same two texts.

    Source: Yu et al. 2025, Improve LLM-as-a-Judge Ability as a General Ability (arXiv:2502.11689),
    and Chen et al. 2025, RM-R1 (arXiv:2505.02387), learn from such questions.
    """

    gives: ClassVar[type[Table]] = Prompts
    unit: ClassVar[str] = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    model: GeneratingRole = "judge"
    template: TemplateName = "judge_pairwise"
    criteria: str | None = None
    orders: Literal["both", "drawn"] = "both"

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """`Prompts`, in the order of the pairs."""
        stage, pairs = context.stage, tables[self.of]
        columns = ("prompt_id", "reference", "source", "source_revision", "licence")
        about = tables[self.prompts].select(*columns, Prompts.task_text())
        with_prompts = pairs.join(about, on="prompt_id", how="inner", maintain_order="left")
        orphans = pairs.join(about, on="prompt_id", how="anti", maintain_order="left")

        async def work(item: _Item, models: Models) -> list[TableRow]:
            chosen, rejected = _text(item.chosen), _text(item.rejected)
            if chosen is None or rejected is None:
                return [DroppedRow(item.pair_id, "a side is not one message of text", {})]
            questions = [
                self._question(item, models, chosen, rejected, FIRST),
                self._question(item, models, rejected, chosen, SECOND),
            ]
            if self.orders == "drawn":
                return [questions[int(content_id("order", item.pair_id), 16) % 2]]
            return questions

        split = to_table(
            run_rows(
                ((item.pair_id, item) for item in _items(_distinct(with_prompts))),
                work,
                context,
                total=with_prompts.height,
            ),
            Prompts,
            stage=stage,
            unit="prompt_id",
            ids=lambda item: [item.pair_id],
        )
        repeated = with_prompts.join(
            _distinct(with_prompts), on="pair_id", how="anti", maintain_order="left"
        )
        alike = dropped(stage, "another pair has the same texts", repeated["pair_id"].to_list())
        no_prompt = dropped(stage, "prompt not found", orphans["pair_id"].to_list())
        return replace(split, dropped=pl.concat([split.dropped, alike, no_prompt]))

    def _question(
        self, item: _Item, models: Models, first: str, second: str, reference: str
    ) -> TableRow:
        question = self.ask(
            models[self.model],
            self.template,
            prompt=item.prompt,
            a=first,
            b=second,
            criteria=self.criteria,
        )
        about = (item.prompt.source, item.source_revision, item.licence, item.task)
        return (prompt_id(question), list(question), reference, *about)


def _distinct(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs without those whose two texts, in any order, an earlier pair of the prompt has."""
    sides = [pl.col(side).list.last().struct.field("content") for side in ("chosen", "rejected")]
    ordered = pairs.with_columns(one=pl.min_horizontal(sides), other=pl.max_horizontal(sides))
    keys = ["prompt_id", "one", "other"]
    return ordered.unique(keys, keep="first", maintain_order=True).drop("one", "other")


def _items(pairs: pl.DataFrame) -> Iterator[_Item]:
    columns = ["pair_id", "prompt_id", "prompt", "chosen", "rejected", "reference", "source"]
    for row in pairs.select(*columns, "source_revision", "licence", "task").iter_rows():
        pair_id, name, messages, chosen, rejected, reference, source, *about = row
        prompt = Prompt(name, messages_of(messages), reference, source)
        yield _Item(pair_id, prompt, chosen, rejected, *about)


def _text(side: list[dict[str, str]]) -> str | None:
    """The text of a side; None if it is not one message of text."""
    if len(side) != 1 or side[0].get("tool_calls") or not side[0]["content"]:
        return None
    return side[0]["content"]
