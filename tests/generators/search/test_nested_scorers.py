"""A scorer inside another operator leaves figures behind, and nothing else."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from engines.bindings import Binding
from engines.context import Context
from engines.opening import open_engine
from engines.protocol import UntrainedHeadError
from generators import BestOfN, Guided, StepBeam, TreeSearch
from schemas import Checkpoints, empty, rows
from tests.generators.searched import searching

KINDS = [BestOfN, StepBeam, Guided, TreeSearch]


def loading(stand: Any, role: str, model: Path) -> Context:
    """The context of a search whose scorer is loaded in this process; its policy is scripted."""
    roles = {
        "policy": Binding(model="policy"),
        role: Binding(model=str(model), device="cpu", dtype="float32"),
    }
    context: Context = stand.context(
        roles=roles,
        open_engine=lambda one: stand.open(one) if one is roles["policy"] else open_engine(one),
    )
    return context


@pytest.mark.parametrize("kind", KINDS)
def test_a_nested_judge_reports_its_figures(kind: Any, stand: Any) -> None:
    made = kind(scorer={"use": "annotators.Judge"})
    findings = made.run({"prompts": stand.prompts("a", "b")}, searching(stand)).report.findings
    assert findings["judgements"] == findings["votes"] > 0
    assert findings["parse_failures"] == 0
    assert json.dumps(dict(findings))


@pytest.mark.parametrize("kind", KINDS)
def test_engines_of_a_nested_scorer_are_closed_with_the_stage(kind: Any, stand: Any) -> None:
    made = kind(scorer={"use": "tests.generators.searched.Valued"})
    made.run({"prompts": stand.prompts("a", "b")}, searching(stand))
    assert {engine.revision for engine in stand.opened} == {"answering-policy", "answering-value"}
    assert all(engine.closed for engine in stand.opened)


def test_a_nested_reward_model_is_freed_with_the_stage(
    stand: Any, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "reward"
    AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1).save_pretrained(
        folder
    )
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    context = loading(stand, "reward", folder)
    made = BestOfN(n=2, scorer={"use": "annotators.Reward", "probes": "off"})
    assert made.run({"prompts": stand.prompts("a", "b")}, context).kept.height == 2
    gc.collect()
    assert not [one for one in gc.get_objects() if issubclass(type(one), PreTrainedModel)]


def test_a_search_whose_value_model_is_of_an_earlier_refresh_is_unguided_in_the_first(
    stand: Any,
) -> None:
    carried = {"use": "annotators.ProcessReward", "checkpoint": "value@previous"}
    prompts = {"prompts": stand.prompts("a", "b")}
    first = {**prompts, "value@previous": empty(Checkpoints)}
    guided = TreeSearch(scorer=carried).run(first, searching(stand)).kept
    assert guided.equals(TreeSearch().run(prompts, searching(stand)).kept)


def test_a_scorer_whose_training_had_no_row_is_named_with_the_reason(
    stand: Any, tiny_model: Path
) -> None:
    context = loading(stand, "value", tiny_model)
    start = {"path": str(tiny_model), "start": str(tiny_model), "rows": 0, "steps": 0}
    reason = "no steplabels: stage 'inferred' kept no row"
    untrained = rows(
        Checkpoints,
        [{**start, "seconds": 0.0, "metrics": "{}", "trained": False, "reason": reason}],
    )
    search = TreeSearch(
        scorer={"use": "annotators.ProcessReward", "model": "value", "checkpoint": "value"}
    )
    with pytest.raises(UntrainedHeadError, match=rf"stage 'value'.*{reason}"):
        search.run({"prompts": stand.prompts("a"), "value": untrained}, context)
