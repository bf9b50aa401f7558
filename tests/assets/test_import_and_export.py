"""What goes in through ``factory import`` or a source comes out through ``factory export`` as it
was: pairs, labels, answers and references in the shapes of public files. No row is from any of
them."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli import app

SCORED = {
    "responses": {"use": "generators.ImportedResponses", "dataset": "there"},
    "scores": {"use": "annotators.ImportedScores", "of": "responses", "dataset": "there"},
    "pairs": {"use": "generators.ImportedPairs", "dataset": "there", "by": "scores"},
}
PAIRS = {"pairs": {"use": "generators.ImportedPairs", "dataset": "there"}}
STEPS = {"labels": {"use": "generators.ImportedSteps", "dataset": "there"}}
DEMONSTRATIONS = {"shown": {"use": "generators.ImportedDemonstrations", "dataset": "there"}}
REFERENCES = {
    "answers": {"use": "generators.Reference"},
    "shown": {"use": "filters.Imitate", "of": "answers"},
}


def factory(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def sent_round(workshop: Any, tmp_path: Path) -> Any:
    """Import a file or folder, run a recipe of imported stages, export it: the exported rows."""

    def through(
        shape: str,
        place: Path,
        stages: dict[str, Any],
        *,
        name: str = "there",
        format: str | None = None,
    ) -> pl.DataFrame:
        told = factory("import", shape, str(place), "--name", name)
        source(told[told.index("type: assets.Source") :])
        own = json.loads(json.dumps(stages).replace('"there"', json.dumps(name)))
        return exported(name, own, {name: 1.0}, format)

    def source(text: str) -> None:
        name = text.split("name: ")[1].split()[0]
        file = workshop.folder / "recipes" / "sources" / name / "defs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def exported(
        recipe: str, stages: dict[str, Any], sources: dict[str, float], format: str | None
    ) -> pl.DataFrame:
        workshop.recipe(recipe, stages, sources=sources)
        workshop.run(recipe)
        options = [] if format is None else ["--format", format]
        place = tmp_path / f"exported-{recipe}"
        factory("export", recipe, str(place), *options)
        through.folder = place  # type: ignore[attr-defined]
        return pl.read_parquet(place / "data" / "*.parquet")

    through.source, through.exported = source, exported  # type: ignore[attr-defined]
    return through


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def said(frame: pl.DataFrame) -> list[tuple[str, str, str]]:
    """(what was asked, chosen, rejected) of each row."""
    return [
        tuple(messages[-1]["content"] for messages in row)  # type: ignore[misc]
        for row in frame.select("prompt", "chosen", "rejected").iter_rows()
    ]


def test_annotations_of_alpaca_eval(sent_round: Any, tmp_path: Path) -> None:
    rows = [
        {
            "instruction": f"Name tree {number}.",
            "output_1": f"An oak, {number}.\n",
            "generator_1": "text_davinci_003",
            "dataset": "helpful_base",
            "output_2": f" A stone, {number}",
            "generator_2": "other",
            "annotator": "weighted_alpaca_eval_gpt4_turbo",
            "preference": preference,
            "raw_completion": None,
            "time_per_example": float("nan"),
        }
        for number, preference in enumerate([1, 2, 1.0000042, 1.75, 2.0, 1.5])
    ]
    found = sent_round("alpaca_eval", write(tmp_path / "annotations.json", rows), PAIRS)
    assert said(found) == [
        (row["instruction"], row[f"output_{1 + (row['preference'] > 1.5)}"], row[other])
        for row in rows[:5]
        for other in [f"output_{2 - (row['preference'] > 1.5)}"]
    ]
    assert found["weight"].to_list() == pytest.approx([1, 1, 1 - 4.2e-6, 0.75, 1], abs=1e-12)


def test_transcripts_of_hh_rlhf(sent_round: Any, tmp_path: Path) -> None:
    begun = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nWhat is up?\n\nHuman:  Name a tree.\n"
    rows = [
        {
            "chosen": f"{begun}\n\nAssistant: An oak.\n- tall\n\n- old ",
            "rejected": f"{begun}\n\nAssistant: No.",
        }
    ]
    found = sent_round("hh-rlhf", write(tmp_path / "train.jsonl", rows), PAIRS)
    names = {"user": "Human", "assistant": "Assistant"}
    again = [
        {
            side: "".join(
                f"\n\n{names[turn['role']]}: {turn['content']}"
                for turn in [*row["prompt"], *row[side]]
            )
            for side in ("chosen", "rejected")
        }
        for row in found.iter_rows(named=True)
    ]
    assert again == rows


def test_pairs_of_judgebench(sent_round: Any, tmp_path: Path) -> None:
    rows = [
        {
            "pair_id": f"id {number}",
            "original_id": str(number),
            "source": "mmlu-pro-math",
            "question": f"What is {number} + 1?",
            "response_model": "gpt-4o",
            "response_A": f"It is {number + 1}.",
            "response_B": f"It is {number}.",
            "label": label,
        }
        for number, label in enumerate(["A>B", "B>A"])
    ]
    found = sent_round("judgebench", write(tmp_path / "gpt.jsonl", rows), PAIRS)
    assert said(found) == [
        ("What is 0 + 1?", "It is 1.", "It is 0."),
        ("What is 1 + 1?", "It is 1.", "It is 2."),
    ]


@pytest.mark.parametrize("imported", [True, False])
def test_references_of_math_500(sent_round: Any, tmp_path: Path, imported: bool) -> None:
    answers = ["\\frac{14}{3}", "9", "\\left( 3, \\frac{\\pi}{2} \\right)", "p - q"]
    rows = [
        {
            "problem": f"Problem {number}",
            "solution": "…",
            "answer": answer,
            "subject": "Algebra",
            "level": 2,
            "unique_id": str(number),
        }
        for number, answer in enumerate(answers)
    ]
    file = write(tmp_path / "test.jsonl", rows)
    if imported:
        found = sent_round("math-500", file, REFERENCES)
    else:
        sent_round.source(
            "type: assets.Source\nattributes:\n  name: there\n  read: {use: generators.Files, "
            f"path: {file}, prompt: problem, reference: answer, licence: MIT}}\n"
        )
        found = sent_round.exported("there", REFERENCES, {"there": 1.0}, None)
    assert [row[0]["content"] for row in found["prompt"].to_list()] == [
        row["problem"] for row in rows
    ]
    assert [row[0]["content"] for row in found["completion"].to_list()] == answers


def chat(*said: str) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(said)
    ]


def answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


ROUNDS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "preference": (
        [
            {
                "prompt": chat("Hi", "Hello", "A tree?"),
                "chosen": answer("An oak."),
                "rejected": answer("A rock."),
                "score_chosen": 8.5,
                "score_rejected": 2.0,
            },
            {"prompt": "A bird?", "chosen": "A wren.", "rejected": "A log."},
        ],
        SCORED,
    ),
    "stepwise": (
        [
            {"prompt": "2 + 2 + 2?", "completions": ["2 + 2 = 4", "4 + 2 = 7"], "labels": [1, 0]},
            {"prompt": "1 + 1?", "completions": ["So 2."], "labels": [True]},
        ],
        STEPS,
    ),
    "prompt-completion": (
        [
            {"prompt": chat("A tree?"), "completion": answer("An oak.")},
            {"prompt": "A bird?", "completion": "A wren."},
        ],
        DEMONSTRATIONS,
    ),
}


@pytest.mark.parametrize("shape", ROUNDS)
def test_what_was_exported_is_imported_and_exported_again_as_it_was(
    sent_round: Any, tmp_path: Path, shape: str
) -> None:
    rows, stages = ROUNDS[shape]
    first = sent_round(shape, write(tmp_path / "rows.jsonl", rows), stages)
    assert first.height == len(rows)
    again = sent_round(shape, sent_round.folder, stages, name="back")
    assert first.drop("source").equals(again.drop("source"))
    assert again["source"].unique().to_list() == ["back"]


LABELLED = {
    "responses": {"use": "generators.ImportedResponses", "dataset": "there"},
    "labels": {
        "use": "annotators.ImportedScores",
        "of": "responses",
        "dataset": "there",
        "annotators": ["label"],
    },
}


def test_labelled_completions_are_exported_as_they_were(sent_round: Any, tmp_path: Path) -> None:
    rows = [
        {"prompt": chat("A tree?"), "completion": answer("An oak."), "label": True},
        {"prompt": chat("A tree?"), "completion": answer("A stone."), "label": False},
        {"prompt": chat("A bird?"), "completion": answer("A wren."), "label": True},
        {"prompt": chat("A fish?"), "completion": answer("A cat."), "label": False},
    ]
    first = sent_round("unpaired", write(tmp_path / "rows.jsonl", rows), LABELLED)
    named = first.select("prompt", "completion", "label").to_dicts()
    assert sorted(named, key=str) == sorted(rows, key=str)
    again = sent_round("kto", sent_round.folder, LABELLED, name="back", format="unpaired")
    assert first.drop("source").equals(again.drop("source"))


def test_labels_of_pairs_come_back_as_labels(sent_round: Any, tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl", ROUNDS["preference"][0])
    first = sent_round("preference", rows, SCORED, format="unpaired")
    again = sent_round("kto", sent_round.folder, LABELLED, name="back", format="unpaired")
    same = ["prompt", "completion", "label", "response_id", "prompt_id"]
    assert first.select(same).equals(again.select(same))
    assert first.height == 4
