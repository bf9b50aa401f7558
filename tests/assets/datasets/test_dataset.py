"""Datasets that grow with their recipes, as Dagster and the command line know them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from datasets import load_dataset
from typer.testing import CliRunner, Result

from assets.cli import app
from assets.datasets.export import dataset_writer
from assets.definitions import build_definitions
from assets.export.writer import in_folder, on_hub
from assets.refresh import run_refresh
from assets.storage.tables import MissingTableError
from tests.assets.hub_server import Hub
from tests.assets.reported import write_demonstrations, write_pairs, write_solutions


def factory(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def component(workshop: Any, name: str, **attributes: Any) -> Path:
    """Write a dataset's ``defs.yaml``."""
    return workshop._component("assets.Dataset", f"sets/{name}", {"name": name, **attributes})


def test_a_run_of_a_recipe_grows_its_dataset(ran: Any, grower: Any) -> None:
    workshop, outcome = ran
    version = grower.versions("first").version()
    assert version.rows() == outcome.stages["pairs"]["kept"]
    told = {"version": 1, "train": version.rows("train"), "held out": version.rows("held_out")}
    assert outcome.datasets == {"first": told}
    assert version.about["of"] == {"first": "pairs"}
    job = build_definitions(workshop.project(), ["first"]).resolve_job_def("first")
    made = {"/".join(key.path) for key in job.asset_layer.executable_asset_keys}
    assert {key for key in made if key.startswith("datasets/")} == {"datasets/first"}


def test_a_refresh_more_is_a_version_more_and_nothing_new_is_none(grower: Any) -> None:
    write_pairs(grower.workshop, "grown", 40)
    first = grower.grow("grown")
    again = grower.grow("grown")
    assert (first["version"], again["version"]) == (1, 1)
    assert first["data version"] == again["data version"]
    assert (first["new version"], again["new version"]) == (True, False)
    write_pairs(grower.workshop, "grown", 30, refresh="2026-11-02")
    more = grower.grow("grown")
    assert more["version"] == 2
    assert more["data version"] != first["data version"]
    assert more["account"]["in"] == 70
    versions = grower.versions("grown")
    old, new = (versions.read(versions.version(number)) for number in (1, 2))
    assert (old.height, new.height) == (first["account"]["kept"], more["account"]["kept"])
    both = old.join(new, on="pair_id", suffix="_new")
    assert both.height == old.height
    assert (both["split"] == both["split_new"]).all()
    # A refresh that says again what another says adds nothing, and is told of all the same.
    write_pairs(grower.workshop, "again", 40)
    component(grower.workshop, "grown_twice", of=["grown", "again"], held_out=0.2)
    twice = grower.grow("grown_twice")
    assert twice["account"]["dropped"]["the same row"] == 40
    assert twice["recipes"] == {"grown": 70}


def test_old_versions_stay_until_they_are_pruned(grower: Any) -> None:
    for day in (1, 2, 3):
        write_pairs(grower.workshop, "aged", 20, refresh=f"2026-11-0{day}")
        grower.grow("aged")
    versions = grower.versions("aged")
    folder = grower.workshop.folder / "data" / "datasets" / "aged"
    assert [versions.version(number).rows() for number in versions.numbers()] == [20, 40, 60]
    newest = versions.read(versions.version())
    files = len(list((folder / "rows").iterdir()))
    removed, freed = versions.prune(1)
    assert list(removed) == [1, 2]
    # They shared all their rows with the newest: of theirs, only what was dropped is theirs alone.
    assert len(list((folder / "rows").iterdir())) == files
    assert freed >= 0
    assert versions.read(versions.version()).equals(newest)
    with pytest.raises(MissingTableError, match="no version 1; stored versions: 3"):
        versions.version(1)
    write_pairs(grower.workshop, "aged", 5, refresh="2026-11-04")
    assert grower.grow("aged")["version"] == 4


def test_a_mixture_has_the_proportions_of_its_weights(grower: Any) -> None:
    write_pairs(grower.workshop, "much", 60)
    write_pairs(grower.workshop, "little", 10, refresh="2026-11-02")
    component(
        grower.workshop,
        "blended",
        of={"much/pairs": 2.0, "little": 1.0},
        cap={"recipes": {"little": 8}},
    )
    told = grower.grow("blended")
    assert told["recipes"] == {"much": 16, "little": 8}
    assert told["account"]["dropped"] == {
        "over its share of the mixture": 44,
        "over the cap of recipe little": 2,
    }


