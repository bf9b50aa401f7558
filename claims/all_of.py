"""Do all claims of a paper hold?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from assets.project.measure import Figures, Measure, Tables
from schemas.named import named, subclass_of

_VERDICTS = ("did not hold", "undecided", "held")
"""The worst first."""


def _measure(fields: Any) -> Any:
    if not isinstance(fields, Mapping):
        return fields
    parameters = {name: value for name, value in fields.items() if name != "use"}
    return named(fields.get("use"), subclass_of(Measure, "a measure"))(**parameters)


OneMeasure = Annotated[SerializeAsAny[Measure], BeforeValidator(_measure)]


class AllOf(Measure):
    """Several claims of one paper, each by a measure of its own, which must all hold.

    The figures are those of the claim that holds least: the first that did not hold or, if there is
    none, the first that is undecided. ``says`` has all of them, each after the names of its stage
    and of its control. Leave out ``of`` and ``control``, which are those of the first measure.
    """

    measures: tuple[OneMeasure, ...] = Field(min_length=2)

    @model_validator(mode="before")
    @classmethod
    def _of_the_first(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping) or not fields.get("measures"):
            return fields
        if "of" in fields or "control" in fields:
            raise ValueError("of and control are those of each of the measures: leave them out")
        measures = [_measure(each) for each in fields["measures"]]
        first = measures[0]
        if not isinstance(first, Measure):
            return fields
        return {"of": first.of, "control": first.control, **fields, "measures": measures}

    def stages(self) -> list[str]:
        return _each(measure.stages() for measure in self.measures)

    def control_stages(self) -> list[str]:
        return _each(measure.control_stages() for measure in self.measures)

    def units(self, tables: Tables) -> tuple[str, int]:
        return self.measures[0].units(tables)

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        return worst([_named(measure, tables, control, checks) for measure in self.measures])


def _named(measure: Measure, tables: Tables, control: Tables, checks: Mapping[str, str]) -> Figures:
    """The figures of a measure. ``says`` names its stage and that of its control first."""
    figures = measure.figures(tables, control, checks=checks)
    stages = measure.of if measure.control is None else f"{measure.of} against {measure.control}"
    return replace(figures, says=f"{stages}: {figures.says}")


def worst(figures: Sequence[Figures]) -> Figures:
    """The figures of the claim that holds least, with what all say, and the first plot of any."""
    least = min(figures, key=lambda each: _VERDICTS.index(each.verdict))
    plot = next((each.plot for each in (least, *figures) if each.plot is not None), None)
    says = "; and ".join(f"{each.says} ({each.verdict})" for each in figures)
    return replace(least, says=says, plot=plot)


def _each(stages: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(stage for each in stages for stage in each))
