"""A role's verdicts on the items of a benchmark, one row an item."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from annotators import FirstError, Judge
from annotators.judge.pairing import Comparison
from annotators.judge.pairwise import comparison
from assets.judging.choices import graded_choice
from assets.judging.items import Item
from engines.context import Context
from engines.ledger import Ledger
from engines.model import Models
from engines.operators.model_defaults import RoleDefaults, with_model_defaults
from engines.operators.run_rows import Failed, run_rows
from schemas import Cost

COLUMNS: dict[str, Any] = {
    "item_id": pl.String,
    "prompt_id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "group": pl.String,
    "length": pl.String,
    "verdict": pl.String,
    "credit": pl.Float64,
    "named_right": pl.Int64,
    "tied": pl.Boolean,
    "decided": pl.Int64,
    "first_won": pl.Int64,
    "mass": pl.Float64,
    "vote": pl.Float64,
    "value": pl.Float64,
    "gap": pl.Float64,
    "spread": pl.Float64,
    "truth": pl.Int64,
    "found": pl.Int64,
    "said": pl.String,
    "error": pl.String,
    "calls": pl.Int64,
    "prompt_tokens": pl.Int64,
    "answer_tokens": pl.Int64,
}
"""The columns of a table of verdicts.

``verdict`` of a pair is that of the score that `annotators.Judge` gives: ``right`` or ``wrong``, on
the side of ½ where its expected value is; ``tie``, exactly ½; ``flip`` if the two orders name
different winners; ``unread`` if an order could not be read. That of a solution is ``right``,
``wrong`` or ``unread``. ``credit`` is 1 for right, ½ for tie and flip, else 0; of a choice see
`assets.judging.choices`. It is null of a pair of which people prefer neither.

