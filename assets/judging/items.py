"""What a judge is measured on: pairs of which one response is known to be better, right responses
among wrong ones, and solutions whose first wrong step is known."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from assets.config.errors import FactoryError
from assets.importers.published_files import published_rows
from assets.importers.shapes import Row, Sample, Shape, Solution, shape_of
from assets.importers.shapes.reading import one_line
from assets.judging.choices import SHAPE, texts_of
from engines.rows import RESPONSE, Prompt, Response, Span, response_of
from generators import SourceError
from schemas import Message, content_id, messages_of, prompt_id

Kind = Literal["pair", "choice", "solution"]

GROUPS = ("subset", "category", "domain", "source")
"""The columns that name the group of a row, in order of preference."""


@dataclass(frozen=True)
class Item:
    """A question to a judge whose right answer is known.

    Attributes:
        item_id: A hash of the prompt and the responses.
        group: What it belongs to, such as a subset of RewardBench.
        prompt: The task.
        responses: Of a pair the better response and then the worse one, or as in the file if people
            prefer neither; of a choice the right ones, then the wrong ones; of a solution itself.
        truth: Of a solution the index of its first wrong step, −1 if none is wrong. None of others.
        right: Of a choice, how many of its responses are right. None of others.
        vote: Of a pair of a file, what was voted for the response that stands first in it: 1, 0, or
            ½ for neither. None of others.
        name: The row's own id, if it has one.
    """

    item_id: str
    group: str
    prompt: Prompt
    responses: tuple[Response, ...]
    truth: int | None = None
    right: int | None = None
    vote: float | None = None
    name: str | None = None

    @property
    def kind(self) -> Kind:
        if self.right is not None:
            return "choice"
        return "pair" if self.truth is None else "solution"


@dataclass(frozen=True)
class Benchmark:
    """The items of one file or source. ``refused`` counts rows that are no item, by reason."""

    name: str
    items: Sequence[Item]
    refused: Mapping[str, int] = field(default_factory=dict)


def read_benchmark(
    shape: str, place: str, *, rows: int | None, seed: int, group: str | None = None
) -> Benchmark:
    """The items of a published benchmark.

    Args:
        shape: The shape of its rows: ``reward-bench-2``, or as of ``factory import``:
            ``reward-bench``, ``judgebench``, ``processbench``, or any other with preferences or
            first errors.
        place: A file, a folder in the layout of a dataset, or an id on the Hub.
        rows: The most items, drawn by ``seed``; None: all.
        seed: The seed of the draw.
        group: The column that names the group of a row. By default the first of `GROUPS` that a row
            has, or else the part of its ``id`` before the last hyphen, as in ProcessBench.

    Raises:
        FactoryError: It cannot be read, or no row is an item.
    """
    several = shape.lower().replace("_", "-") == SHAPE
    name, form = (SHAPE, None) if several else shape_of(shape)
    items: dict[str, Item] = {}
    refused: Counter[str] = Counter()
    try:
        for where, row in published_rows(place, config=None, split="test", revision=None).rows:
            item = row if isinstance(row, str) else _item(row, form, name, where, group)
            if isinstance(item, str):
                refused[item] += 1
            elif item.item_id in items:
                refused["an earlier row is the same"] += 1
            else:
                items[item.item_id] = item
    except (SourceError, OSError) as error:
        raise FactoryError(f"{place} cannot be read: {error}") from error
    if not items:
        reason = next(iter(refused), "it has no rows")
        raise FactoryError(f"{place} has nothing to judge in the shape {name}: {reason}")
    return Benchmark(name, drawn(items.values(), rows, seed), refused)


def drawn(items: Iterable[Item], rows: int | None, seed: int) -> list[Item]:
    """At most ``rows`` items, drawn by a hash of their ids: which ones depends neither on the order
    of the rows nor on the number of other rows before them."""
    return sorted(items, key=lambda item: content_id(seed, item.item_id))[:rows]


def sampled_pairs(
    name: str, prompts: pl.DataFrame, responses: pl.DataFrame, scores: pl.DataFrame, *, seed: int
) -> Benchmark:
    """One pair a prompt: a right response and a wrong one, drawn by ``seed``.

    Args:
        name: The name of the source of the prompts.
        prompts: A `schemas.Prompts` table.
        responses: Their `schemas.Responses`.
        scores: `schemas.Scores`: 1 for a right response, 0 for a wrong one.
        seed: The seed of the draw.

    Raises:
        FactoryError: No prompt has both.
    """
    values = scores.select("response_id", right=pl.col("value") > 0.5)
    judged = responses.join(values, on="response_id", how="inner").filter(
        pl.col("right").is_not_null()
    )
    items, refused = [], Counter[str]()
    for row in prompts.iter_rows(named=True):
        own = judged.filter(pl.col("prompt_id") == row["prompt_id"])
        sides = [_one(own.filter(pl.col("right") == right), seed) for right in (True, False)]
        if sides[0] is None or sides[1] is None:
            refused["no response is right" if sides[0] is None else "no response is wrong"] += 1
            continue
        prompt = Prompt(
            row["prompt_id"], messages_of(row["messages"]), row["reference"], row["source"]
        )
        items.append(_pair(prompt, name, sides[0], sides[1]))
    if not items:
        raise FactoryError(
            f"of no prompt of {name} the policy wrote a right response and a wrong one: ask about "
            "more prompts with --rows, or bind another policy"
        )
    return Benchmark(name, drawn(items, None, seed), refused)


def _one(responses: pl.DataFrame, seed: int) -> Response | None:
    ids = sorted(responses["response_id"], key=lambda one: content_id(seed, one))
    if not ids:
        return None
    chosen = responses.filter(pl.col("response_id") == ids[0])
    return response_of(chosen["prompt_id"][0], chosen.select(RESPONSE).row(0))


def _item(row: Row, form: Shape | None, name: str, where: str, group: str | None) -> Item | str:
    """The item of a row, or why there is none."""
    if form is None:
        return _choice(row, name, _group(row, name, where, group))
    try:
        sample = form.sample(row, {})
    except ValueError as error:
        return one_line(error)
    if refusals := [one for one in sample.solutions if isinstance(one, str)]:
        return refusals[0]
    solutions = [one for one in sample.solutions if isinstance(one, Solution)]
    prompt = Prompt(prompt_id(sample.prompt), sample.prompt, None, name)
    belongs = _group(row, name, where, group)
    if sample.preference is not None:
        return _preferred(sample, solutions, prompt, belongs)
    if len(solutions) == 1 and solutions[0].labels is not None:
        return _solution(solutions[0], prompt, belongs)
    return "the row has neither a preference nor labelled steps"


def _preferred(
    sample: Sample, solutions: Sequence[Solution], prompt: Prompt, group: str
) -> Item | str:
    assert sample.preference is not None
    chosen = sample.preference.chosen
    if any(one.calls for one in solutions):
        return "a response calls tools"
    order = (0, 1) if chosen is None else (chosen, 1 - chosen)
    better, worse = (_response(prompt, solutions[at]) for at in order)
    if better.text == worse.text:
        return "both responses are the same"
    return _pair(prompt, group, better, worse, vote=0.5 if chosen is None else float(chosen == 0))


def _pair(
    prompt: Prompt, group: str, better: Response, worse: Response, *, vote: float | None = None
) -> Item:
    neither = ["neither"] if vote == 0.5 else []
    name = content_id(prompt.prompt_id, better.text, worse.text, *neither)
    return Item(name, group, prompt, (better, worse), vote=vote)


def _choice(row: Row, source: str, group: str) -> Item | str:
    """The item of a row of RewardBench 2, or why there is none."""
    texts = texts_of(row)
    if isinstance(texts, str):
        return texts
    question, right, wrong = texts
    messages: tuple[Message, ...] = ({"role": "user", "content": question},)
    prompt = Prompt(prompt_id(messages), messages, None, source)
    responses = tuple(_response(prompt, Solution((text,))) for text in (*right, *wrong))
    name = content_id(prompt.prompt_id, right, wrong)
    return Item(name, group, prompt, responses, right=len(right), name=str(row.get("id") or ""))


def _solution(solution: Solution, prompt: Prompt, group: str) -> Item | str:
    labels = solution.labels or ()
    wrong = [at for at, label in enumerate(labels) if label is False]
    if not wrong and None in labels:
        return "not every step is labelled, and none is wrong"
    response = _response(prompt, solution)
    name = content_id(prompt.prompt_id, list(solution.steps))
    return Item(name, group, prompt, (response,), truth=wrong[0] if wrong else -1)


def _response(prompt: Prompt, solution: Solution) -> Response:
    origin: dict[str, Any] = {
        "operator": "assets.judging",
        "model": solution.model,
        "parameters": "{}",
        "seed": None,
        "parents": [],
    }
    spans, start = [], 0
    for step in solution.steps:
        spans.append(Span(start, start + len(step), 0, 0))
        start += len(step)
    text = solution.text
    identity = content_id(prompt.prompt_id, text)
    return Response(identity, prompt.prompt_id, text, "stop", origin, steps=tuple(spans))


def _group(row: Row, name: str, where: str, column: str | None) -> str:
    if column is not None:
        if row.get(column) is None:
            raise FactoryError(f"{where} has no column {column!r}; it has {', '.join(row)}")
        return str(row[column])
    group = next((str(row[one]) for one in GROUPS if row.get(one) is not None), None)
    return group or str(row.get("id") or "").rpartition("-")[0] or name
