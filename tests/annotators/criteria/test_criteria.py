"""Criteria: one question a criterion and response, from the recipe, a file or a stage."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from annotators import Checklist, Criteria, Rubric
from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Choice, Generation, Rendered, Sampling
from generators import Refine, Sample
from schemas import Split

KIND = {"name": "kind", "text": "It is kind."}
RUDE = {"name": "rude", "text": "It is rude.", "kind": "yes_no", "negated": True}
SORRY = {"name": "sorry", "text": "It says sorry.", "kind": "counted"}
BELIEFS = {
    "It is kind.": {"2": 0.5, "4": 0.5},
    "It is rude.": {"yes": 0.2, "no": 0.8},
    "It says sorry.": {"0": 0.5, "3": 0.5},
}
"""What the judge answers about each criterion, with what chance."""


@pytest.fixture
def judging(stand: Any) -> Callable[..., Context]:
    """A context whose judge believes `BELIEFS`, and says ``says``."""

    def context(says: str = "yes", folder: Path | None = None) -> Context:
        def opened(binding: Binding) -> Any:
            engine = stand.open(binding)

            async def choose(prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
                stand.asked.append(prompt.text)
                chance = next((one for text, one in BELIEFS.items() if text in prompt.text), {})
                likely = [chance.get(option[0], 1e-9) for option in options]
                return Choice(tuple(math.log(p / sum(likely)) for p in likely), None)

            async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
                return Generation(says, (1,), (-0.1,), "stop")

            engine.choose, engine.generate, engine.constrains = choose, generate, False
            return engine

        made: Context = stand.context(open_engine=opened, folder=folder)
        return made

    return context


@pytest.fixture
def tables(stand: Any) -> dict[str, pl.DataFrame]:
    asked = stand.prompts("p", "q")
    made = Sample(n=2).run({"prompts": asked}, stand.context()).kept
    stand.asked.clear()
    whole = made.with_columns(finish=pl.lit("stop", made["finish"].dtype))
    return {"prompts": asked, "responses": whole}


def values(split: Split) -> dict[str, float]:
    """The value of each annotator, which is the same for all responses here."""
    means = split.kept.group_by("annotator").agg(pl.col("value").mean())
    return {name: pytest.approx(value, abs=1e-6) for name, value in means.iter_rows()}


def test_each_criterion_scores_each_response_and_more_is_better(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    split = Criteria(criteria=[KIND, RUDE, SORRY], probes="off").run(tables, judging())
    assert split.kept.height == 3 * tables["responses"].height
    # (3 − 1) / 4 of a grade, one less the chance of a negated yes, 1.5 of at most 5.
    assert values(split) == {"kind": 0.5, "rude": 0.8, "sorry": 0.3}
    told = json.loads(split.kept["origin"].struct.field("parameters")[1])
    assert (told["text"], told["negated"]) == ("It is rude.", True)


def test_one_score_is_the_mean_by_weight_or_the_share(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    stated = [KIND | {"weight": 3}, RUDE, SORRY]
    mean = Criteria(criteria=stated, score_by="mean", probes="off").run(tables, judging())
    assert values(mean) == {"criteria": (3 * 0.5 + 0.8 + 0.3) / 5}
    share = Criteria(criteria=[RUDE, SORRY], score_by="share", probes="off")
    assert values(share.run(tables, judging())) == {"criteria": 0.5}


def test_weights_that_would_not_count_are_refused_before_a_run() -> None:
    with pytest.raises(ValueError, match=r"different weights.*score_by: mean"):
        Criteria(criteria=[KIND | {"weight": 3}, RUDE], probes="off")


def test_criteria_from_a_file_or_a_stage_ask_the_same(
    stand: Any,
    tables: Mapping[str, pl.DataFrame],
    judging: Callable[..., Context],
    tmp_path: Path,
) -> None:
    (tmp_path / "ours.md").write_text("# ours\n- **kind**: It is kind.\n- **rude**: It is rude.\n")
    context = judging(folder=tmp_path)
    rubric = Rubric(file="ours").run({}, context).kept
    by_stage = Criteria(by="rubric", probes="off").run({**tables, "rubric": rubric}, context)
    asked = len(stand.asked)
    by_file = Criteria(file="ours", probes="off").run(tables, context)
    assert by_file.kept.equals(by_stage.kept)
    assert len(stand.asked) == asked


def test_of_a_rewritten_rubric_the_last_version_counts(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    first = Rubric(criteria=[KIND]).run({}, judging()).kept
    second = Rubric(criteria=[RUDE]).run({}, judging()).kept
    second = second.with_columns(version=pl.lit(2, pl.UInt32))
    rubric = pl.concat([first, second])
    split = Criteria(by="rubric", probes="off").run({**tables, "rubric": rubric}, judging())
    assert set(values(split)) == {"rude"}


def test_criteria_of_a_prompt_are_for_its_responses_alone(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    p, q = tables["prompts"]["prompt_id"]
    rubric = Rubric(criteria=[KIND]).run({}, judging()).kept.with_columns(prompt_id=pl.lit(p))
    split = Criteria(by="rubric", probes="off").run({**tables, "rubric": rubric}, judging())
    of = tables["responses"].filter(pl.col("prompt_id") == q)["response_id"].to_list()
    assert split.kept.height == 2
    assert sorted(split.dropped["row_id"]) == sorted(of)
    assert set(split.dropped["reason"]) == {"no score"}


def test_a_later_part_has_the_criteria_of_its_own_prompts(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    context = judging()
    stated = Rubric(criteria=[KIND]).run({}, context).kept
    parts = [
        {
            "prompts": tables["prompts"].filter(pl.col("prompt_id") == prompt),
            "responses": tables["responses"].filter(pl.col("prompt_id") == prompt),
            "rubric": stated.with_columns(prompt_id=pl.lit(prompt)),
        }
        for prompt in tables["prompts"]["prompt_id"]
    ]
    operator = Criteria(by="rubric", probes="off")
    with operator.session(parts[0], context) as session:
        splits = [operator.rows_of(part, session) for part in parts]
    assert [split.kept.height for split in splits] == [2, 2]


def test_an_answer_that_cannot_be_read_is_an_error(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    operator = Criteria(criteria=[RUDE], answers="sampled", probes="off")
    assert values(operator.run(tables, judging("Yes."))) == {"rude": 0.0}
    calm = Criteria(criteria=[RUDE | {"text": "It is calm."}], answers="sampled", probes="off")
    unread = calm.run(tables, judging("Perhaps")).kept
    assert unread["value"].is_null().all()
    assert unread["error"].str.contains("neither yes nor no").all()


def test_refine_reads_what_failed(
    tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    scores = Criteria(criteria=[RUDE, SORRY], score_by="mean", probes="off")
    kept = scores.run(tables, judging()).kept
    failed = Refine(by="marks").remarks({**tables, "marks": kept})
    assert all("It says sorry. No." in str(found) for found in failed.values())


def test_a_checklist_asks_what_it_always_asked(
    stand: Any, tables: Mapping[str, pl.DataFrame], judging: Callable[..., Context]
) -> None:
    """Yes/no criteria in the words of a checklist's items are paid for once."""
    Checklist(items=("It is rude.",), probes="off").run(tables, judging())
    asked = len(stand.asked)
    stated = [{"name": "rude", "text": "It is rude.", "kind": "yes_no"}]
    worded = Criteria(criteria=stated, yes_no_template="in_items", probes="off")
    folder = stand.context().journal.parent / "words"
    folder.mkdir()
    item = Path(__file__).parents[3] / "annotators/templates/checklist_item.jinja"
    (folder / "in_items.jinja").write_text(
        item.read_text().replace("{{ item }}", "{{ criterion }}")
    )
    split = worded.run(tables, judging(folder=folder))
    assert values(split) == {"rude": 0.2}
    assert len(stand.asked) == asked


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "give one of criteria, file and by"),
        ({"criteria": [KIND], "file": "code"}, "give one of criteria, file and by"),
        ({"criteria": [KIND, KIND]}, "criteria 1 and 2 have the name 'kind'"),
        ({"file": "../secret"}, "inside its folder"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Criteria(**fields)