What an order names is its most likely answer. Of a pair's orders, ``named_right`` counts those that
name the better response, ``decided`` those that name any, and ``first_won`` those that name the one
shown first. ``tied`` says that both name neither, though the expected value may lean. ``mass`` is
the lowest probability of the allowed answers together. ``truth`` and ``found`` are indices of the
first wrong step. ``said`` is what the judge said, ``error`` why it could not be read. ``vote`` is
what was voted for the response that stands first in the file, ``value`` what the judge gives it.
``calls``, ``prompt_tokens`` and ``answer_tokens`` are what the item costs, journaled or not.
"""

CREDITS = {"right": 1.0, "tie": 0.5, "flip": 0.5, "wrong": 0.0, "unread": 0.0}
STEPS = ((5, "up to 5 steps"), (10, "6 to 10 steps"), (math.inf, "11 steps and more"))
EVEN = 0.1
"""Two responses whose lengths differ by at most this share of the longer are equally long."""


@dataclass(frozen=True)
class Judges:
    """How a role is asked: about pairs, about right responses among wrong ones, and about
    solutions."""

    pairs: Judge
    choices: Judge
    solutions: FirstError


def judges_of(
    role: str, defaults: dict[str, RoleDefaults], votes: int | None, *, drawn: bool
) -> Judges:
    """How a role is asked.

    Args:
        role: The role.
        defaults: The defaults of each role's model.
        votes: How many written verdicts are drawn of each question; None takes verdicts on pairs
            and grades from the probabilities of the allowed answers, and one written verdict on a
            solution.
        drawn: Whether a single vote is drawn, as one of several is. If not, it is the likeliest.
    """
    parameters: dict[str, Any] = {"votes": votes or 1}
    if votes == 1 and not drawn:
        parameters["temperature"] = 0.0
    sampled = {} if votes is None else {"verdict": "sampled", **parameters}
    pairs, _ = with_model_defaults(Judge(mode="pairwise", model=role, **sampled), defaults)
    choices, _ = with_model_defaults(Judge(model=role, **sampled), defaults)
    solutions, _ = with_model_defaults(
        FirstError(by="judge", model=role, votes=parameters["votes"]), defaults
    )
    assert isinstance(pairs, Judge)
    assert isinstance(choices, Judge)
    assert isinstance(solutions, FirstError)
    return Judges(pairs, choices, solutions)


def verdicts_of(judges: Judges, items: Sequence[Item], context: Context) -> pl.DataFrame:
    """A role's verdicts on all items (`COLUMNS`).

    Args:
        judges: How the role is asked.
        items: The items.
        context: The context, with the binding of the role.

    Raises:
        EngineError: The role cannot be asked so, or too many items failed.
    """

    async def work(item: Item, models: Models) -> dict[str, Any]:
        if item.kind == "solution":
            return await _first_error_verdict(judges.solutions, item, models)
        if item.right is not None:
            grades = await judges.choices.score(item.prompt, item.responses, models)
            return graded_choice(grades, item.right)
        better, worse = item.responses
        result, orders = await comparison(judges.pairs, item.prompt, better, worse, models)
        return _compared(item, result, orders)

    ledger = Ledger()
    context = replace(context, ledger=ledger)
    run = run_rows(((item.item_id, item) for item in items), work, context, total=len(items))
    rows: dict[int, dict[str, Any]] = {}
    for one in run:
        verdict = (
            {"verdict": "unread", "error": one.message} if isinstance(one, Failed) else one.result
        )
        # A vote for neither is no accuracy: it is for the agreement with people alone.
        credit = None if one.item.vote == 0.5 else CREDITS[verdict["verdict"]]
        rows[one.number] = {"credit": credit} | _about(one.item) | verdict
    costs = _costs(ledger)
    return pl.DataFrame(
        [rows[number] | costs.get(rows[number]["item_id"], {}) for number in sorted(rows)],
        schema=COLUMNS,
    )


def _costs(ledger: Ledger) -> dict[str, dict[str, int]]:
    """What each item cost, with answers that the journal had."""
    totals: dict[str, Cost] = {}
    for rows in ledger.spent.values():
        for name, spent in rows.items():
            totals[name] = totals.get(name, Cost()) + spent.all
    return {name: asdict(cost) for name, cost in totals.items()}


def _about(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "prompt_id": item.prompt.prompt_id,
        "kind": item.kind,
        "name": item.name,
        "vote": item.vote,
        "group": item.group,
        "length": _length(item),
        "truth": item.truth,
    }


def _length(item: Item) -> str:
    if item.kind == "solution":
        steps = len(item.responses[0].steps or ())
        return next(name for most, name in STEPS if steps <= most)
    if item.right is not None:
        lengths = [len(one.text) for one in item.responses]
        longest = max(lengths[: item.right]) >= max(lengths[item.right :])
        return "a right one is the longest" if longest else "a wrong one is the longest"
    better, worse = (len(one.text) for one in item.responses)
    if abs(better - worse) <= EVEN * max(better, worse):
        return "both are equally long"
    return "the better one is longer" if better > worse else "the better one is shorter"


def _compared(
    item: Item, comparison: Comparison, orders: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    value = comparison.value
    if value is None:
        verdict = "unread"
    elif comparison.flipped:
        verdict = "flip"
    else:
        verdict = "tie" if value == 0.5 else "right" if value > 0.5 else "wrong"
    # In the second order the worse response is shown first.
    preferences = [comparison.orders[0], 1 - comparison.orders[1]] if comparison.read else []
    return {
        "verdict": verdict,
        "named_right": sum(value > 0.5 for value in preferences),
        "tied": comparison.tied,
        "decided": sum(order != 0.5 for order in comparison.orders),
        "first_won": sum(order > 0.5 for order in comparison.orders),
        "mass": comparison.mass,
        "value": 1 - value if item.vote == 0 and value is not None else value,
        "said": _joined(order["words"] for order in orders),
        "error": next((order["error"] for order in orders if order["error"] is not None), None),
    }


async def _first_error_verdict(critic: FirstError, item: Item, models: Models) -> dict[str, Any]:
    scores = await critic.score(item.prompt, item.responses, models)
    response_score = next(score for score in scores if score.step is None)
    if response_score.value is None:
        return {"verdict": "unread", "said": response_score.raw, "error": response_score.error}
    index = int(response_score.value)
    return {
        "verdict": "right" if index == item.truth else "wrong",
        "found": index,
        "said": response_score.raw,
    }


def _joined(words: Iterator[str | None]) -> str | None:
    texts = [each for each in words if each is not None]
    return "\n".join(texts) if texts else None
