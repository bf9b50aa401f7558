"""Rubrics as files: YAML or Markdown, beside the recipe or shipped (``annotators/rubrics``).

YAML is a list of criteria, or a mapping of ``rubric`` (its name), ``version``, ``source`` and
``criteria``. A criterion is a text, or a mapping of ``name``, ``text``, ``kind``, ``negated`` and
``weight``::

    rubric: support
    source: our support handbook, 2026
    criteria:
      - {name: on_topic, text: The answer addresses the question.}
      - {name: blame, text: The answer blames the customer., kind: yes_no, negated: true}

Markdown is a list, whose items are criteria. The first heading names the rubric, and a line that
begins with "Source:" says where it comes from. A name stands in bold before the text, options in
brackets after the name::

    # Support
    Source: our support handbook, 2026
    - **on_topic**: The answer addresses the question.
    - **blame** (yes_no, negated, weight 2): The answer blames the customer.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from annotators.criteria.criterion import Criterion, RubricOf
from engines.protocol import EngineError
from schemas.near import near

SHIPPED = Path(__file__).parent.parent / "rubrics"
SUFFIXES = (".yaml", ".yml", ".md")

_KINDS = get_args(Criterion.model_fields["kind"].annotation)
_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+(?P<text>\S.*)")
_TITLE = re.compile(r"\*\*(?P<name>[^*]+?):?\*\*(?:\s*\((?P<options>[^)]*)\))?\s*:?\s*(?P<text>.*)")


def find_rubric(name: str, folder: Path | None) -> Path:
    """The file of the rubric ``name``, with or without its suffix: in the recipe's ``folder``, or
    shipped.

    Raises:
        EngineError: there is none.
    """
    places = [place for place in (folder, SHIPPED) if place is not None]
    for place in places:
        for file in (place / name, *(place / f"{name}{suffix}" for suffix in SUFFIXES)):
            if file.suffix in SUFFIXES and file.is_file():
                return file
    known = {file.stem for file in SHIPPED.iterdir() if file.suffix in SUFFIXES}
    if folder is not None:
        known |= {file.name for file in folder.iterdir() if file.suffix in SUFFIXES[1:]}
    looked = " and ".join(map(str, places))
    raise EngineError(f"there is no rubric {name!r} in {looked}; {near(name, known)}")


def read_rubric(file: Path) -> RubricOf:
    """The rubric in ``file``; without a name of its own, it has that of the file.

    Raises:
        EngineError: it cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
        told = _markdown(text) if file.suffix == ".md" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise EngineError(f"the rubric {file} cannot be read: {error}") from error
    if isinstance(told, Sequence) and not isinstance(told, str):
        told = {"criteria": told}
    if not isinstance(told, dict):
        raise EngineError(f"the rubric {file} is neither a list of criteria nor a mapping")
    try:
        return RubricOf.model_validate({"rubric": file.stem, **told})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "rubric"
        raise EngineError(f"the rubric {file}: {where}: {first['msg']}") from error


def _markdown(text: str) -> dict[str, Any]:
    told: dict[str, Any] = {"criteria": []}
    for line in re.sub(r"<!--.*?-->", "", text, flags=re.S).splitlines():
        words = line.strip()
        item = _ITEM.fullmatch(words)
        if item is not None and not line[:1].isspace():
            told["criteria"].append(_criterion(item["text"]))
        elif words and line[:1].isspace() and told["criteria"]:
            told["criteria"][-1]["text"] += f" {words}"
        elif words.startswith("#"):
            told.setdefault("rubric", words.lstrip("# ").strip())
        elif words.lower().startswith("source:"):
            told["source"] = words.partition(":")[2].strip()
        elif words and told["criteria"]:
            raise ValueError(f"{words[:60]!r} is no item of the list: indent what goes on")
    return told


def _criterion(words: str) -> dict[str, Any]:
    title = _TITLE.fullmatch(words)
    if title is None:
        return {"text": words}
    criterion: dict[str, Any] = {"name": title["name"].strip(), "text": title["text"].strip()}
    for option in filter(None, map(str.strip, (title["options"] or "").split(","))):
        if option in _KINDS:
            criterion["kind"] = option
        elif option == "negated":
            criterion["negated"] = True
        elif weight := re.fullmatch(r"weight (\d+(?:\.\d+)?)", option):
            criterion["weight"] = float(weight[1])
        else:
            known = ", ".join((*_KINDS, "negated", "weight 2"))
            raise ValueError(f"{option!r} of {criterion['name']!r} is none of {known}")
    return criterion
