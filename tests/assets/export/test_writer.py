"""An export opens with `datasets` and trains with TRL, as it is."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.export import candidates, shards
from assets.export.shards import write_batches
from assets.formats import Format
from assets.provenance.models import licence_of, used_models
from assets.report.page import dataset_report
from assets.storage.tables import Tables
from engines.bindings import Binding
from schemas import Dropped, Pairs, Split, empty
from tests.assets.conftest import SAMPLED
from tests.assets.exported import export_recipe, export_to_hub
from tests.assets.hub_server import Hub
from tests.assets.reported import write_step_pairs, write_trees

STAGES = {
    "responses": SAMPLED,
    "right": {"use": "annotators.Verifier", "of": "responses"},
    "shown": {"use": "filters.Imitate", "of": "responses"},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}

BETTER = Format(
    what="preferred answers",
    columns="`answer` is the better one.",
    trainers=(),
    converters={
        Pairs: lambda pairs: Split(pairs.select("refresh", answer="chosen"), empty(Dropped))
    },
)


@pytest.fixture(scope="session")
def judged_once(ran_once: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        workshop, _ = ran_once
        workshop.enter(patch)
        workshop.recipe("judged", STAGES)
        for refresh in ("2026-11-01", "2026-11-02"):
            workshop.run("judged", refresh, shown=True)
    return workshop


@pytest.fixture
def judged(judged_once: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The project of a factory in which ``judged`` has run at two refreshes: pairs, demonstrations
    and scores of responses that ``first`` has paid for in part."""
    judged_once.enter(monkeypatch)
    return judged_once.project()


