"""What ``factory plan`` prints."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from schemas.cost import Cost

if TYPE_CHECKING:
    from assets.costs.plan import Estimate, Plan


def plan_table(plan: "Plan") -> Table:
    """The cost by stage and role."""
    table = Table(
        title=f"{plan.recipe} at {plan.refresh}, {plan.prompts:,} prompts: estimate from "
        f"{plan.sample:,} of them",
        title_justify="left",
        title_style="bold",
    )
    for heading in ("stage", "role"):
        table.add_column(heading, overflow="fold")
    for heading in ("calls", "prompt tokens", "answer tokens", "in the journal"):
        table.add_column(heading, justify="right")
    priced = bool(plan.paid)
    if priced:
        table.add_column("price", justify="right")
    for each in plan.roles:
        price = [_price(each.paid, each.price.currency) if each.price and each.paid else ""]
        table.add_row(
            Text(each.stage),
            Text(each.role),
            *map(_number, (each.calls, each.prompt_tokens, each.answer_tokens)),
            f"{each.journaled:,}",
            *(price if priced else []),
        )
    table.add_section()
    sums = [plan.total(name) for name in ("calls", "prompt_tokens", "answer_tokens")]
    journaled = sum(each.journaled for each in plan.roles)
    prices = ["\n".join(_price(each, currency) for currency, each in plan.paid.items())]
    table.add_row("all", "", *map(_number, sums), f"{journaled:,}", *(prices if priced else []))
    return table


def plan_lines(plan: "Plan") -> Iterator[Text]:
    """The trainings, what is not known, and what the figures mean."""
    for each in plan.trainings:
        yield Text(
            f"{each.stage}: training on {each.rows:,} rows, {each.steps:,} steps, "
            f"{each.tokens:,} tokens"
        )
    for stage, reason in plan.unknown.items():
        yield Text(f"{stage}: not estimated: {reason}", style="yellow")
    if any(each.calls.error or each.answer_tokens.error for each in plan.roles):
        yield Text("± is the 95 % interval by the differences between the prompts", style="dim")
    yield Text(
        f"the answers to the {plan.sample:,} prompts are in the journal now, and the run will not "
        "pay for them",
        style="dim",
    )


def spent_lines(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[Text]:
    """What the calls of a run cost, by the accounts of its stages; nothing if no price is known."""
    prices: dict[str, float] = {}
    by_role: dict[str, Cost] = {}
    for account in stages.values():
        for currency, price in account["prices"].items():
            prices[currency] = prices.get(currency, 0.0) + price
        for role, cost in account["by_role"].items():
            by_role[role] = by_role.get(role, Cost()) + Cost(**cost)
    if not prices:
        return
    listed = ", ".join(f"{price:.3g} {currency}" for currency, price in prices.items())
    roles = "; ".join(
        f"{role}: {cost.calls:,} calls, {cost.prompt_tokens:,} prompt and "
        f"{cost.answer_tokens:,} answer tokens"
        for role, cost in by_role.items()
    )
    yield Text(f"price {listed} ({roles})")


def _number(estimate: "Estimate") -> str:
    error = f" ±{round(estimate.error):,}" if round(estimate.error) else ""
    return f"{round(estimate.value):,}{error}"


def _price(estimate: "Estimate", currency: str) -> str:
    error = f" ±{estimate.error:.2g}" if estimate.error else ""
    return f"{estimate.value:.3g}{error} {currency}"
