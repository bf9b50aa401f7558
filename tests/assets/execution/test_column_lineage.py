"""Which columns a column comes from, as far as it is known."""

import dagster as dg

from assets.execution.column_lineage import column_lineage
from schemas import Pairs, Prompts, Responses, Scores

ASKED, ANSWERED, SCORED, PAIRED = (
    dg.AssetKey(["mine", name]) for name in ("prompts", "responses", "scores", "pairs")
)


def sources(lineage: dg.TableColumnLineage, column: str) -> set[str]:
    return {
        f"{dep.asset_key.path[-1]}.{dep.column_name}"
        for dep in lineage.deps_by_column.get(column, [])
    }


def test_the_sides_of_a_pair_come_from_responses_and_their_scores() -> None:
    lineage = column_lineage(Pairs, {ANSWERED: Responses, SCORED: Scores, ASKED: Prompts})
    assert sources(lineage, "chosen") == {"responses.text"}
    assert sources(lineage, "margin") == {"scores.value"}
    assert sources(lineage, "prompt") == {"prompts.messages"}
    assert sources(lineage, "prompt_id") == {"responses.prompt_id", "prompts.prompt_id"}
    assert sources(lineage, "weight") == set()


def test_a_filter_keeps_the_columns_of_its_table() -> None:
    lineage = column_lineage(Pairs, {PAIRED: Pairs})
    assert set(lineage.deps_by_column) == set(Pairs.columns())
    assert sources(lineage, "weight") == {"pairs.weight"}