def trained(kind: str, model: Path, folder: Path, dataset: Any) -> int:
    """Train one step of ``dataset`` with TRL's trainer ``kind``, as a user would; the steps."""
    import trl

    config = getattr(trl, f"{kind}Config")(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = getattr(trl, f"{kind}Trainer")(model=str(model), args=config, train_dataset=dataset)
    return int(trainer.train().global_step)


def test_the_hubs_copy_opens_with_both_configurations_and_trl_trains_on_it(
    judged: Any, hub: Hub, tmp_path: Path, tiny_model: Path
) -> None:
    from datasets import load_dataset
    from huggingface_hub import snapshot_download

    exported, published = export_to_hub(judged, "judged", "me/judged", public=False)
    assert hub.repos["me/judged"].head == published.commit
    copy = snapshot_download("me/judged", repo_type="dataset", local_dir=tmp_path / "copy")
    cache = str(tmp_path / "cache")
    pairs = load_dataset(copy, split="train", cache_dir=cache)
    candidates = load_dataset(copy, "candidates", split="train", cache_dir=cache)
    assert (len(pairs), len(candidates)) == (exported.rows, exported.candidates)
    sides = {pairs[0]["chosen_id"], pairs[0]["rejected_id"]}
    assert sides <= set(candidates["response_id"])
    for kind in ("DPO", "Reward"):
        assert trained(kind, tiny_model, tmp_path / kind, pairs) == 1
    chosen = pairs.select_columns(["prompt", "chosen"]).rename_column("chosen", "completion")
    assert trained("SFT", tiny_model, tmp_path / "chosen", chosen) == 1

    export_to_hub(judged, "judged", "me/shown", public=False, format="prompt-completion")
    copy = snapshot_download("me/shown", repo_type="dataset", local_dir=tmp_path / "shown")
    shown = load_dataset(copy, split="train", cache_dir=cache)
    assert trained("SFT", tiny_model, tmp_path / "SFT", shown) == 1

    export_to_hub(judged, "judged", "me/labelled", public=False, format="unpaired")
    copy = snapshot_download("me/labelled", repo_type="dataset", local_dir=tmp_path / "labelled")
    labelled = load_dataset(copy, split="train", cache_dir=cache)
    assert set(labelled["label"]) == {True, False}
    assert trained("KTO", tiny_model, tmp_path / "KTO", labelled) == 1


def test_an_export_again_commits_only_what_is_new(judged: Any, judged_once: Any, hub: Hub) -> None:
    exported, first = export_to_hub(judged, "judged", "me/again", public=False)
    _, again = export_to_hub(judged, "judged", "me/again", public=False)
    assert (first.changed, again.changed) == (True, False)
    before = hub.repos["me/again"].files
    outcome = judged_once.run("judged", "2026-11-03")
    more, third = export_to_hub(judged, "judged", "me/again", public=False)
    after = hub.repos["me/again"].files
    assert third.changed
    assert {name for name in after if after[name] != before.get(name)} == {
        "README.md",
        "report.html",
        "data/train-2026-11-03-00000-of-00001.parquet",
        "candidates/train-2026-11-03-00000-of-00001.parquet",
    }
    assert more.rows == exported.rows + outcome.stages["pairs"]["kept"]
    assert set(before) < set(after)


def test_rows_have_trl_s_columns_and_where_they_are_from(ran: Any, tmp_path: Path) -> None:
    workshop, outcome = ran
    exported = export_recipe(workshop.project(), "first", tmp_path / "exported")
    (file,) = (tmp_path / "exported" / "data").iterdir()
    rows = pl.read_parquet(file)
    assert rows.height == exported.rows == outcome.stages["pairs"]["kept"]
    assert rows.columns[:3] == ["prompt", "chosen", "rejected"]
    first = rows.row(0, named=True)
    roles = [turn["role"] for side in ("prompt", "chosen", "rejected") for turn in first[side]]
    assert roles == ["user", "assistant", "assistant"]
    assert {"weight", "score_margin", "pair_id", "source", "licence", "refresh"} <= set(
        rows.columns
    )


def test_candidates_of_many_prompts_are_written_in_batches(
    judged: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_recipe(judged, "judged", tmp_path / "whole")
    monkeypatch.setattr(candidates, "PROMPTS", 1)
    export_recipe(judged, "judged", tmp_path / "batches")
    files = {
        name: sorted((tmp_path / name / "candidates").iterdir()) for name in ("whole", "batches")
    }
    assert [each.name for each in files["batches"]] == [each.name for each in files["whole"]]
    for one, other in zip(*files.values(), strict=True):
        assert_frame_equal(pl.read_parquet(one), pl.read_parquet(other))
    monkeypatch.setattr(shards, "LIMIT", 1)
    exported = export_recipe(judged, "judged", tmp_path / "many")
    cut = sorted((tmp_path / "many" / "candidates").iterdir())
    assert len(cut) > len(files["whole"])
    first = [each.name for each in cut if "11-01" in each.name]
    numbers = range(len(first))
    assert first == [f"train-2026-11-01-{at:05}-of-{len(first):05}.parquet" for at in numbers]
    assert sum(pl.read_parquet(each).height for each in cut) == exported.candidates


@pytest.mark.parametrize("format", ["preference", "unpaired", "prompt-completion"])
def test_rows_are_written_some_at_a_time(
    judged: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    whole, cut = tmp_path / "whole" / "export", tmp_path / "cut" / "export"
    whole.parent.mkdir()
    cut.parent.mkdir()
    exported = export_recipe(judged, "judged", whole, format=format)
    monkeypatch.setattr("assets.storage.tables.SLICE", 3)
    assert export_recipe(judged, "judged", cut, format=format) == exported
    files = sorted((whole / "data").iterdir())
    assert files
    for file in files:
        assert file.read_bytes() == (cut / "data" / file.name).read_bytes()


def test_scores_are_written_some_at_a_time(
    workshop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Answer: 1", "Answer: 2", "Answer: 3"]
    stages = {
        "responses": {"use": "generators.Fixed", "texts": texts},
        "right": {"use": "annotators.Verifier", "of": "responses"},
        "also": {"use": "annotators.Verifier", "of": "responses"},
    }
    workshop.recipe("marked", stages)
    workshop.run("marked")
    whole = export_recipe(workshop.project(), "marked", tmp_path / "whole")
    assert (whole.what, whole.rows + whole.left_out) == ("labelled completions", whole.candidates)
    monkeypatch.setattr("assets.storage.tables.SLICE", 2)
    assert export_recipe(workshop.project(), "marked", tmp_path / "cut") == whole
    (file,) = (tmp_path / "whole" / "data").iterdir()
    assert file.read_bytes() == (tmp_path / "cut" / "data" / file.name).read_bytes()


def test_every_candidate_is_there_with_every_opinion_of_it(judged: Any, tmp_path: Path) -> None:
    export_recipe(judged, "judged", tmp_path / "exported")
    found = pl.read_parquet(tmp_path / "exported" / "candidates" / "*.parquet")
    tables = Tables(judged.settings.root_path)
    days = tables.refreshes(("judged", "responses"))
    written = pl.concat([tables.read(("judged", "responses"), day) for day in days])
    scores = pl.concat([tables.read(("judged", "right"), day) for day in days])
    assert found["response_id"].to_list() == written["response_id"].to_list()
    assert found["response"].to_list() == written["text"].to_list()
    opinions = found.select("response_id", pl.col("scores").explode()).unnest("scores")
    told = ["response_id", "annotator", "step", "value", "raw", "error"]
    assert_frame_equal(opinions.select(told), scores.select(told), check_row_order=False)
    assert found["kept_by"].to_list() == [["responses"]] * found.height
    assert set(found.schema["origin"].to_schema()) == {
        "operator",
        "model",
        "parameters",
        "seed",
        "parents",
    }


def test_the_card_says_what_made_it(judged: Any, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    export_recipe(judged, "judged", tmp_path / "exported")
    card = DatasetCard.load(tmp_path / "exported" / "README.md")
    # That of the source, and that of the model, which nobody stated.
    assert card.data.license == ["cc0-1.0", "unknown"]
    assert "preference-factory" in card.data.tags
    assert [each["config_name"] for each in card.data.to_dict()["configs"]] == [
        "default",
        "candidates",
    ]
    for told in (
        "Paper: A paper",
        "generators.Sample",
        '"n": 2',
        "| pairs | filters.RandomPairs |",
        "| responses | sha:",
        "| pocket | 1 | CC0-1.0 |",
        "| pairs | schema | passed |",
        "The licence of model tiny-model0 is unknown",
        'load_dataset("exported", split="train")',
        'load_dataset("exported", "candidates", split="train")',
        "factory run judged --refresh 2026-11-01 --rows 6",
        "with seed 0, preference-factory ",
        "      use: filters.RandomPairs\n",
    ):
        assert told in card.text
    assert str(tmp_path.parent) not in card.text


def test_nobodys_text_draws_on_the_card(workshop: Any, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> # head ![x](http://x) | {{ seed }}"
    stages = {
        "responses": {"use": "generators.Fixed", "texts": [hostile, "fine"]},
        "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    }
    workshop.recipe("hostile", stages, paper={"title": hostile}, claim=f"{hostile} ```")
    workshop.run("hostile")
    export_recipe(workshop.project(), "hostile", tmp_path / "exported")
    card = (tmp_path / "exported" / "README.md").read_text()
    above, fence, recipe = card.partition("````yaml\n")
    assert hostile in recipe
    assert fence
    for drawn in ("<script", "![x]", "](http", "> # head", "\n# head"):
        assert drawn not in above
    assert "{{ seed }}" in above


def test_a_licence_that_a_role_states_is_told(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORY_ROLES__POLICY__MODEL", "owner/name")
    monkeypatch.setenv("FACTORY_ROLES__POLICY__LICENCE", "llama3.1")
    stages = workshop.project().recipes["online_dpo"].planned(workshop.project().settings)
    (model,) = [
        used
        for used in used_models(stages, workshop.project().settings.bindings())
        if used.role == "policy"
    ]
    assert (model.name, model.licence) == ("owner/name", "llama3.1")
    assert "responses" in model.stages


def test_the_licence_of_a_folder_is_that_of_its_card(workshop: Any, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# A model\n")
    assert licence_of(Binding(model=str(tmp_path))) == "cc-by-nc-4.0"
    assert licence_of(Binding(model=str(tmp_path / "none"))) is None


def test_a_format_of_ones_own_is_named_by_its_import_path(judged: Any, tmp_path: Path) -> None:
    name = f"{__name__}.BETTER"
    written = export_recipe(judged, "judged", tmp_path / "exported", format=name)
    found = pl.read_parquet(tmp_path / "exported" / "data")
    assert (written.rows, written.what) == (found.height, "preferred answers")
    assert found.columns == ["refresh", "answer"]
    card = (tmp_path / "exported" / "README.md").read_text()
    assert name in card
    assert "`answer` is the better one." in card


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("stepwise", "judged makes no StepLabels, which stepwise is made from; formats that fit"),
        ("pears", "there is no format 'pears'"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(
    judged: Any, tmp_path: Path, name: str, told: str
) -> None:
    with pytest.raises(FactoryError, match=told):
        export_recipe(judged, "judged", tmp_path / "exported", format=name)
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_to_the_hub(judged: Any, hub: Hub) -> None:
    command = ["export", "judged", "hf://datasets/me/told", "--format", "unpaired"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert f"{hub.url}/datasets/me/told" in done.stdout
    assert "private: only you" in done.stdout
    again = CliRunner().invoke(app, command)
    assert "nothing new, no commit" in again.stdout
    wrong = CliRunner().invoke(app, ["export", "judged", "hf://told"])
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "write hf://datasets/NAME/REPO" in wrong.stderr


def test_shards_hold_every_row_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("assets.export.shards.LIMIT", 1000)
    frame = pl.DataFrame({"row": range(1000)})
    written, _ = write_batches([frame], tmp_path / "data", refresh="2026-11-01")
    assert [file.name for file in written] == [
        f"train-2026-11-01-{number:05}-of-00008.parquet" for number in range(8)
    ]
    assert pl.read_parquet(tmp_path / "data" / "*.parquet").equals(frame)
    assert write_batches([frame.clear()], tmp_path / "data", refresh="2026-11-02") == ([], 0)


def test_an_export_replaces_an_export_and_nothing_else(ran: Any, tmp_path: Path) -> None:
    workshop, _ = ran
    project = workshop.project()
    folder = tmp_path / "exported"
    export_recipe(project, "first", folder)
    stale = folder / "data" / "train-2026-10-01-00000-of-00001.parquet"
    stale.touch()
    export_recipe(project, "first", folder)
    assert not stale.exists()
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "candidates",
        "data",
        "report.html",
    ]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page == dataset_report(project, "first").html
    assert str(workshop.folder) not in page
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").touch()
    with pytest.raises(FactoryError, match="is not an earlier export"):
        export_recipe(project, "first", mine)
    assert (mine / "thesis.tex").exists()


def test_nothing_to_export_writes_nothing(workshop: Any, tmp_path: Path) -> None:
    workshop.recipe("never")
    with pytest.raises(FactoryError, match="factory run never"):
        export_recipe(workshop.project(), "never", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_step_labels_open_with_every_column_of_a_type(workshop: Any, tmp_path: Path) -> None:
    from datasets import load_dataset

    write_trees(workshop, "solved", 4)
    exported = export_recipe(workshop.project(), "solved", tmp_path / "solved")
    assert (exported.rows, exported.left_out) == (4, 0)
    found = load_dataset(str(tmp_path / "solved"), split="train", cache_dir=str(tmp_path / "cache"))
    assert found.column_names[:3] == ["prompt", "completions", "labels"]
    # The third step of each is not labelled.
    assert found["labels"][:2] == [[True, True], [True, False]]
    assert [len(steps) for steps in found["completions"]] == [2] * 4
    assert not untyped(found)


def test_step_pairs_open_with_every_column_of_a_type_and_trl_trains_on_them(
    workshop: Any, tmp_path: Path, tiny_model: Path
) -> None:
    from datasets import load_dataset

    write_step_pairs(workshop, "stepped", 4)
    export_recipe(workshop.project(), "stepped", tmp_path / "stepped")
    cache = str(tmp_path / "cache")
    found = load_dataset(str(tmp_path / "stepped"), split="train", cache_dir=cache)
    assert not untyped(found)
    for row in found:
        said = [row[side][-1]["content"] for side in ("chosen", "rejected")]
        assert said[0][: row["shared_prefix"]] == said[1][: row["shared_prefix"]]
        assert said[0] != said[1]
        # What an annotator said of the whole answer is nothing about a step of it.
        assert (row["score_chosen"], row["score_rejected"]) == (None, None)
    assert trained("DPO", tiny_model, tmp_path / "DPO", found) == 1
    candidates = load_dataset(
        str(tmp_path / "stepped"), "candidates", split="train", cache_dir=cache
    )
    assert not untyped(candidates)


def untyped(dataset: Any) -> list[str]:
    """The columns that hold nothing but nulls without a type, at any depth."""
    return [name for name, feature in dataset.features.items() if "'null'" in str(feature)]
