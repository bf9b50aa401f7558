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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from annotators.criteria.criterion import Criterion, RubricOf
from engines.protocol import EngineError
from schemas.near import near
from schemas.wrong_values import what_is_wrong

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
    names = {file.stem for file in SHIPPED.iterdir() if file.suffix in SUFFIXES}
    if folder is not None:
        names |= {file.name for file in folder.iterdir() if file.suffix in SUFFIXES[1:]}
    looked = " and ".join(map(str, places))
    raise EngineError(f"there is no rubric {name!r} in {looked}; {near(name, names)}")


def read_rubric(file: Path) -> RubricOf:
    """The rubric in ``file``; without a name of its own, it has that of the file.

    Raises:
        EngineError: it cannot be read. The message names the file, the line, the criterion and the
            field.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        record, line_of = _markdown(text) if file.suffix == ".md" else _yaml(text)
    except OSError as error:
        raise EngineError(f"the rubric {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EngineError(f"the rubric {file} is not UTF-8 text: {error.reason}") from error
    except _RubricError as error:
        raise EngineError(f"the rubric {file}, {error}") from error
    try:
        return RubricOf.model_validate({"rubric": file.stem, **record})
    except ValidationError as error:
        first = min(error.errors(), key=_rank)
        where = f"line {line_of(first['loc'])}{_named(first['loc'], record)}"
        raise EngineError(f"the rubric {file}, {where}: {_problem(first)}") from error


class _RubricError(ValueError):
    """A line of a rubric cannot be read. The message begins with its number."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")


Place = Sequence[int | str]
"""Where a value is in a rubric: ``("criteria", 0, "text")``."""
LineOf = Callable[[Place], int]


def _named(place: Place, record: Mapping[str, Any]) -> str:
    """A place in words: the number of the criterion, from 1, with its name, and the field."""
    words = ""
    if len(place) > 1:
        criterion = record["criteria"][place[1]]
        name = criterion.get("name") if isinstance(criterion, Mapping) else None
        words = f", criterion {int(place[1]) + 1}" + (f" ({name})" if name else "")
    return words + (f", field {place[-1]!r}" if len(place) != 2 else "")


def _rank(error: Mapping[str, Any]) -> int:
    """Which error says best what is wrong: of a misspelt field another is missing, and a criterion
    without a text has no name either."""
    return 0 if error["type"] == "extra_forbidden" else 1 if error["loc"][-1:] == ("text",) else 2


def _problem(error: Mapping[str, Any]) -> str:
    place = error["loc"]
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden" if len(place) > 1:
            hint = near(str(place[-1]), Criterion.model_fields)
            return f"a criterion has no such field; {hint} (a text with a colon needs quotes)"
        case "extra_forbidden":
            return f"a rubric has no such field; {near(str(place[-1]), RubricOf.model_fields)}"
        case "too_short" | "tuple_type":
            return "must be a list of at least one criterion"
        case "string_type":
            return "must be a text: put it in quotes"
        case "string_too_short":
            return "is empty"
        case "model_type" | "model_attributes_type":
            return "must be a text, or a mapping: {name: ..., text: ...}"
        case _:
            return what_is_wrong(error)


def _yaml(text: str) -> tuple[dict[str, Any], LineOf]:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        record = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise _RubricError(line, f"is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _RubricError(1, f"is not YAML: {error}") from error
    _refuse_repeated(root)
    if root is None or not isinstance(record, dict | list):
        raise _RubricError(1, "it is neither a list of criteria nor a mapping")

    def line_of(place: Place) -> int:
        node: yaml.Node = root
        for part in place[1:] if isinstance(record, list) else place:
            inner = _inside(node, part)
            if inner is None:
                break
            node = inner
        return int(node.start_mark.line) + 1

    return record if isinstance(record, dict) else {"criteria": record}, line_of


def _refuse_repeated(root: yaml.Node | None) -> None:
    """Refuse a key that a mapping has twice: YAML would keep the last."""
    waiting, visited = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in visited:
            continue
        # An alias may make a node its own part.
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        keys = set[str]()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise _RubricError(key.start_mark.line + 1, f"{key.value!r} is here twice")
                keys.add(key.value)
            waiting.append(value)


def _inside(node: yaml.Node, part: int | str) -> yaml.Node | None:
    """The value at a key or a number of a node; None if it has none."""
    if isinstance(node, yaml.MappingNode):
        values: list[yaml.Node] = [value for key, value in node.value if key.value == part]
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        values = [node.value[part]]
    else:
        values = []
    return values[0] if values else None


def _markdown(text: str) -> tuple[dict[str, Any], LineOf]:
    record: dict[str, Any] = {"criteria": []}
    lines: list[int] = []
    # A comment keeps its line breaks, so that lines are numbered as in the file.
    read = re.sub(r"<!--.*?-->", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.S)
    for number, line in enumerate(read.splitlines(), start=1):
        words = line.strip()
        item = _ITEM.fullmatch(words)
        if item is not None and not line[:1].isspace():
            record["criteria"].append(_criterion(item["text"], number))
            lines.append(number)
        elif words and line[:1].isspace() and record["criteria"]:
            record["criteria"][-1]["text"] += f" {words}"
        elif words.startswith("#"):
            record.setdefault("rubric", words.lstrip("# ").strip())
        elif words.lower().startswith("source:"):
            record["source"] = words.partition(":")[2].strip()
        elif words and record["criteria"]:
            raise _RubricError(
                number, f"{words[:60]!r} is no item of the list: indent what goes on"
            )

    def line_of(place: Place) -> int:
        numbered = [part for part in place if isinstance(part, int)]
        return lines[numbered[0]] if numbered else 1

    return record, line_of


def _criterion(words: str, line: int) -> dict[str, Any]:
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
            options = ", ".join((*_KINDS, "negated", "weight 2"))
            raise _RubricError(line, f"{option!r} of {criterion['name']!r} is none of {options}")
    return criterion