def test_a_component_says_what_a_recipes_own_dataset_is(grower: Any) -> None:
    write_pairs(grower.workshop, "said", 10)
    component(grower.workshop, "said", of=["said"], held_out=0.5, deduplicate=None)
    plan = grower.workshop.project().datasets["said"]
    assert (plan.held_out, [type(each).__name__ for each in plan.filters]) == (
        0.5,
        ["Decontaminate"],
    )


def test_both_orders_of_a_pair_are_learnt_or_both_held_out(grower: Any) -> None:
    stages = {
        "texts": {"use": "generators.Fixed", "texts": ["Answer: 1", "Answer: 2"]},
        "pairs": {"use": "filters.RandomPairs", "of": "texts"},
        "items": {"use": "annotators.PairwiseItems", "of": "pairs", "model": "policy"},
        "said": {"use": "generators.Reference", "of": "items"},
        "lessons": {"use": "filters.Imitate", "of": "said", "prompts": "items"},
        "policy": {"use": "trainers.SFT", "of": "lessons"},
    }
    grower.workshop.recipe("judging", stages)
    component(grower.workshop, "judged", of=["judging"], held_out=0.5)
    project = grower.workshop.project()
    made = [name for name in stages if name != "policy"]
    definitions = build_definitions(project, ["judging"])
    run_refresh(
        project, definitions, "judging", refresh="2026-11-01", rows=6, stages=made, shown=False
    )
    assert grower.grow("judged")["account"]["kept"] == 12
    versions = grower.versions("judged")
    lessons = versions.read(versions.version())
    items = project.tables.read(("judging", "items"), "2026-11-01")
    told = lessons.join(items, on="prompt_id", validate="m:1").group_by("task")
    orders = told.agg("reference", pl.col("split").n_unique())
    assert orders["reference"].list.sort().to_list() == [["A", "B"]] * 6
    assert set(orders["split"]) == {1}
    # And where the task is from is known.
    assert set(lessons["source"]) == {"pocket"}


def test_solutions_and_demonstrations_have_datasets_too(grower: Any, tmp_path: Path) -> None:
    write_solutions(grower.workshop, "stepped", 12)
    write_demonstrations(grower.workshop, "shown_how", 12)
    for name, column in (("stepped", "labels"), ("shown_how", "completion")):
        assert grower.grow(name)["account"]["kept"] == 12
        in_folder(dataset_writer(grower.workshop.project(), name), tmp_path / name)
        opened = load_dataset(str(tmp_path / name), cache_dir=str(tmp_path / "cache"))
        assert sum(part.num_rows for part in opened.values()) == 12
        assert column in opened["train"].column_names


def test_the_hubs_copy_has_both_splits_and_grows_by_what_is_new(
    grower: Any, hub: Hub, tmp_path: Path
) -> None:
    write_pairs(grower.workshop, "sent", 60)
    component(grower.workshop, "sent", of=["sent"], held_out=0.2)
    grower.grow("sent")
    write = dataset_writer(grower.workshop.project(), "sent")
    exported, first = on_hub(write, "me/sent", public=False, of="datasets/sent")
    _, again = on_hub(write, "me/sent", public=False, of="datasets/sent")
    assert (exported.rows, first.changed, again.changed) == (60, True, False)
    before = hub.repos["me/sent"].files
    write_pairs(grower.workshop, "sent", 60, refresh="2026-11-02")
    grower.grow("sent")
    on_hub(write, "me/sent", public=False, of="datasets/sent")
    after = hub.repos["me/sent"].files
    assert {name for name in after if after[name] != before.get(name)} == {
        "README.md",
        "data/train-2026-11-02-00000-of-00001.parquet",
        "data/held_out-2026-11-02-00000-of-00001.parquet",
    }
    assert set(before) <= set(after)
    in_folder(write, tmp_path / "copy")
    opened = load_dataset(str(tmp_path / "copy"), cache_dir=str(tmp_path / "cache"))
    assert set(opened) == {"train", "held_out"}
    assert opened["train"].num_rows + opened["held_out"].num_rows == 120
    assert not set(opened["train"]["prompt_id"]) & set(opened["held_out"]["prompt_id"])
    assert {"prompt", "chosen", "rejected", "score_chosen", "recipe", "licence"} <= set(
        opened["train"].column_names
    )


def test_a_response_of_both_kinds_has_no_place_among_labelled_ones(
    grower: Any, tmp_path: Path
) -> None:
    write_pairs(grower.workshop, "torn", 10)
    grower.grow("torn")
    write = dataset_writer(grower.workshop.project(), "torn", format="unpaired")
    assert in_folder(write, tmp_path / "torn").rows == 20
    found = pl.read_parquet(tmp_path / "torn" / "data" / "*.parquet")
    assert found["label"].sum() == 10


