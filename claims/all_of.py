"""Do all claims of a paper hold?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from assets.project.measure import Figures, Measure, Tables
from schemas.named import named, subclass_of

_VERDICTS = ("did not hold", "undecided", "held")
"""The worst first."""


def _made(given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    parameters = {name: value for name, value in given.items() if name != "use"}
    return named(given.get("use"), subclass_of(Measure, "a measure"))(**parameters)


Made = Annotated[SerializeAsAny[Measure], BeforeValidator(_made)]


class AllOf(Measure):
    """Several claims of one paper, each by a measure of its own, which must all hold.

    The figures are those of the claim that holds least: the first that did not hold or, if there is
    none, the first that is undecided. ``says`` has all of them. Leave out ``of`` and ``control``,
    which are those of the first measure.
    """

    measures: tuple[Made, ...] = Field(min_length=2)

    @model_validator(mode="before")
    @classmethod
    def _of_the_first(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not given.get("measures"):
            return given
        if "of" in given or "control" in given:
            raise ValueError("of and control are those of each of the measures: leave them out")
        measures = [_made(each) for each in given["measures"]]
        first = measures[0]
        if not isinstance(first, Measure):
            return given
        return {"of": first.of, "control": first.control, **given, "measures": measures}

    def stages(self) -> list[str]:
        return _each(measure.stages() for measure in self.measures)

    def control_stages(self) -> list[str]:
        return _each(measure.control_stages() for measure in self.measures)

    def units(self, tables: Tables) -> tuple[str, int]:
        return self.measures[0].units(tables)

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        found = [measure.figures(tables, control, checks=checks) for measure in self.measures]
        return worst(found)


def worst(found: Sequence[Figures]) -> Figures:
    """The figures of the claim that holds least, with what all say, and the first plot of any."""
    least = min(found, key=lambda each: _VERDICTS.index(each.verdict))
    plot = next((each.plot for each in (least, *found) if each.plot is not None), None)
    says = "; and ".join(f"{each.says} ({each.verdict})" for each in found)
    return replace(least, says=says, plot=plot)


def _each(stages: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(stage for each in stages for stage in each))
