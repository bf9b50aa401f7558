"""An export opens with `datasets` and trains with TRL, as it is."""

from pathlib import Path
from typing import Any

import pytest

from assets.errors import FactoryError
from assets.export import export_recipe


def test_datasets_opens_it_and_trl_trains_on_it(ran: Any, tmp_path: Path, tiny_model: Path) -> None:
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer

    workshop, outcome = ran
    folder = tmp_path / "exported"
    exported = export_recipe(workshop.floor(), "first", folder)
    dataset = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(dataset) == exported.rows == outcome.stages["pairs"]["kept"]
    row = dataset[0]
    assert [turn["role"] for side in ("prompt", "chosen", "rejected") for turn in row[side]] == [
        "user",
        "assistant",
        "assistant",
    ]
    assert {"weight", "margin", "pair_id", "source", "licence", "refresh"} <= set(row)
    trainer = DPOTrainer(
        model=str(tiny_model),
        args=DPOConfig(
            output_dir=str(tmp_path / "trained"),
            max_steps=1,
            per_device_train_batch_size=2,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=dataset,
    )
    assert trainer.train().global_step == 1


def test_the_card_says_what_made_it(ran: Any, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    workshop, _ = ran
    export_recipe(workshop.floor(), "first", tmp_path / "exported")
    card = DatasetCard.load(tmp_path / "exported" / "README.md")
    assert card.data.license == "cc0-1.0"
    assert "preference-factory" in card.data.tags
    for told in ("A paper", "sha:", "Sample", "RandomPairs", "pocket", "CC0-1.0"):
        assert told in card.text


def test_an_export_replaces_an_export_and_nothing_else(ran: Any, tmp_path: Path) -> None:
    workshop, _ = ran
    floor = workshop.floor()
    folder = tmp_path / "exported"
    export_recipe(floor, "first", folder)
    (folder / "stale").touch()
    export_recipe(floor, "first", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "data"]
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").touch()
    with pytest.raises(FactoryError, match="holds something else"):
        export_recipe(floor, "first", mine)
    assert (mine / "thesis.tex").exists()


def test_nothing_to_export_writes_nothing(workshop: Any, tmp_path: Path) -> None:
    workshop.recipe("never")
    with pytest.raises(FactoryError, match="factory run never"):
        export_recipe(workshop.floor(), "never", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
