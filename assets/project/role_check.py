"""Whether the roles of stages are bound to models that can do what they are asked."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assets.config.errors import RecipeError, UnfitError
from assets.project.recipe_plan import Stage
from engines.chat.thinking_budget import NO_BUDGET
from engines.chat.tokenizer import described
from engines.operators.model_defaults import RoleDefaults
from engines.operators.sampled import Sampled
from schemas import Checkpoints, Operator, Pairs, RoleUse, TokenScores
from schemas.near import near
from schemas.parameters import Parameters

DERIVED = ("previous", "initial")
"""``policy@previous`` and ``policy@initial``: earlier policies of the same recipe."""


def check_roles(
    stages: Sequence[Stage], roles: Mapping[str, RoleDefaults], *, file: Path | str
) -> None:
    """Check that the roles of all stages are bound to models that can do what they are asked.

    Raises:
        UnfitError: One is not. The message names the file, the stage and the field.
        RecipeError: There cannot be such a role.
    """
    for stage in stages:
        for use in stage.operator.roles():
            check_role(stage.declared, stage.operator, use, roles, file=file)
    _check_tokens({stage.name: stage for stage in stages}, roles, file=file)


def _check_tokens(
    stages: Mapping[str, Stage], roles: Mapping[str, RoleDefaults], *, file: Path | str
) -> None:
    """Check that what is trained with scores of tokens splits texts into the same tokens as what
    made the scores, where both tokenizers can be read without a download.

    Raises:
        UnfitError: It does not.
    """
    for stage in stages.values():
        trained = getattr(stage.operator, "start", None)
        if stage.gives is not Checkpoints or trained is None:
            continue
        for scores in _token_scores(stage, stages):
            for use in scores.operator.roles():
                role = use.role.partition("@")[0]
                one, other = roles[trained].binding, roles[role].binding
                if (one.model, one.revision) == (other.model, other.revision):
                    continue
                descriptions = described(one), described(other)
                if None not in descriptions and descriptions[0] != descriptions[1]:
                    raise UnfitError(
                        f"trains the role {trained!r} with scores of tokens from stage "
                        f"{scores.name!r}, whose role {role!r} has another tokenizer "
                        f"({other.model}, not that of {one.model}): score with a model that has "
                        "the tokenizer of the one that is trained",
                        file=file,
                        stage=stage.declared,
                        field="of",
                    )


def _token_scores(stage: Stage, stages: Mapping[str, Stage]) -> Iterator[Stage]:
    """The stages with the scores of tokens that ``stage`` reads, itself or in its pairs."""
    for name in stage.reads:
        read = stages.get(name)
        if read is None:
            continue
        if read.gives is TokenScores:
            yield read
        elif read.gives is Pairs:
            yield from _token_scores(read, stages)


def check_role(
    stage: str,
    operator: Operator,
    use: RoleUse,
    roles: Mapping[str, RoleDefaults],
    *,
    file: Path | str,
) -> None:
    """Check that a role of a stage is bound to a model that can do what it is asked.

    Raises:
        UnfitError: It is not.
        RecipeError: There cannot be such a role.
    """
    role, _, which = use.role.partition("@")
    if which and (role != "policy" or which not in DERIVED):
        raise RecipeError(
            f"there is no role {use.role!r}: 'policy@previous' and 'policy@initial' are the "
            "policies of earlier refreshes, and no other role has earlier ones",
            file=file,
            stage=stage,
            field=use.field,
        )
    if role not in roles:
        raise UnfitError(
            f"no model is bound to role {role!r}: bind it in factory.yaml "
            f"(roles: {{{role}: {{model: ...}}}}) or with FACTORY_ROLES__{role.upper()}__MODEL; "
            f"{near(role, roles)}",
            file=file,
            stage=stage,
            field=use.field,
        )
    for need in use.needs:
        if not roles[role].binding.can(need):
            action = "be trained" if need == "weights" else need
            raise UnfitError(
                f"{type(operator).__name__} asks the role {role!r} to {action}, "
                f"{roles[role].binding.lacking(need)}",
                file=file,
                stage=stage,
                field=use.field,
            )
    if "generate" in use.needs and not roles[role].binding.engine_class.local_weights:
        budget = next(_thinking_budgets(use.operator), None)
        if budget is not None:
            raise UnfitError(NO_BUDGET, file=file, stage=stage, field=budget)


def _thinking_budgets(parameters: Parameters) -> Iterator[str]:
    """The fields that limit a thought, in ``parameters`` and in those nested in them
    ("proposer.max_thinking_tokens"). Nested operators have roles of their own."""
    if isinstance(parameters, Sampled) and parameters.max_thinking_tokens is not None:
        yield "max_thinking_tokens"
    for name in type(parameters).model_fields:
        value = getattr(parameters, name)
        if isinstance(value, Parameters) and not isinstance(value, Operator):
            yield from (f"{name}.{budget}" for budget in _thinking_budgets(value))
