"""Two things side by side, by their stored tables."""

from typing import Any

import polars as pl
import pytest

from assets.comparing.compare import compare
from assets.comparing.page import comparison_page
from assets.config.errors import FactoryError
from assets.factory import Factory
from assets.storage.dataset_versions import Versions
from assets.storage.model_versions import ModelVersion, ModelVersions, TrainedOn
from assets.storage.tables import Tables
from schemas import Dropped, Pairs, Split, empty
from tests.assets.dataset_parts import new_parts
from tests.assets.reported import DEMONSTRATIONS, REFRESH, SCRIPT, write_pairs, write_solutions

LATER = "2026-11-02"


@pytest.fixture
def paired(workshop: Any) -> Any:
    """``ours`` and ``theirs`` with the same ten pairs, of which ``theirs`` has two swapped; and
    ``ours`` at a later refresh with other pairs."""
    write_pairs(workshop, "ours", 10)
    write_pairs(workshop, "theirs", 10, drop=0)
    write_pairs(workshop, "ours", 4, refresh=LATER, drop=1)
    tables = Tables(workshop.folder / "data")
    pairs = tables.read(("theirs", "pairs"), REFRESH)
    swapped = {"chosen": "rejected", "rejected": "chosen"}
    swapped |= {f"{old}_id": f"{new}_id" for old, new in swapped.items()}
    changed = pl.concat([pairs[:2].rename(swapped).select(pairs.columns), pairs[2:]])
    tables.write(("theirs", "pairs"), REFRESH, Split(changed, empty(Dropped)))
    return workshop


def test_two_recipes(paired: Any) -> None:
    found = compare(paired.project(), f"ours@{REFRESH}", "theirs")
    assert found.names == (f"ours@{REFRESH}", f"theirs@{REFRESH}")
    shared = {each.stage: each for each in found.shared}
    assert (shared["pairs"].rows, shared["pairs"].common) == ((10, 10), 10)
    assert shared["pairs"].different == 2
    assert shared["prompts"].common == 10
    assert shared["likely"].common == 20
    funnel = {each.stage: each.sides for each in found.funnel}
    ours, theirs = funnel["pairs"]
    assert ours is not None
    assert theirs is not None
    assert dict(ours.account.dropped) == {"all equal": 3}
    assert (theirs.account.came, theirs.account.kept) == (10, 10)
    margins = next(each for each in found.distributions if each.what == "margin of a pair")
    assert [side and side.count for side in margins.sides] == [10, 10]
    assert (found.models, found.parameters) == ([], [])


def test_two_refreshes_of_a_recipe(paired: Any) -> None:
    found = compare(paired.project(), f"ours@{REFRESH}", "ours")
    assert found.names[1] == f"ours@{LATER}"
    assert [each.values for each in found.facts] == [(REFRESH, LATER)]
    assert all(each.common == 0 for each in found.shared)


def test_another_operator_and_a_stage_of_one_side(paired: Any) -> None:
    paired.recipe("theirs", DEMONSTRATIONS | {"responses": {"use": "generators.Sample", "n": 3}})
    found = compare(paired.project(), f"ours@{REFRESH}", "theirs")
    parameters = {each.name: each.values for each in found.parameters}
    assert parameters["responses.n"] == ("2", "3")
    assert parameters["pairs"] == ("filters.BestWorst", None)
    # A stage of one side is one line, not all of its parameters.
    assert not any(name.startswith("pairs.") for name in parameters)


def test_models_of_stored_rows(paired: Any) -> None:
    tables = Tables(paired.folder / "data")
    responses = tables.read(("theirs", "responses"), REFRESH)
    origin = pl.col("origin").struct.with_fields(model=pl.lit("sha:4567"))
    tables.write(
        ("theirs", "responses"), REFRESH, Split(responses.with_columns(origin), empty(Dropped))
    )
    found = compare(paired.project(), f"ours@{REFRESH}", "theirs")
    assert [(each.name, each.values) for each in found.models] == [
        ("model of responses", ("sha:0123", "sha:4567"))
    ]


