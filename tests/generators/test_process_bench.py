"""ProcessBench's rows become prompts, responses with its steps, and its truth."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators import RecordedError
from assets.claims import FirstErrorF1
from engines.recorded import RecordedSolution, as_reference, recorded
from engines.roles import Binding
from generators import ProcessBench, Recorded, SourceError
from schemas import Prompts, Responses, Scores, SourceRowError, prompt_id, rows

ROWS: list[dict[str, Any]] = [
    {
        "id": "gsm8k-0",
        "generator": "Qwen2-7B-Instruct",
        "problem": "Sue has 4 flamingos and buys 2. How many?",
        "steps": ["She has 4.", "4 + 2 = 7.\nIndeed.", "The answer is \\boxed{7}."],
        "final_answer_correct": False,
        "label": 1,
    },
    {
        "id": "gsm8k-1",
        "generator": "Llama",
        "problem": "Là: 3 + 4?",
        "steps": ["3 + 4 = 7. 🙂"],
        "final_answer_correct": True,
        "label": -1,
    },
    {
        "id": "gsm8k-2",
        "generator": "Llama",
        "problem": "Sue has 4 flamingos and buys 2. How many?",
        "steps": ["4 + 2 = 6.", "The answer is 6."],
        "final_answer_correct": True,
        "label": -1,
    },
]


def written(folder: Path, name: str, records: Any) -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        pl.DataFrame(records).write_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        path.write_text(json.dumps(records))
    return path


def prompts_of(path: Path) -> pl.DataFrame:
    read = [row for row in ProcessBench(path=str(path)).prompts() if isinstance(row, dict)]
    return rows(Prompts, [{"prompt_id": prompt_id(row["messages"]), **row} for row in read])


@pytest.mark.parametrize("name", ["gsm8k.json", "gsm8k.jsonl", "gsm8k.parquet"])
def test_every_published_form_gives_the_same_problems(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, ROWS)
    read = [row for row in ProcessBench(path=str(path)).prompts() if isinstance(row, dict)]
    assert [row["messages"][0]["content"] for row in read] == [
        "Sue has 4 flamingos and buys 2. How many?",
        "Là: 3 + 4?",
    ]
    assert [[one.name for one in recorded(row["reference"])] for row in read] == [
        ["gsm8k-0", "gsm8k-2"],
        ["gsm8k-1"],
    ]
    assert list(ProcessBench(path=str(tmp_path)).prompts(1)) == read[1:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": 3}, "label 3 is no step of 3"),
        ({"label": -2}, "first_error"),
        ({"steps": []}, "paragraphs"),
        ({"steps": ["a", " "]}, "a step says nothing"),
        ({"problem": None}, "'problem' is no text"),
        ({"final_answer_correct": "maybe"}, "answer_right"),
    ],
)
def test_a_row_out_of_format_is_said_and_the_others_are_read(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    path = written(tmp_path, "gsm8k.json", [ROWS[0] | change, *ROWS[1:], {"id": "x"}])
    bad, other, *read = ProcessBench(path=str(path)).prompts()
    assert isinstance(bad, SourceRowError)
    assert reason in bad.reason
    assert bad.row == "gsm8k.json, row 0"
    assert isinstance(other, SourceRowError)
    assert "no column 'generator'" in other.reason
    assert len(read) == 2


def test_what_is_not_there_or_no_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Qwen/ProcessBench"):
        ProcessBench(path=str(tmp_path / "nowhere")).prompts()
    with pytest.raises(SourceError, match="no list"):
        ProcessBench(path=str(written(tmp_path, "a.json", {"id": 1}))).prompts()


texts = st.text(min_size=1, max_size=9).filter(lambda text: bool(text.strip()))


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_a_solution_survives_the_way_through_a_reference(
    paragraphs: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(-1, len(paragraphs) - 1))
    one = RecordedSolution(name="n", paragraphs=tuple(paragraphs), first_error=first)
    assert recorded(as_reference([one])) == (one,)
    assert "".join(one.steps) == one.text
    assert len(one.steps) == len(paragraphs)


def test_its_solutions_are_responses_and_its_labels_the_truth(
    tmp_path: Path, stand: Any, tiny_model: Path
) -> None:
    tables = {"prompts": prompts_of(written(tmp_path, "gsm8k.json", ROWS))}
    context = stand.context(roles={"reward": Binding(model=str(tiny_model), device="cpu")})
    solutions = Recorded().run(tables, context).kept
    Responses.validate(solutions)
    steps = {
        row["text"][span["start"] : span["end"]]
        for row in solutions.iter_rows(named=True)
        for span in row["steps"]
    }
    assert steps == {
        "She has 4.\n\n",
        "4 + 2 = 7.\nIndeed.\n\n",
        "The answer is \\boxed{7}.",
        "3 + 4 = 7. 🙂",
        "4 + 2 = 6.\n\n",
        "The answer is 6.",
    }
    tables["responses"] = solutions
    truth = RecordedError().run(tables, context).kept
    Scores.validate(truth)
    whole = dict(truth.filter(pl.col("step").is_null()).select("response_id", "value").iter_rows())
    ids = dict(solutions.select("text", "response_id").iter_rows())
    assert {text.splitlines()[0]: whole[ids[text]] for text in ids} == {
        "She has 4.": 1.0,
        "4 + 2 = 6.": -1.0,
        "3 + 4 = 7. 🙂": -1.0,
    }
    # Who says what the benchmark says has an F1 of 1, by step as by index.
    tables["truth"] = truth
    for threshold in (0.5, None):
        measure = FirstErrorF1(of="truth", truth="truth", threshold=threshold)
        assert measure.figures(tables, {}, checks={}).measured == 1.0


def test_other_prompts_and_responses_are_refused(
    tmp_path: Path, stand: Any, tiny_model: Path
) -> None:
    context = stand.context(roles={"reward": Binding(model=str(tiny_model), device="cpu")})
    split = Recorded().run({"prompts": stand.prompts("q")}, context)
    assert "generators.ProcessBench" in split.dropped["numbers"][0]
    tables = {"prompts": prompts_of(written(tmp_path, "gsm8k.json", ROWS))}
    tables["responses"] = (
        Recorded()
        .run(tables, context)
        .kept.with_columns(text=pl.col("text") + "!", steps=pl.lit(None, Responses.steps.dtype))
    )
    kept = RecordedError().run(tables, context).kept
    assert kept["error"].null_count() == 0
