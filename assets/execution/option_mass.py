"""The asset check of the options that a model chooses among: it must put enough of its probability
on them."""

import dagster as dg

from assets.config.errors import FactoryError
from assets.rendering.markdown import markdown
from schemas import ChoiceReport, Operator

MASS = "option_mass"
"""The name of the check, and of its finding."""
QUOTED = 60
"""The largest number of characters of quoted first words."""
_REMEDY = (
    "change the question until it does (template:, with a block 'assistant' that begins the "
    "answer), let the model write its answer instead (verdict: sampled, answers: sampled), or "
    "bind a better model to the role"
)


class LowMass(FactoryError):
    """A model puts little of its probability on its options, so later stages do not run."""


def mass_spec(key: list[str], operator: Operator) -> list[dg.AssetCheckSpec]:
    """The check of a stage whose annotator chooses among options; an empty list for any other."""
    from annotators.judge.choosing import ChoosingAnnotator

    if not isinstance(operator, ChoosingAnnotator) or not operator.checks_mass:
        return []
    description = "The model puts enough of its probability on the options that it chooses among"
    blocks = operator.low_mass == "block"
    return [dg.AssetCheckSpec(MASS, asset=key, description=description, blocking=blocks)]


def mass_result(choices: ChoiceReport) -> dg.AssetCheckResult:
    """The result of the check, with the questions of the lowest mass if it failed."""
    rows = [[each.question, each.options, each.mass, each.words] for each in choices.examples]
    table = markdown(["question", "options", "mass", "the model's own words"], rows)
    figures = {"median mass": choices.median, "below the least": choices.below}
    return dg.AssetCheckResult(
        check_name=MASS,
        passed=not choices.low,
        severity=dg.AssetCheckSeverity.ERROR if choices.blocks else dg.AssetCheckSeverity.WARN,
        description=describe_mass(choices),
        metadata={
            "choices": choices.choices,
            **{name: value for name, value in figures.items() if value is not None},
            **({"lowest": dg.MetadataValue.md(table)} if rows else {}),
        },
    )


def describe_mass(choices: ChoiceReport) -> str:
    """A sentence with the figure; if it is low, with the model's own first words and what to do."""
    if choices.median is None:
        return "not known: the answers are of a server or a version that does not tell it"
    figure = (
        f"the options have {choices.median:.1%} of the model's probability (median of "
        f"{choices.choices:,} questions)"
    )
    if not choices.low:
        return figure
    words = [repr(each.words.strip()[:QUOTED]) for each in choices.examples if each.words]
    said = f"; it would write {', '.join(dict.fromkeys(words))}" if words else ""
    return f"{figure}, at least {choices.least:.0%} are needed{said}: {_REMEDY}"


def stop_if_low(choices: ChoiceReport | None, *, recipe: str, stage: str) -> None:
    """Raise `LowMass` if the mass is low and the stage has ``low_mass: block``."""
    if choices is not None and choices.blocks and choices.low:
        raise LowMass(
            f"recipe {recipe!r}, stage {stage!r}: {describe_mass(choices)}. The scores are kept, "
            "and no later stage was run; low_mass: warn on the stage continues anyway"
        )
