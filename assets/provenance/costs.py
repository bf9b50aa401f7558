"""What the newest run of a recipe asked of models, for each prompt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.execution.instance import shown_instance
from assets.project.recipe_plan import Stage
from schemas import EVALUATIONS


@dataclass(frozen=True)
class PromptCost:
    """What a recipe asks of a role for one prompt, on average.

    Attributes:
        role: The role.
        calls: Answers that were paid for.
        prompt_tokens: The tokens that the model read for them.
        answer_tokens: The tokens that it wrote.
    """

    role: str
    calls: float
    prompt_tokens: float
    answer_tokens: float


@dataclass(frozen=True)
class RunCost:
    """The cost of a run for each of its prompts, without the validation of policies.

    Attributes:
        refresh: The refresh.
        prompts: The prompts of the run.
        roles: What it asked of each role.
        journaled: The answers for one prompt that the journal had already.
    """

    refresh: str
    prompts: int
    roles: Sequence[PromptCost]
    journaled: float


def newest_costs(recipes: Mapping[str, Sequence[Stage]]) -> dict[str, RunCost]:
    """The cost of the newest run of each recipe that Dagster knows a run of.

    Args:
        recipes: The stages of each recipe.
    """
    import dagster as dg

    keys = [
        dg.AssetKey([recipe, name])
        for recipe, stages in recipes.items()
        for name in ["prompts", *(each.name for each in stages if each.gives not in EVALUATIONS)]
    ]
    with shown_instance() as instance:
        records = instance.get_asset_records(keys)
    accounts: dict[str, dict[str, tuple[str, Mapping[str, Any]]]] = {}
    for record in records:
        entry = record.asset_entry.last_materialization
        made = entry.asset_materialization if entry is not None else None
        if made is not None and made.partition is not None and "account" in made.metadata:
            recipe, stage = made.asset_key.path
            account: Any = made.metadata["account"].value
            accounts.setdefault(recipe, {})[stage] = made.partition, account
    return {recipe: cost for recipe, by_stage in accounts.items() for cost in _cost(by_stage)}


def _cost(by_stage: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Iterator[RunCost]:
    """The cost of a run from the accounts of its stages; none if its prompts are not known."""
    refresh, prompts = by_stage.get("prompts", ("", {}))
    count = prompts.get("kept", 0)
    if not count:
        return
    accounts = [account for day, account in by_stage.values() if day == refresh]
    roles: dict[str, dict[str, float]] = {}
    for account in accounts:
        for role, cost in account.get("by_role", {}).items():
            total = roles.setdefault(role, {})
            for name in ("calls", "prompt_tokens", "answer_tokens"):
                total[name] = total.get(name, 0.0) + cost[name] / count
    yield RunCost(
        refresh,
        count,
        [PromptCost(role, **total) for role, total in roles.items()],
        sum(account.get("journal_hits", 0) for account in accounts) / count,
    )
