"""The export format of a recipe's or a dataset's rows."""

from collections.abc import Sequence

from assets.config.errors import FactoryError
from assets.formats import Format, fitting, format_of
from assets.project.exported_stage import exported_stage
from assets.project.recipe_plan import Stage
from schemas import Table


def recipe_format(
    recipe: str, stages: Sequence[Stage], name: str | None
) -> tuple[str, Format, Stage]:
    """The format that a recipe is exported in.

    Args:
        recipe: The name of the recipe.
        stages: Its stages, in running order.
        name: The name of the format; by default the one that fits.

    Returns:
        The format's name, the format, and the stage that it is made from: what the recipe makes, or
        the last that gives such a table.

    Raises:
        FactoryError: There is no such format, or no stage gives such a table.
    """
    last = {stage.gives: stage for stage in stages}
    data = exported_stage(stages)
    if data:
        last[data.gives] = data
    name, shape = format_of([data.gives] if data else list(last), name)
    stage = next((last[table] for table in shape.converters if table in last), None)
    if stage is None:
        tables = " nor ".join(table.__name__ for table in shape.converters)
        raise FactoryError(
            f"{recipe} makes no {tables}, which {name} is made from; "
            f"formats that fit it: {', '.join(fitting(last)) or 'none'}"
        )
    return name, shape, stage


def dataset_format(dataset: str, table: type[Table], name: str | None) -> tuple[str, Format]:
    """The name of the format that a dataset of rows of ``table`` is exported in, and the format.

    Raises:
        FactoryError: There is no such format, or it cannot hold the table.
    """
    name, shape = format_of([table], name)
    if table not in shape.converters:
        raise FactoryError(
            f"datasets/{dataset} holds {table.__name__}, which the format {name} cannot hold; "
            f"formats that fit it: {', '.join(fitting([table]))}"
        )
    return name, shape
