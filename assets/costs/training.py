"""What a training costs, before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.project.recipe_plan import Stage
from engines.bindings import Binding
from engines.protocol import RowError
from engines.weights import chat_tokenizer
from schemas import named_rows
from trainers.training.method import steps_of
from trainers.training.tokenization import Reader
from trainers.training.trainer import Trainer


@dataclass(frozen=True)
class TrainingCost:
    """An estimated training.

    Attributes:
        stage: The stage.
        rows: The rows that it trains on.
        steps: The steps of the optimizer.
        tokens: The tokens of all rows and epochs, without padding.
    """

    stage: str
    rows: int
    steps: int
    tokens: int


def training_cost(
    stage: Stage, tables: Mapping[str, pl.DataFrame], binding: Binding, *, factor: float
) -> TrainingCost | None:
    """The cost of a training stage; None if it is no training of the factory's.

    Args:
        stage: The stage.
        tables: The tables of a trial, by stage.
        binding: The model that it starts from.
        factor: How many rows a run has for each row of the trial.

    Raises:
        EngineError: The model has no tokenizer.
    """
    trainer = stage.operator
    if not isinstance(trainer, Trainer):
        return None
    tokenizer = chat_tokenizer(binding)
    reader = Reader(tokenizer, tokenizer.eos_token_id or 0, binding.template_arguments)
    lengths = []
    for row in named_rows(trainer.gather(tables)):
        try:
            examples = trainer.encode_all(row, reader)
        except RowError:
            continue
        if max(example["length"] for example in examples) <= trainer.max_length:
            lengths += [example["length"] * example.get("sequences", 1) for example in examples]
    rows = round(len(lengths) * factor)
    if not rows:
        return TrainingCost(stage.name, 0, 0, 0)
    steps = steps_of(trainer, rows)
    trained = steps * trainer.batch_size * trainer.gradient_accumulation
    epochs = trainer.epochs if trainer.max_steps is None else trained / rows
    mean = sum(lengths) / len(lengths)
    return TrainingCost(stage.name, rows, steps, round(rows * epochs * mean))
