"""Decisions as Argilla's records, as ``dataset.records.to_json`` writes and ``from_json`` reads.

A record is the dictionary of an ``rg.Record``. The dataset needs the text fields ``prompt``,
``left`` and ``right``, a label question `DECISION` and a text question `COMMENT`. Suggestions are
not decisions and not read. ``to_json`` leaves the status of responses out; those of a record that
is still pending may be drafts.

Source: https://docs.argilla.io/latest/reference/argilla/records/records
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assets.review.files.entries import IDS, TEXTS, Entry, Judged, WrongFileError
from assets.review.files.objects import member, objects

DECISION = "decision"
COMMENT = "comment"
_ABOUT = ("recipe", "refresh", *IDS)


def write(entries: Iterable[Entry]) -> bytes:
    """The file's content. A reviewer must be a user's id (UUID) for Argilla to take the file."""
    return json.dumps(list(map(_record, entries)), ensure_ascii=False, indent=1).encode()


def _record(entry: Entry) -> dict[str, Any]:
    answers: dict[str, list[dict[str, Any]]] = {DECISION: [], COMMENT: []}
    for judged in entry.judged:
        skipped = judged.choice == "skip"
        # Without a status, Argilla takes them for drafts.
        status = {"user_id": judged.reviewer, "status": "discarded" if skipped else "submitted"}
        answers[DECISION].append({"value": None if skipped else judged.choice} | status)
        if judged.comment:
            answers[COMMENT].append({"value": judged.comment} | status)
    return {
        "id": entry.fields["pair_id"],
        "fields": {name: entry.fields[name] for name in TEXTS},
        "metadata": {name: entry.fields[name] for name in _ABOUT},
        "suggestions": {},
        "responses": {question: answered for question, answered in answers.items() if answered},
        "vectors": {},
    }


def read(content: bytes) -> Iterator[Entry]:
    """The file's records, one entry each. A discarded response is a skip.

    Raises:
        WrongFileError: It is not such a file.
    """
    for number, record in enumerate(objects(content), 1):
        where = f"record {number}"
        fields = member(record, "metadata", dict, where) | member(record, "fields", dict, where)
        responses = member(record, "responses", dict, where, {})
        pending = record.get("status") == "pending"
        for question in responses:
            if question not in (DECISION, COMMENT):
                message = f"{question!r} is no question of a review: {DECISION}, {COMMENT}"
                raise WrongFileError(where, "responses", message)
        comments = {
            person: str(response["value"])
            for person, response in _answers(responses, COMMENT, where)
        }
        judged = [
            Judged(person, _choice(response, where, pending), comments.pop(person, ""), None, where)
            for person, response in _answers(responses, DECISION, where)
        ]
        if comments:
            message = f"there is none of {', '.join(comments)}, but a comment"
            raise WrongFileError(where, DECISION, message)
        yield Entry(fields | {"pair_id": record.get("id")}, judged, where)


def _answers(
    responses: Mapping[str, Any], question: str, where: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The user and the response of each answer to a question."""
    for response in member(responses, question, list, where, []):
        match response:
            case {"user_id": str(person), "value": _} if person:
                yield person, response
            case _:
                message = "a response has no 'user_id' or no 'value'"
                raise WrongFileError(where, f"responses.{question}", message)


def _choice(response: Mapping[str, Any], where: str, pending: bool) -> str:
    match response.get("status", None if pending else "submitted"):
        case "discarded":
            return "skip"
        case "submitted":
            return response["value"]  # type: ignore[no-any-return]
        case None:
            message = "the record is pending and its response has no status, so it may be a draft"
        case status:
            message = f"a response that is {status} is no decision: submit or discard it"
    raise WrongFileError(where, f"responses.{DECISION}", message)
