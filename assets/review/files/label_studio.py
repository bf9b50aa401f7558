"""Decisions as Label Studio's JSON: a list of tasks with annotations.

The project's labelling interface needs a ``Choices`` control `DECISION`, or a ``Pairwise`` control,
and for comments a ``TextArea`` `COMMENT`. Predictions and drafts are not decisions and not read.

Source: https://labelstud.io/guide/task_format
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assets.review.files.entries import Entry, Judged, WrongFileError
from assets.review.files.objects import member, objects

DECISION = "decision"
COMMENT = "comment"


def write(entries: Iterable[Entry]) -> bytes:
    """The file's content. A reviewer of digits is a user's id, any other a user's e-mail."""
    tasks = [
        {
            "data": dict(entry.fields),
            "annotations": [_annotation(judged) for judged in entry.judged],
        }
        for entry in entries
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1).encode()


def _annotation(judged: Judged) -> dict[str, Any]:
    person = judged.reviewer
    result: list[dict[str, Any]] = []
    if judged.choice != "skip":
        result.append(_result(DECISION, "left", "choices", {"choices": [judged.choice]}))
    if judged.comment:
        result.append(_result(COMMENT, "left", "textarea", {"text": [judged.comment]}))
    return {
        "completed_by": int(person) if person.isdecimal() else {"email": person},
        "was_cancelled": judged.choice == "skip",
        "created_at": judged.at,
        "updated_at": judged.at,
        "result": result,
    }


def _result(control: str, field: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"from_name": control, "to_name": field, "type": kind, "value": dict(value)}


def read(content: bytes) -> Iterator[Entry]:
    """The file's tasks, one entry each. A cancelled annotation is a skip.

    Raises:
        WrongFileError: It is not such a file.
    """
    for number, task in enumerate(objects(content), 1):
        where = f"task {number}"
        if "annotation_id" in task and "data" not in task:
            raise WrongFileError(where, "data", "this is JSON-MIN: export as JSON")
        data = member(task, "data", dict, where)
        judged = [
            _annotated(annotation, f"{where}, annotation {place}")
            for place, annotation in enumerate(member(task, "annotations", list, where, []), 1)
        ]
        yield Entry(data, judged, where)


def _annotated(annotation: Any, where: str) -> Judged:
    if not isinstance(annotation, dict):
        raise WrongFileError(where, "", "it is no JSON object")
    decided, comments = [], []
    for part in member(annotation, "result", list, where):
        control = part.get("from_name") if isinstance(part, dict) else None
        match part:
            case {"type": "pairwise", "value": {"selected": str(side)}}:
                decided.append(side)
            case {"type": "choices", "from_name": "decision", "value": {"choices": [*choices]}}:
                decided += choices
            case {"type": "textarea", "from_name": "comment", "value": {"text": str(text)}}:
                comments.append(text)
            case {"type": "textarea", "from_name": "comment", "value": {"text": [*texts]}}:
                comments += texts
            case _:
                message = f"it holds neither a decision nor a comment: {control!r}"
                raise WrongFileError(where, "result", message)
    if annotation.get("was_cancelled"):
        # The answers that were given before the task was skipped do not count.
        decided = ["skip"]
    if len(decided) != 1:
        message = f"there must be one decision, and there are {len(decided)}"
        raise WrongFileError(where, "result", message)
    at = annotation.get("updated_at") or annotation.get("created_at")
    comment = "\n".join(map(str, comments))
    return Judged(_person(annotation.get("completed_by"), where), decided[0], comment, at, where)


def _person(completed_by: Any, where: str) -> str:
    match completed_by:
        case {"email": str(person)} if person:
            return person
        case {"id": int(person)} | int(person):
            return str(person)
        case str(person) if person:
            return person
    raise WrongFileError(where, "completed_by", "there is no user")
