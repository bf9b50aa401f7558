"""What the reference gives is computed once for all trainings on the same pairs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from engines.context import Context
from trainers import DPO
from trainers.training.reference_logprobs import batches

Rows = Callable[..., pl.DataFrame]
Contexts = Callable[..., Context]


def trained(context: Context, frame: pl.DataFrame, **settings: Any) -> dict[str, Any]:
    trainer = DPO(of="pairs", learning_rate=1e-3, batch_size=4, **settings)
    path = trainer.run({"pairs": frame}, context).kept["path"][0]
    return load_file(Path(path) / "model.safetensors")


def kept(context: Context) -> int:
    return len(list((context.journal.parent / "reference").iterdir()))


def test_a_training_with_another_loss_asks_the_reference_nothing_again(
    pairs: Rows, context_for: Contexts, tmp_path: Path
) -> None:
    trained(context_for(), pairs())
    assert kept(context_for()) == 1
    sharper = trained(context_for(), pairs(), beta=0.5)
    assert kept(context_for()) == 1
    afresh = trained(
        context_for(journal=tmp_path / "afresh" / "journal.sqlite", models=tmp_path / "afresh"),
        pairs(),
        beta=0.5,
    )
    assert all(sharper[name].equal(weights) for name, weights in afresh.items())


def test_other_rows_and_other_weights_have_their_own(
    pairs: Rows, context_for: Contexts, tiny_model: Path
) -> None:
    context = context_for()
    frame = pairs()
    trained(context, frame)
    trained(context, frame.head(5))
    assert kept(context) == 2
    policy = context.roles["policy"].model_copy(
        update={"model": str(context.models / context.refresh / "policy")}
    )
    trained(context_for(roles={"policy": policy}, stage="next"), frame.head(5))
    assert kept(context) == 3


def test_nothing_is_kept_where_there_is_no_reference(pairs: Rows, context_for: Contexts) -> None:
    trained(context_for(), pairs(), loss="simpo", beta=2.0)
    assert not (context_for().journal.parent / "reference").exists()


@given(
    lengths=st.lists(st.integers(0, 100), max_size=30),
    rows=st.integers(1, 8),
    cells=st.integers(1, 1000),
)
def test_batches_hold_every_example_once_and_fit(lengths: list[int], rows: int, cells: int) -> None:
    made = batches(lengths, rows=rows, cells=cells)
    assert sorted(number for batch in made for number in batch) == list(range(len(lengths)))
    for batch in made:
        longest = max(lengths[number] for number in batch)
        assert rows * len(batch) * longest <= cells or len(batch) == 1
