"""Decisions in files of other tools: what was written is read back, and what is wrong is named."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from upath import UPath

from assets.config.errors import FactoryError
from assets.review.decisions import Decision, Decisions
from assets.review.files import argilla, label_studio
from assets.review.files.entries import Entry, Judged
from assets.review.files.exporting import export_decisions
from assets.review.files.importing import Imported, import_decisions
from assets.review.items import CHOICES, Item, to_review
from tests.assets.review.conftest import NAME
from tests.checkout import PROJECT

FORMATS = ("parquet", "label-studio", "argilla")
SAID = {"ann": ("left", "tie", "skip"), "ben": ("right", "reject", "left")}
"""What two people say about the first pairs."""


def decide(workshop: Any, items: list[Item]) -> None:
    """Save `SAID`, each first decision with a comment."""
    reviews = workshop.project().settings.reviews_path
    for person, choices in SAID.items():
        for number, choice in enumerate(choices):
            item = items[number]
            decision = Decision(
                pair_id=item.pair_id,
                chosen_id=item.row["chosen_id"],
                rejected_id=item.row["rejected_id"],
                verdict=item.verdict(choice),
                dataset=NAME,
                refresh=item.refresh,
                left=item.left,
                seed=0,
                at=f"2026-11-20T10:0{number}:00.000000+00:00",
                comment="" if number else f"so says {person}",
            )
            Decisions(reviews, NAME, person).add(decision)


def stored(workshop: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """The verdict and the comment of each person about each pair."""
    reviews = workshop.project().settings.reviews_path
    return {
        (person, each.pair_id): (each.verdict, each.comment)
        for person in SAID
        for each in Decisions(reviews, NAME, person)
    }


def read(workshop: Any, file: Path, *, seed: int = 0) -> Imported:
    project = workshop.project()
    items = to_review(project, NAME, seed=seed)
    return import_decisions(project, items, UPath(file), dataset=NAME)


def written(workshop: Any, file: Path, form: str) -> None:
    """A file with the decisions of `SAID`, which are then forgotten."""
    project = workshop.project()
    items = to_review(project, NAME)
    decide(workshop, items)
    pairs, decisions = export_decisions(project, items, UPath(file), format=form)
    assert (pairs, decisions) == (20, 6)


def forget(workshop: Any) -> None:
    for file in (workshop.project().settings.reviews_path / NAME).iterdir():
        file.unlink()


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_written_is_read_back_also_with_the_sides_turned(
    reviewed: Any, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "decisions"
    written(reviewed, file, form)
    before = stored(reviewed)
    forget(reviewed)
    first = read(reviewed, file, seed=7)
    assert (first.people, first.added, first.undecided) == (["ann", "ben"], 6, 17)
    assert stored(reviewed) == before
    again = read(reviewed, file)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 6)


def test_an_older_decision_does_not_replace_a_newer_one(reviewed: Any, tmp_path: Path) -> None:
    file = tmp_path / "decisions.parquet"
    written(reviewed, file, "parquet")
    columns = pl.read_parquet(file)
    earlier = pl.col("decided_at") - pl.duration(days=1)
    columns.with_columns(
        earlier,
        decision=pl.when(pl.col("decision") == "tie").then(pl.lit("skip")).otherwise("decision"),
    ).write_parquet(file)
    before = stored(reviewed)
    assert read(reviewed, file).older == 1
    assert stored(reviewed) == before


def test_a_pairwise_annotation_of_label_studio_is_a_decision(reviewed: Any, tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    written(reviewed, file, "label-studio")
    tasks = json.loads(file.read_text())
    tasks[0]["annotations"] = [
        {
            "completed_by": {"id": 3, "email": "ann@example.org"},
            "updated_at": "2026-11-25T10:00:00Z",
            "result": [{"type": "pairwise", "from_name": "pw", "value": {"selected": "left"}}],
        }
    ]
    file.write_text(json.dumps(tasks[:1]))
    project = reviewed.project()
    items = to_review(project, NAME)
    names = {"ann@example.org": "ann"}
    done = import_decisions(project, items, UPath(file), dataset=NAME, names=names)
    assert done.people == ["ann"]
    assert stored(reviewed)["ann", items[0].pair_id] == (items[0].verdict("left"), "")


FIELDS = {name: name for name in ("pair_id", "left_id", "right_id", "prompt", "left", "right")}
FIELDS |= {"recipe": NAME, "refresh": "2026-11-20"}


def test_the_labelling_interface_of_the_docs_fits_what_is_written_and_read() -> None:
    page = (PROJECT / "docs" / "review.md").read_text(encoding="utf-8")
    interface = ElementTree.fromstring(page.partition("```xml\n")[2].partition("```")[0])
    shown = {each.attrib["value"].removeprefix("$") for each in interface.iter("Text")}
    (task,) = json.loads(label_studio.write([Entry(FIELDS)]))
    assert shown == {"prompt", "left", "right"} <= set(task["data"])
    (decision,) = interface.iter("Choices")
    (comment,) = interface.iter("TextArea")
    assert (decision.attrib["name"], comment.attrib["name"]) == ("decision", "comment")
    assert {each.attrib["value"] for each in decision} == {*CHOICES} - {"skip"}


def test_argilla_takes_decisions_as_submitted_and_skips_as_discarded() -> None:
    judged = [Judged("ann", "left", "so", None), Judged("ben", "skip", "why", None)]
    (record,) = json.loads(argilla.write([Entry(FIELDS, judged)]))
    ann, ben = (
        {"user_id": "ann", "status": "submitted"},
        {"user_id": "ben", "status": "discarded"},
    )
    assert record["responses"] == {
        "decision": [{"value": "left"} | ann, {"value": None} | ben],
        "comment": [{"value": "so"} | ann, {"value": "why"} | ben],
    }


@pytest.mark.parametrize(
    ("record", "response", "told"),
    [
        ({"status": "pending"}, {}, "may be a draft"),
        ({"status": "pending"}, {"status": "draft"}, "is draft is no decision"),
    ],
)
def test_a_draft_in_argilla_is_no_decision(
    record: dict[str, str], response: dict[str, str], told: str
) -> None:
    (first,) = json.loads(argilla.write([Entry(FIELDS)]))
    answer = {"value": "left", "user_id": "ann"} | response
    content = json.dumps([first | record | {"responses": {"decision": [answer]}}]).encode()
    with pytest.raises(FactoryError, match=f"record 1: responses.decision: .*{told}"):
        list(argilla.read(content))


def test_a_task_of_json_min_is_named() -> None:
    with pytest.raises(FactoryError, match="task 1: data: this is JSON-MIN: export as JSON"):
        list(label_studio.read(b'[{"pair_id": "a", "decision": "left", "annotation_id": 1}]'))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pair_id": "gone"}, "row 1: pair_id: 'gone' is no pair of"),
        ({"left": "another text"}, "row 1: left: it is not that of pair"),
        ({"decision": "better"}, "row 1: decision: there is no choice 'better'"),
        ({"reviewer": "../ann"}, "row 1: reviewer: '../ann' cannot be a reviewer's name"),
        ({"reviewer": None}, "row 1: reviewer: there is a decision, but no name"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_saved(
    reviewed: Any, tmp_path: Path, change: dict[str, str | None], told: str
) -> None:
    file = tmp_path / "decisions.parquet"
    written(reviewed, file, "parquet")
    forget(reviewed)
    columns = pl.read_parquet(file)
    first = pl.int_range(pl.len()) == 0
    columns.with_columns(
        pl.when(first).then(pl.lit(value, dtype=pl.String)).otherwise(pl.col(name)).alias(name)
        for name, value in change.items()
    ).write_parquet(file)
    with pytest.raises(FactoryError) as error:
        read(reviewed, file)
    assert str(error.value).startswith(f"{file}: {told}")
    assert stored(reviewed) == {}


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"PAR1 and no more", b'[{"data": 3}]'])
def test_another_file_is_refused(reviewed: Any, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    with pytest.raises(FactoryError, match=str(file)):
        read(reviewed, file)


def test_an_unknown_format_is_named(reviewed: Any, tmp_path: Path) -> None:
    project = reviewed.project()
    with pytest.raises(FactoryError, match="label-studio"):
        export_decisions(project, to_review(project, NAME), UPath(tmp_path / "x"), format="label")
