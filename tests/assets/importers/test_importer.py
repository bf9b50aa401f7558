"""Published shapes become tables that recipes read. The samples in ``published/`` are made by hand
in the shapes of the datasets' own cards; no row is from any of them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner, Result

import filters
from assets.cli import app
from assets.config.errors import FactoryError
from assets.config.settings import load_settings
from assets.importers.importer import import_dataset
from engines.operators.imported_tables import imported
from schemas import Pairs, Prompts, Responses, Scores, StepLabels, named_rows

PUBLISHED = Path(__file__).parent / "published"
TABLES = {
    "prompts": Prompts,
    "responses": Responses,
    "scores": Scores,
    "pairs": Pairs,
    "step_labels": StepLabels,
}


@pytest.fixture
def read(workshop: Any) -> Any:
    """Import a sample, and give its tables by name."""

    def imported(shape: str, file: Path, **options: Any) -> dict[str, pl.DataFrame]:
        told = import_dataset(load_settings(), shape, str(file), **options)
        folder = told.prompts.parent
        found = {name: pl.read_parquet(str(folder / f"{name}.parquet")) for name in TABLES}
        for name, table in TABLES.items():
            assert table.is_valid(found[name]), name
            assert told.kept[name] == found[name].height
        found["refused"] = pl.read_parquet(str(folder / "prompts.dropped.parquet"))
        return found

    return imported


def asked(found: dict[str, pl.DataFrame]) -> list[str]:
    return [chat[-1]["content"] for chat in found["prompts"]["messages"].to_list()]


def opinions(found: dict[str, pl.DataFrame]) -> list[tuple[Any, ...]]:
    """(the response's beginning, annotator, step, value), as they were published."""
    told = found["scores"].join(
        found["responses"].select("response_id", pl.col("text").str.head(10)),
        on="response_id",
        maintain_order="left",
    )
    return told.select("text", "annotator", "step", "value").rows()


def test_ultrafeedback(read: Any) -> None:
    found = read("ultrafeedback", PUBLISHED / "ultrafeedback.jsonl", licence="MIT")
    assert asked(found) == ["Name a prime above ten."]
    assert found["prompts"]["licence"].to_list() == ["MIT"]
    assert found["responses"]["text"].to_list() == ["Eleven.", "Twelve is a prime."]
    origins = found["responses"]["origin"].to_list()
    assert [origin["model"] for origin in origins] == ["gpt-4", "llama-2-7b-chat"]
    assert json.loads(origins[0]["parameters"]) == {
        "principle": "honesty",
        "system": "You are honest.",
    }
    told = {(text, annotator): value for text, annotator, _, value in opinions(found)}
    assert len(told) == 12
    assert told["Eleven.", "overall"] == 9.0
    assert told["Eleven.", "helpfulness"] == 4.0
    assert told["Twelve is ", "honesty"] is None
    assert "N/A" in found["scores"].filter(pl.col("value").is_null())["error"][0]
    words = found["scores"].filter(pl.col("annotator") == "overall")["raw"].to_list()
    assert words == ["Right and short.", "Wrong."]
    assert found["refused"]["row_id"].to_list() == ["ultrafeedback.jsonl, line 2"]


def test_helpsteer2_ratings(read: Any) -> None:
    found = read("helpsteer2", PUBLISHED / "helpsteer2.jsonl")
    assert asked(found) == ["c#", "What is 2 + 2?"]
    roles = [turn["role"] for turn in found["prompts"]["messages"].to_list()[1]]
    assert roles == ["user", "assistant", "user"]
    assert found["prompts"]["licence"].to_list() == ["unknown", "unknown"]
    told = {(text, annotator): value for text, annotator, _, value in opinions(found)}
    assert told["C# is a la", "helpfulness"] == 3.0
    assert told["A musical ", "verbosity"] == 0.0
    assert found["pairs"].is_empty()


def test_helpsteer2_preferences(read: Any) -> None:
    found = read("helpsteer2", PUBLISHED / "helpsteer2_preference.jsonl", name="preferred")
    (pair,) = named_rows(found["pairs"].select("chosen", "rejected", "margin"))
    assert pair == {
        "chosen": [{"role": "assistant", "content": "C# is a language of Microsoft's."}],
        "rejected": [{"role": "assistant", "content": "A musical note."}],
        "margin": 2.0,
    }
    assert found["responses"].height == 4


def test_prm800k_gives_the_solution_and_each_alternative(read: Any) -> None:
    found = read("prm800k", PUBLISHED / "prm800k.jsonl")
    assert asked(found) == ["What is 3 + 4 + 5?"]
    assert found["prompts"]["reference"].to_list() == ["12"]
    steps = found["step_labels"].select("completions", "labels", "first_error").rows()
    begun = ["I add them up.\n", "3 + 4 = 7.\n"]
    assert steps == [
        ([*begun, "7 + 5 = 12."], [True, True, True], None),
        (["I add them up.\n", "3 + 4 = 8."], [True, False], 1),
        ([*begun, "7 + 5 = 13."], [True, True, False], 2),
        (["3 + 4 = 9."], [False], 0),
        (["4 + 5 = 9."], [True], None),
    ]
    assert found["step_labels"]["values"].to_list()[0] == [0.0, 1.0, 1.0]
    assert found["refused"]["reason"].to_list() == ["the labeller called the problem broken"]


def test_math_shepherd(read: Any) -> None:
    found = read("math-shepherd", PUBLISHED / "math_shepherd.jsonl")
    assert asked(found) == ["Janet has 3 ducks and buys 4. How many has she?"]
    assert found["step_labels"].select("completions", "labels", "first_error").rows() == [
        (
            [
                "Step 1: Janet has 3 + 4 = <<3+4=7>>7 ducks.\n",
                "Step 2: The answer is 8. The answer is: 8",
            ],
            [True, False],
            1,
        )
    ]
    assert [value for *_, value in opinions(found)] == [1.0, 0.0]
    assert "no 'Step 1:' before the first" in found["refused"]["reason"][0]


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "lines.json"])
def test_processbench_in_every_form(read: Any, tmp_path: Path, form: str) -> None:
    text = (PUBLISHED / "processbench.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    file = tmp_path / f"bench.{form}"
    if form == "parquet":
        pl.DataFrame(rows).write_parquet(file)
    else:
        file.write_text(json.dumps(rows) if form == "json" else text)
    found = read("processbench", file, name="bench")
    assert found["step_labels"].select("labels", "first_error").rows() == [
        ([True, False, None], 1),
        ([True, True], None),
    ]
    wrong, right = "First, 3 +", "1 + 1 = 2."
    assert opinions(found) == [
        (wrong, "human", None, 1.0),
        (wrong, "human", 0, 1.0),
        (wrong, "human", 1, 0.0),
        (wrong, "final_answer", None, 0.0),
        (right, "human", None, -1.0),
        (right, "human", 0, 1.0),
        (right, "human", 1, 1.0),
        (right, "final_answer", None, 1.0),
    ]
    spans = found["responses"]["steps"].to_list()[0]
    text = found["responses"]["text"][0]
    cut = [text[span["start"] : span["end"]] for span in spans]
    assert cut == ["First, 3 + 4 = 7.\n\n", "Then, 7 + 5 = 13.\n\n", "So the answer is 13."]


def test_a_folder_laid_out_like_a_dataset(read: Any, tmp_path: Path) -> None:
    text = (PUBLISHED / "processbench.jsonl").read_text()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "train.jsonl").write_text(text)
    assert read("processbench", tmp_path / "folder")["prompts"].height == 2


