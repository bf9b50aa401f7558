"""The page of profiles says what the profiles hold."""

import re
from pathlib import Path
from typing import Any

import yaml

from engines.profiles import SHIPPED, ByTraining, LearningRate, Profile

WORDS = set(Profile.model_fields) - SHIPPED["chat"].model_fields_set
"""What only some models have."""
PAGE = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text("utf-8")


def formatted(value: Any) -> str:
    if isinstance(value, LearningRate):
        return f"{value.value:.0e} at {value.parameters:.0e}"
    return "null" if value is None else str(value)


def names() -> list[str]:
    nested = {"learning_rate", "lora_learning_rate", "epochs"}
    return [
        name
        for field in Profile.model_fields
        if field not in WORDS
        for name in (
            [f"{field}.{kind}" for kind in ByTraining.model_fields] if field in nested else [field]
        )
    ]


def test_the_table_has_every_value_of_every_profile() -> None:
    table = {
        row[0]: row[1:4]
        for row in re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", PAGE, re.M)
    }
    expected = {
        name: tuple(
            formatted(SHIPPED[profile].value(name)) for profile in ("pocket", "chat", "reasoning")
        )
        for name in names()
    }
    assert {name: tuple(map(str.strip, row)) for name, row in table.items()} == expected


def test_the_rates_of_other_sizes_follow_the_rule() -> None:
    rate = SHIPPED["chat"].value("learning_rate.dpo")
    for size, told in {1.7e9: "1.1e-6 for 1.7 billion", 24e9: "2.9e-7 for 24 billion"}.items():
        assert told in PAGE
        assert rate.of(size) == float(told.partition(" ")[0])


def test_the_examples_are_valid() -> None:
    example = next(
        block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if "base:" in block
    )
    short = yaml.safe_load(example)["profiles"]["short"]
    assert short.pop("base") in SHIPPED
    Profile.model_validate(short)