def test_the_policy_before_and_after(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("second", seed=3)
    workshop.run("second")
    found = Factory(workshop.project()).compare("first", "second")
    (validated,) = found.validated
    for figures in validated.figures:
        assert figures is not None
        assert figures["low"] <= figures["difference"] <= figures["high"]
    assert validated.between is not None
    assert validated.between["prompts"] == 3
    assert {each.name: each.values for each in found.parameters} == {"seed": ("0", "3")}
    # The held-out prompts are in both funnels as they were asked.
    asked = next(each.sides for each in found.funnel if each.stage == "validated")
    assert [side and side.account.came for side in asked] == [3, 3]


def split(train: int) -> pl.Expr:
    """The first rows are in the train split."""
    first = pl.int_range(pl.len()) < train
    return pl.when(first).then(pl.lit("train")).otherwise(pl.lit("held_out"))


def test_versions_of_a_dataset(paired: Any) -> None:
    pairs = Tables(paired.folder / "data").read(("ours", "pairs"), REFRESH)
    versions = Versions(paired.folder / "data", "ours")
    told = pairs.with_columns(
        refresh=pl.lit(REFRESH),
        recipe=pl.lit("ours"),
        source=pl.lit("pocket"),
        split=split(8),
    )
    about: dict[str, Any] = {"of": {"ours": "pairs"}, "held_out": 0.2, "in": 10, "dropped": {}}
    versions.write(new_parts(told), empty(Dropped), table="Pairs", about=about)
    moved = told[1:].with_columns(split=split(6))
    about = about | {"dropped": {"a near duplicate": 1}, "held_out": 0.3}
    versions.write(new_parts(moved), empty(Dropped), table="Pairs", about=about)
    found = compare(paired.project(), "datasets/ours@1", "datasets/ours")
    assert found.names == ("datasets/ours@1", "datasets/ours@2")
    shared = {each.stage: (each.rows, each.common) for each in found.shared}
    assert shared["train"] == ((8, 6), 6)
    assert shared["train, then held out"] == ((8, 3), 1)
    assert [each.values for each in found.parameters] == [("0.2", "0.3")]
    with pytest.raises(FactoryError, match="no version 9; stored versions: 1, 2"):
        compare(paired.project(), "datasets/ours@1", "datasets/ours@9")


def test_versions_of_a_model(paired: Any) -> None:
    paired.dataset("ours", of=["ours"])
    paired.model(
        "assistant", train={"dpo": {"use": "trainers.DPO", "of": "datasets/ours"}}, gate="none"
    )
    versions = ModelVersions(paired.folder / "data/models", "assistant")
    for number, rate in ((1, 1e-5), (2, 1e-6)):
        versions.open(
            ModelVersion(
                number=0,
                digest=str(number),
                made=f"2026-11-0{number}T00:00:00+00:00",
                start="base",
                revision="sha:0",
                datasets={"ours": TrainedOn(number, str(number), REFRESH)},
                parameters={"dpo": {"learning_rate": rate, "beta": 0.1}},
                seeds=(0,),
            )
        )
    found = compare(paired.project(), "models/assistant@1", "models/assistant")
    assert [(each.name, each.values) for each in found.parameters] == [
        ("dpo.learning_rate", ("1e-05", "1e-06"))
    ]
    assert found.alike == 1


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("our", "theirs", "did you mean 'ours'"),
        (
            "ours",
            "ours@2026-12-01",
            f"no refresh 2026-12-01; there is {REFRESH}, {LATER}",
        ),
        ("ours", f"ours@{LATER}", "both are"),
        ("ours", "datasets/ours@1", "datasets/ours has no rows yet"),
        ("ours@", "theirs", "after the @"),
        ("ours/pairs", "theirs", "ours/pairs is a stage"),
        ("dataset/ours", "theirs", "write RECIPE, datasets/NAME or models/NAME"),
        ("datasets/ours@second", "datasets/ours", "number of a version"),
        ("ours", "never", "never has no refresh yet; make one: factory run never"),
    ],
)
def test_what_cannot_be_compared(paired: Any, first: str, second: str, says: str) -> None:
    paired.recipe("never")
    paired.dataset("ours", of=["ours"])
    with pytest.raises(FactoryError) as error:
        compare(paired.project(), first, second)
    assert says in str(error.value)


def test_a_recipe_is_not_compared_with_a_dataset(paired: Any) -> None:
    versions = Versions(paired.folder / "data", "ours")
    about = {"of": {}, "in": 0, "dropped": {}}
    none = empty(Pairs).with_columns(split=pl.lit("train"), refresh=pl.lit(REFRESH))
    versions.write(new_parts(none), empty(Dropped), table="Pairs", about=about)
    with pytest.raises(FactoryError, match="only two of the same kind"):
        compare(paired.project(), "ours", "datasets/ours")


def test_a_page_escapes_all_text(workshop: Any) -> None:
    for name in ("ours", "theirs"):
        write_pairs(workshop, name, 3, said=[SCRIPT] * 3)
    tables = Tables(workshop.folder / "data")
    pairs = tables.read(("theirs", "pairs"), REFRESH)
    swapped = pairs.rename({"chosen": "rejected", "rejected": "chosen"}).select(pairs.columns)
    tables.write(("theirs", "pairs"), REFRESH, Split(swapped, empty(Dropped)))
    html = comparison_page(compare(workshop.project(), "ours", "theirs"))
    assert "<img" not in html
    assert html.count("&lt;img src=x") >= 3
    assert "<script>" not in html


def test_solutions_side_by_side(workshop: Any) -> None:
    write_solutions(workshop, "ours", 4)
    write_solutions(workshop, "theirs", 6)
    found = compare(workshop.project(), "ours", "theirs")
    shared = {each.stage: each for each in found.shared}
    assert (shared["labels"].rows, shared["labels"].common) == ((4, 6), 4)
    assert "solutions of the same steps" in comparison_page(found)
