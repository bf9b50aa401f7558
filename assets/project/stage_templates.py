"""Whether the templates and rubrics that stages name can be read, when a recipe is planned."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from annotators import Criteria, Rubric
from annotators.criteria.criterion import Criterion
from annotators.criteria.rubric_files import find_rubric, read_rubric
from assets.config.errors import RecipeError
from assets.project.recipe_plan import Stage
from engines.operators.model_defaults import RoleDefaults
from engines.operators.prompt_templates import check_template
from engines.operators.row_operator import template_folders
from engines.protocol import EngineError
from schemas import Operator


def check_templates(
    stages: Sequence[Stage],
    roles: Mapping[str, RoleDefaults],
    *,
    file: Path | str,
    folder: Path,
) -> None:
    """Check that the templates and rubrics that stages name can be read.

    Args:
        stages: The stages.
        roles: The binding of each role, which may have a folder of templates.
        file: The file that declares the recipe.
        folder: The folder of the recipe, which may have templates and rubrics too.

    Raises:
        RecipeError: One cannot. The message names the file, the stage and the field.
    """
    for stage in stages:
        used = {use.role.partition("@")[0] for use in stage.operator.roles()}
        bound = [roles[role].binding.templates for role in sorted(used & roles.keys())]
        places = [Path(each) for each in bound if each]
        for use in stage.operator.templates():
            try:
                check_template(use.name, [*places, folder, *template_folders(use.operator)])
            except EngineError as error:
                raise RecipeError(
                    str(error), file=file, stage=stage.declared, field=use.field
                ) from error
        for field, name in stage.operator.rubrics():
            try:
                read_rubric(find_rubric(name, folder))
            except EngineError as error:
                raise RecipeError(
                    str(error), file=file, stage=stage.declared, field=field
                ) from error
    operators = {stage.name: stage.operator for stage in stages}
    for stage in stages:
        if isinstance(stage.operator, Criteria):
            stated = operators.get(stage.operator.by or stage.name)
            weights = [each.weight for each in _criteria(stated, folder)]
            if (problem := stage.operator.uncounted(weights)) is not None:
                raise RecipeError(problem, file=file, stage=stage.declared, field="score_by")


def _criteria(operator: Operator | None, folder: Path) -> Sequence[Criterion]:
    """The criteria that an operator states in the recipe or in a file; none of another operator,
    which writes or chooses criteria when it runs."""
    if not isinstance(operator, Criteria | Rubric):
        return ()
    if operator.file is not None:
        return read_rubric(find_rubric(operator.file, folder)).criteria
    return operator.criteria or ()
