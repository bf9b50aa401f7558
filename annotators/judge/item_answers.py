"""What was written about responses, as answers to the questions about them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import polars as pl

from annotators.judge.judging_items import Item, JudgingItems
from engines.operators.collect import TableRow
from engines.operators.row_operator import RowSession
from engines.operators.system_turns import as_asked
from schemas import Message, Responses, Split, Table, Takes, dropped, prompt_id


class ItemAnswers(JudgingItems):
    """Texts that were made from responses of ``drafts``, each as an answer to the question of
    `annotators.JudgingItems` about its draft, which is its parent. Calls no model.

    The texts and their ids stay as they are; only their prompt is the question. So the scores of a
    text are still its scores. With the parameters of the stage of items, critiques
    (`generators.Rewrite`) become what a critic learns to answer. ``truth`` is not read.

    A text is dropped if none of its parents, or several of them, are in ``drafts``.
    """

    gives: ClassVar[type[Table]] = Responses
    own_prompts: ClassVar[bool] = True

    drafts: Annotated[str, Takes(Responses)]

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: RowSession) -> Split:
        """`Responses`, in the order of the texts."""
        tables, context = as_asked(self, tables), session.context
        drafts = tables[self.drafts].join(
            tables[self.prompts], on="prompt_id", maintain_order="left"
        )
        about, lost = _about(drafts["response_id"], tables[self.of])
        places = {name: place for place, name in enumerate(tables[self.of]["response_id"])}

        def answered(item: Item, question: tuple[Message, ...]) -> list[TableRow]:
            return [_row(answer, prompt_id(question)) for answer in about[item.response_id]]

        split = self.rows_about(
            (item for item in self.items(drafts, tables) if item.response_id in about),
            answered,
            context,
            total=len(about),
            ids=lambda item: [answer["response_id"] for answer in about[item.response_id]],
            position=lambda _, row: places[row[0]],
        )
        unknown = dropped(context.stage, f"not of one response of {self.drafts!r}", lost)
        return replace(split, dropped=pl.concat([split.dropped, unknown]))


def _about(
    drafts: pl.Series, answers: pl.DataFrame
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """The answers about each draft, by its id; and the ids of those that are not of one."""
    draft_ids, about, lost = set(drafts), defaultdict[str, list[dict[str, Any]]](list), []
    for answer in answers.iter_rows(named=True):
        parents = [each for each in answer["origin"]["parents"] if each in draft_ids]
        if len(parents) == 1:
            about[parents[0]].append(answer)
        else:
            lost.append(answer["response_id"])
    return about, lost


def _row(answer: Mapping[str, Any], question: str) -> TableRow:
    cells = dict(answer) | {"prompt_id": question}
    origin = cells.pop("origin")
    return (*cells.values(), *origin.values())