@pytest.mark.parametrize(
    "format", ["preference", "unpaired", "tests.assets.export.test_writer.BETTER"]
)
def test_an_export_is_written_some_rows_at_a_time(
    grower: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    for day in (1, 2):
        write_pairs(grower.workshop, "sliced", 40, refresh=f"2026-11-0{day}")
    component(grower.workshop, "sliced", of=["sliced"], held_out=0.2)
    grower.grow("sliced")
    write = dataset_writer(grower.workshop.project(), "sliced", format=format)
    whole = in_folder(write, tmp_path / "whole")
    monkeypatch.setattr("assets.storage.tables.SLICE", 7)
    assert in_folder(write, tmp_path / "cut") == whole
    files = sorted((tmp_path / "whole" / "data").iterdir())
    assert len(files) == 4
    for file in files:
        assert file.read_bytes() == (tmp_path / "cut" / "data" / file.name).read_bytes()


def test_the_command_line_shows_exports_and_prunes(grower: Any, tmp_path: Path) -> None:
    for day in (1, 2):
        write_pairs(grower.workshop, "typed", 10, refresh=f"2026-11-0{day}")
        grower.grow("typed")
    shown = factory("show", "datasets/typed", "--rows", "1", "--version", "1")
    assert shown.exit_code == 0, shown.output
    assert "datasets/typed, version 1 of" in shown.stdout
    assert "rejected" in shown.stdout
    listed = factory("datasets")
    assert "typed" in listed.stdout
    done = factory("export", "datasets/typed", str(tmp_path / "out"))
    assert "20 pairs of datasets/typed are in" in done.stdout
    assert "versions removed" in factory("datasets", "prune", "--keep", "1").stdout
    gone = factory("export", "datasets/typed", str(tmp_path / "out"), "--version", "1")
    assert gone.exit_code == 1
    assert "has no version 1" in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "datasets/firts"), "there is no dataset 'firts'; did you mean 'first'"),
        (("show", "datasets/first", "--split", "test"), "there is no split 'test'"),
        (("report", "datasets/cream"), "datasets/cream has no rows yet"),
        (("export", "datasets/cream", "x"), "datasets/cream has no rows yet"),
        (("export", "datasets/first", "x", "--format", "stepwise"), "formats that fit it"),
    ],
)
@pytest.mark.usefixtures("ran")
def test_what_is_not_there_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = factory(*arguments)
    assert done.exit_code == 1
    assert told in done.stderr


@pytest.mark.parametrize(
    ("attributes", "field", "told"),
    [
        ({"of": ["online_dop"]}, "of", "there is no recipe 'online_dop'; did you mean"),
        ({"of": ["online_dpo/scores"]}, "of", "no stage 'scores' of pairs"),
        ({"of": ["cream", "cream/pairs"]}, "of", "recipe 'cream' is named twice"),
        ({"of": ["cream", "raft"]}, "of", "cream/pairs gives Pairs and raft/"),
        ({"of": {"cream": 0.0}}, "of", "a weight must be a number above 0"),
        ({"of": []}, "of", "needs at least one recipe"),
        ({"of": ["cream"], "cap": {"row": 3}}, "cap.row", "did you mean 'rows'"),
        ({"of": ["cream"], "cap": {"recipes": {"raft": 3}}}, "cap.recipes", "'raft'"),
        ({"of": ["cream"], "cap": {"sources": {"gsm8": 3}}}, "cap.sources", "'gsm8'"),
        (
            {"of": ["cream"], "deduplicate": {"use": "filters.Deduplicate", "treshold": 1}},
            "deduplicate.treshold",
            "did you mean 'threshold'",
        ),
        (
            {"of": ["cream"], "deduplicate": {"use": "annotators.Judge"}},
            "deduplicate.use",
            "not a filter of Pairs",
        ),
        (
            {"of": ["cream"], "decontaminate": {"use": "filters.Decontaminate", "against": ["x"]}},
            "decontaminate.against",
            "there is no fixed source 'x'",
        ),
    ],
)
def test_a_dataset_that_cannot_be_is_refused(
    workshop: Any, attributes: dict[str, Any], field: str, told: str
) -> None:
    file = component(workshop, "mine", **attributes)
    (refusal,) = workshop.project().refusals
    said = str(refusal.error)
    assert said.startswith(f"{file}, field {field!r}:")
    assert told in said
