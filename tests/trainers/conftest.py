"""Rows, contexts and learners over the tiny model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engines.bindings import Binding
from engines.context import Context
from schemas import Demonstrations, Pairs, StepLabels, rows


@pytest.fixture
def context_for(tiny_model: Path, tmp_path: Path) -> Callable[..., Context]:
    """Makes a `Context` whose policy is the tiny model; keyword arguments replace fields."""

    def make(**fields: Any) -> Context:
        given: dict[str, Any] = {
            "recipe": "trial",
            "stage": "policy",
            "refresh": "2026-11-01",
            "roles": {"policy": Binding(model=str(tiny_model), device="cpu")},
            "journal": tmp_path / "journal.sqlite",
            "models": tmp_path / "models",
            "progress": False,
        }
        return Context(**(given | fields))

    return make


@pytest.fixture(scope="session")
def pairs() -> Callable[..., pl.DataFrame]:
    """Makes pairs that prefer the sum's digits over the letter x."""

    def make(number: int = 12, *, weight: float = 1.0) -> pl.DataFrame:
        return rows(
            Pairs,
            [
                {
                    "pair_id": f"pair-{n:03}",
                    "prompt_id": f"prompt-{n:03}",
                    "prompt": [{"role": "user", "content": f"{n} + 1 ="}],
                    "chosen": [{"role": "assistant", "content": str(n + 1)}],
                    "rejected": [{"role": "assistant", "content": "x" * (1 + n % 3)}],
                    "chosen_id": f"right-{n}",
                    "rejected_id": f"wrong-{n}",
                    "margin": 1.0,
                    "weight": weight,
                }
                for n in range(number)
            ],
        )

    return make


@pytest.fixture(scope="session")
def demonstrations() -> Callable[..., pl.DataFrame]:
    """Makes demonstrations of the same sums; keyword arguments replace fields of each."""

    def make(number: int = 12, **fields: Any) -> pl.DataFrame:
        return rows(
            Demonstrations,
            [
                {
                    "demonstration_id": f"demonstration-{n:03}",
                    "prompt_id": f"prompt-{n:03}",
                    "messages": [
                        {"role": "user", "content": f"{n} + 1 ="},
                        {"role": "assistant", "content": str(n + 1)},
                    ],
                    **fields,
                }
                for n in range(number)
            ],
        )

    return make


@pytest.fixture(scope="session")
def labelled() -> Callable[..., pl.DataFrame]:
    """Makes solutions of one or two right steps, the last one with an error after it."""

    def make(number: int = 12, **fields: Any) -> pl.DataFrame:
        def row(n: int) -> dict[str, Any]:
            steps = [f"{n} + 1 = {n + 1}.\n", "xx.\n", f"Answer: {n + 1}"][: 1 + n % 3]
            labels: list[bool | None] = [step != "xx.\n" for step in steps]
            return {
                "response_id": f"response-{n:03}",
                "prompt_id": f"prompt-{n:03}",
                "prompt": [{"role": "user", "content": f"{n} + 1 ="}],
                "completions": steps,
                "labels": labels,
                "values": [0.75 if label else 0.25 for label in labels],
                "first_error": 1 if n % 3 else None,
                **fields,
            }

        return rows(StepLabels, [row(n) for n in range(number)])

    return make


@pytest.fixture
def learner_for(tiny_model: Path, tmp_path: Path) -> Callable[..., Any]:
    """Makes the TRL trainer that a trainer would run on rows, with the tiny model loaded."""

    def make(
        trainer: Any, frame: pl.DataFrame, *, pad_token: str | None = None, **parts: Any
    ) -> Any:
        from engines.weights import load
        from trainers.training.tokenization import Reader

        model, tokenizer = load(Binding(model=str(tiny_model), device="cpu"))
        tokenizer.pad_token = pad_token or tokenizer.pad_token
        reader = Reader(tokenizer, tokenizer.eos_token_id)
        each_row = frame.iter_rows(named=True)
        encoded = [example for row in each_row for example in trainer.encode_all(row, reader)]
        arguments = {
            "output_dir": str(tmp_path / "learner"),
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "report_to": "none",
            "per_device_train_batch_size": len(encoded),
        }
        return trainer.learner(
            [{name: value for name, value in row.items() if name != "length"} for row in encoded],
            arguments=arguments,
            model=trainer.learned(model, end=tokenizer.eos_token_id).requires_grad_(True),
            processing_class=tokenizer,
            peft_config=None,
            callbacks=[],
            **parts,
        )

    return make


@pytest.fixture
def template_for(tiny_model: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copies the tiny model with another chat template."""

    def make(template: str) -> Path:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = tmp_path / "templated"
        AutoModelForCausalLM.from_pretrained(tiny_model).save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(tiny_model)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def metrics_of() -> Callable[[pl.DataFrame], dict[str, float]]:
    """Reads the metrics of a `Checkpoints` frame."""
    return lambda frame: dict(json.loads(frame["metrics"][0]))
