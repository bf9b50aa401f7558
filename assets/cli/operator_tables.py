"""What ``factory operators`` prints."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def operators_shown(operators: Iterable[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """The operators with their tables, and the first sentences of their docstrings."""
    for each in operators:
        takes = dict.fromkeys(name for names in each["takes"].values() for name in names)
        tables = f"  {', '.join(takes)} → {each['gives'] or 'the same table'}"
        yield Text.assemble((each["name"], "bold"), (tables, "dim"))
        yield Padding(_paragraphs(each["docstring"])[0], (0, 0, 0, 4))


def _paragraphs(docstring: str) -> list[Text]:
    """The paragraphs of a docstring, without its line breaks and marks. Lists keep their lines."""
    parts = docstring.replace("`", "").split("\n\n")
    return [
        Text(part if "\n- " in part or part.startswith(" ") else part.replace("\n", " "))
        for part in parts
    ]


def operator_shown(about: Mapping[str, Any]) -> Iterator[RenderableType]:
    """An operator: its docstring, its tables and roles, and its parameters."""
    yield Text(about["name"], style="bold")
    for paragraph in _paragraphs(about["docstring"]):
        yield Text.assemble(paragraph, "\n")
    for field, tables in about["takes"].items():
        yield Text(f"takes {field}: {' or '.join(tables)}")
    for field in about["sources"]:
        yield Text(f"reads the source of prompts in {field}")
    yield Text(f"gives {about['gives'] or 'the table that it takes'}")
    for field, needs in about["roles"].items():
        yield Text(f"asks the role in {field} to {', '.join(needs)}")
    table = Table(box=None, pad_edge=False)
    for heading in ("parameter", "type", "default"):
        table.add_column(heading)
    for each in about["parameters"]:
        default = "required" if each["required"] else json.dumps(each["default"])
        if each["set by the model"]:
            default = f"the model's profile, else {default}"
        table.add_row(Text(each["name"], style="bold"), Text(each["type"]), Text(default))
    yield table