def test_rows_keep_their_ids_however_often_they_are_imported(read: Any) -> None:
    first = read("prm800k", PUBLISHED / "prm800k.jsonl")
    again = read("prm800k", PUBLISHED / "prm800k.jsonl")
    assert all(first[name].equals(again[name]) for name in first)


@pytest.mark.parametrize(
    ("shape", "rows", "told"),
    [
        ("ultrafeedbak", [], "no format 'ultrafeedbak'; did you mean 'ultrafeedback'"),
        (
            "processbench",
            [],
            "does not look like processbench: it has no rows.*factory import --list",
        ),
        ("processbench", [{"prompt": "?"}], "does not look like processbench: no column 'problem'"),
        ("processbench", [{"problem": "?"}], "does not look like processbench: 'steps' must be"),
        ("processbench", [{"problem": "?", "steps": ["a"], "label": 1}], "'label' 1 is no step"),
        ("helpsteer2", [{"prompt": "?", "response": "\ud800"}], "a character is incomplete"),
    ],
)
def test_what_has_another_shape_is_refused_and_nothing_is_written(
    workshop: Any, tmp_path: Path, shape: str, rows: list[Any], told: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(FactoryError, match=told):
        import_dataset(load_settings(), shape, str(file))
    assert not load_settings().imports_path.exists()


STAGES = {
    "responses": {"use": "generators.ImportedResponses", "dataset": "bench"},
    "human": {
        "use": "annotators.ImportedScores",
        "of": "responses",
        "dataset": "bench",
        "annotators": ["human"],
    },
    "labels": {"use": "generators.ImportedSteps", "dataset": "bench"},
}


def factory(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_recipe_reads_what_was_imported_and_exports_it(workshop: Any, tmp_path: Path) -> None:
    file = str(PUBLISHED / "processbench.jsonl")
    done = factory("import", "processbench", file, "--name", "bench", "--licence", "Apache-2.0")
    assert done.exit_code == 0, done.output
    assert "2 prompts, 2 responses, 8 scores, 2 step_labels" in done.stdout
    place = workshop.folder / "recipes" / "sources" / "bench" / "defs.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(done.stdout[done.stdout.index("type: assets.Source") :])
    workshop.recipe("relabel", STAGES, sources={"bench": 1.0})
    outcome = workshop.run("relabel")
    assert {name: stage["kept"] for name, stage in outcome.stages.items()} == {
        "prompts": 2,
        "responses": 2,
        "human": 2,
        "labels": 2,
    }
    done = factory("export", "relabel", str(tmp_path / "exported"))
    assert done.exit_code == 0, done.output
    rows = pl.read_parquet(tmp_path / "exported" / "data" / "*.parquet")
    assert rows.columns[:3] == ["prompt", "completions", "labels"]
    assert rows["labels"].to_list() == [[True, False], [True, True]]
    card = yaml.safe_load((tmp_path / "exported" / "README.md").read_text().split("---")[1])
    # The file does not say who wrote the responses.
    assert card["license"] == ["apache-2.0", "unknown"]
    assert "annotations_creators" not in card


def test_a_dataset_that_was_not_imported_is_said_how_to(workshop: Any) -> None:
    workshop.recipe("none", {"responses": STAGES["responses"]})
    done = factory("run", "none", "--refresh", "2026-11-01")
    assert done.exit_code == 1
    assert "import it with: factory import FORMAT PATH --name bench" in done.stderr


def called(name: str) -> dict[str, Any]:
    """An answer that calls the tool ``name``."""
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": {"of": "Rome"}}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


CALLS = [
    {"prompt": "The weather?", "chosen": [called("weather")], "rejected": [called("time")]},
    {
        "prompt": "The time?",
        "chosen": [called("time")],
        "rejected": "I cannot know.",
        "score_chosen": 4,
    },
    {"prompt": "And now?", "chosen": [called("time")], "rejected": [called("time")]},
]


def test_answers_that_call_tools_are_sides_of_pairs(workshop: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(map(json.dumps, CALLS)))
    told = import_dataset(load_settings(), "preference", str(file))
    folder = told.prompts.parent
    pairs = list(named_rows(pl.read_parquet(str(folder / "pairs.parquet"))))
    assert [
        [
            side[-1].get("tool_calls", [{}])[0].get("name")
            for side in (row["chosen"], row["rejected"])
        ]
        for row in pairs
    ] == [["weather", "time"], ["time", None]]
    assert told.kept["responses"] == 1
    assert {(table, reason.partition(" (")[0]) for table, reason in told.refused} == {
        ("pairs", "both answers are the same"),
        ("scores", "a response that calls tools"),
    }


def test_an_answer_that_calls_tools_is_a_demonstration(workshop: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    turns = [{"role": "user", "content": "The weather?"}, called("weather")]
    file.write_text(json.dumps({"messages": turns}))
    told = import_dataset(load_settings(), "chat", str(file))
    (row,) = named_rows(pl.read_parquet(str(told.prompts.parent / "demonstrations.parquet")))
    call = {"id": "1", "name": "weather", "arguments": '{"of": "Rome"}'}
    assert [dict(call) for call in row["messages"][-1]["tool_calls"]] == [call]
    assert not told.refused


def test_a_label_of_a_call_is_refused_with_the_tool(workshop: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    rows = [{"prompt": "A tree?", "completion": "An oak.", "label": True}]
    rows.append({"prompt": "The time?", "completion": [called("time")], "label": True})
    file.write_text("\n".join(map(json.dumps, rows)))
    told = import_dataset(load_settings(), "unpaired", str(file))
    assert {table for table, reason in told.refused if "time" in reason} == {"responses", "scores"}


def test_people_who_compare_the_same_responses_stay_apart(read: Any, tmp_path: Path) -> None:
    """Each has a pair of his own, which the joined preference of all is not."""
    file = tmp_path / "helpsteer3.jsonl"
    row = {"context": [{"role": "user", "content": "?"}], "response1": "a", "response2": "b"}
    each = [{"score": -2}, {"score": 1}, {"score": 0}, {"score": 9}]
    file.write_text(json.dumps({**row, "overall_preference": -1, "individual_preference": each}))
    found = read("helpsteer3-annotators", file)
    pairs = found["pairs"].sort("annotator")
    assert pairs.select("annotator", "margin").rows() == [
        ("annotator-1", 2.0),
        ("annotator-2", 1.0),
    ]
    assert [side[0]["content"] for side in pairs["chosen"].to_list()] == ["a", "b"]
    assert pairs["pair_id"].n_unique() == 2
    told = import_dataset(load_settings(), "helpsteer3-annotators", str(file))
    assert told.refused == {
        ("pairs", "neither answer is preferred"): ["helpsteer3.jsonl, line 1"],
        ("pairs", "'score' of entry 4 of 'individual_preference' must be from −3 to 3, not 9"): [
            "helpsteer3.jsonl, line 1"
        ],
    }
    (pair,) = named_rows(read("helpsteer3", file)["pairs"])
    assert (pair["annotator"], pair["margin"]) == (None, 1.0)


def test_forms_of_reward_models_learn_imported_ratings_and_preferences(
    read: Any, workshop: Any
) -> None:
    """The recipe of docs/imports.md, up to what its trainers are given."""
    read("helpsteer2", PUBLISHED / "helpsteer2.jsonl", name="ratings")
    read("helpsteer2", PUBLISHED / "helpsteer2_preference.jsonl", name="preferences")
    page = (Path(__file__).parents[3] / "docs" / "imports.md").read_text(encoding="utf-8")
    told = next(part for part in page.split("```yaml\n")[1:] if "name: people" in part)
    stages = yaml.safe_load(told.partition("```")[0])["attributes"]["stages"]
    workshop.recipe("people", stages)
    project = workshop.project()
    planned = {each.name: each for each in project.recipes["people"].planned(project.settings)}
    assert planned["attributes"].operator.attributes == (
        "helpfulness",
        "correctness",
        "coherence",
        "complexity",
        "verbosity",
    )
    context = SimpleNamespace(stage="s", imports=load_settings().imports_path)
    tables = {"prompts": imported(context, "ratings", Prompts)}
    for name in ("responses", "ratings"):
        tables[name] = planned[name].operator.run(tables, context).kept
    examples = planned["attributes"].operator.gather(tables)
    assert sorted(examples["ratings"].to_list()) == [
        [1.0, 2.0, 4.0, 1.0, 0.0],
        [3.0, 4.0, 4.0, 2.0, 1.0],
        [4.0, 4.0, 4.0, 0.0, 0.0],
    ]
    tables["prompts"] = imported(context, "preferences", Prompts)
    pairs = planned["pairs"].operator.run(tables, context).kept
    assert planned["reward"].operator.examples(pairs)["margin"].to_list() == [2.0]


def test_of_an_imported_transcript_the_turns_of_the_model_are_learned(
    read: Any, tmp_path: Path
) -> None:
    file = tmp_path / "attempts.jsonl"
    said = ["2 + 2?", "5", "Look again.", "4"]
    roles = ["user", "assistant", "user", "assistant"]
    messages = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
    other = [*messages[:3], {"role": "assistant", "content": "6"}]
    rows = [{"messages": messages, "score": 1}, {"messages": other, "score": 0}]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = read("transcript", file, name="attempts")
    assert [[turn["role"] for turn in turns] for turns in found["responses"]["turns"]] == [
        ["assistant", "user", "assistant"]
    ] * 2
    assert sorted(found["scores"]["value"]) == [0.0, 1.0]
    tables = {name: found[name] for name in ("prompts", "responses", "scores")}
    learned = filters.Imitate(of="responses").run(tables).kept
    for row in named_rows(learned):
        assert [message["role"] for message in row["messages"]] == roles
        # The first and the second answer, and not what the user said between them.
        assert row["loss_spans"] == [[1, 0, 1], [3, 0, 1]]
    (pair,) = named_rows(filters.BestWorst(of="responses", by="scores").run(tables).kept)
    assert [message["content"] for message in pair["chosen"]] == said[1:]
