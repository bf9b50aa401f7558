"""Reads people's decisions from a file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from upath import UPath

from assets.config.errors import FactoryError
from assets.project.project import Project
from assets.review.decisions import Decision, Decisions, is_name, name_rule
from assets.review.files.entries import IDS, TEXTS, Entry, Judged, WrongFileError, pair_fields
from assets.review.files.formats import format_of
from assets.review.items import Item
from assets.review.reviewing import alone


@dataclass(frozen=True)
class Imported:
    """What an import did with the decisions of a file: ``added``, ``changed`` (in place of an
    earlier one), ``unchanged``, or ``older`` than the one of the factory, which is kept.
    ``undecided`` is the number of pairs in the file without a decision."""

    people: Sequence[str]
    added: int
    changed: int
    unchanged: int
    older: int
    undecided: int


def import_decisions(
    project: Project,
    items: Sequence[Item],
    file: UPath,
    *,
    dataset: str,
    names: Mapping[str, str] | None = None,
) -> Imported:
    """Save the decisions of ``file`` about ``items``, all or none. The same file again changes
    nothing.

    Args:
        dataset: What ``items`` are of; stored with each decision.
        names: Reviewers by their id in the other tool. Others have their id as name.

    Raises:
        FactoryError: The file cannot be read, has a row that is no pair of ``items``, or whose
            texts are others, or a value that is no decision. It names file, row and field.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise FactoryError(f"{file} cannot be read ({error.strerror or error})") from None
    try:
        entries = list(format_of(content).read(content))
        imported = list(_decisions(entries, items, dataset, names or {}))
    except WrongFileError as error:
        raise FactoryError(f"{file}: {error}") from None
    reviews = project.settings.reviews_path
    people = sorted({person for person, _, _, _ in imported})
    counts: Counter[str] = Counter()
    with ExitStack() as locks:
        for person in people:
            locks.enter_context(alone(reviews, person))
        for recipe, person in dict.fromkeys((recipe, person) for person, recipe, _, _ in imported):
            kept = Decisions(reviews, recipe, person)
            earlier = {decision.pair_id: decision for decision in kept}
            accepted = []
            for reviewer, about, decision, timed in imported:
                if (reviewer, about) == (person, recipe):
                    outcome = _compared(decision, earlier.get(decision.pair_id), timed=timed)
                    counts[outcome] += 1
                    if outcome in ("added", "changed"):
                        accepted.append(decision)
            if accepted:
                kept.add_all(accepted)
    undecided = sum(not entry.judged for entry in entries)
    return Imported(
        people,
        counts["added"],
        counts["changed"],
        counts["unchanged"],
        counts["older"],
        undecided,
    )


def _compared(decision: Decision, earlier: Decision | None, *, timed: bool) -> str:
    if earlier is None:
        return "added"
    if (earlier.verdict, earlier.comment) == (decision.verdict, decision.comment):
        return "unchanged"
    return "older" if timed and decision.at <= earlier.at else "changed"


def _decisions(
    entries: Sequence[Entry], items: Sequence[Item], dataset: str, names: Mapping[str, str]
) -> Iterator[tuple[str, str, Decision, bool]]:
    """The person, recipe and decision of each row, and whether the row has a time."""
    items_by_id = {item.pair_id: item for item in items}
    places: dict[tuple[str, str], str] = {}
    now = datetime.now(UTC)
    for entry in entries:
        item = _item(entry, items_by_id, dataset)
        for judged in entry.judged:
            person = names.get(judged.reviewer, judged.reviewer)
            if not is_name(person):
                message = f"{name_rule(person)}; give it a name: --reviewer {person}=NAME"
                raise WrongFileError(judged.where, "reviewer", message)
            first = places.setdefault((person, item.pair_id), judged.where)
            if first != judged.where:
                message = f"{person} has decided about this pair already, in {first}"
                raise WrongFileError(judged.where, "reviewer", message)
            yield person, item.recipe, _decision(judged, item, dataset, now), bool(judged.at)


def _item(entry: Entry, items_by_id: Mapping[str, Item], dataset: str) -> Item:
    """The pair that ``entry`` is about, if it is as it was."""
    pair_id = str(entry.fields.get("pair_id"))
    if pair_id not in items_by_id:
        raise WrongFileError(entry.where, "pair_id", f"{pair_id!r} is no pair of {dataset}")
    item = items_by_id[pair_id]
    now = pair_fields(item)
    if entry.fields.get("left_id") == now["right_id"]:
        # The file has the sides the other way round, as another seed draws them.
        item = item.turned()
        now = pair_fields(item)
    for name in (*IDS, *TEXTS):
        if entry.fields.get(name) != now[name]:
            message = (
                f"it is not that of pair {pair_id} of {dataset}: the row or the pair has changed"
            )
            raise WrongFileError(entry.where, name, message)
    return item


def _decision(judged: Judged, item: Item, dataset: str, now: datetime) -> Decision:
    try:
        verdict = item.verdict(judged.choice)
    except ValueError as error:
        raise WrongFileError(judged.where, "decision", str(error)) from None
    return Decision(
        pair_id=item.pair_id,
        chosen_id=item.row["chosen_id"],
        rejected_id=item.row["rejected_id"],
        verdict=verdict,
        dataset=dataset,
        refresh=item.refresh,
        left=item.left,
        seed=None,
        at=_time(judged, now).isoformat(timespec="microseconds"),
        comment=judged.comment.strip(),
    )


def _time(judged: Judged, now: datetime) -> datetime:
    if judged.at is None:
        return now
    try:
        time = datetime.fromisoformat(judged.at)
    except (TypeError, ValueError):
        message = f"{judged.at!r} is no time (ISO 8601)"
        raise WrongFileError(judged.where, "time", message) from None
    if time.tzinfo is None:
        raise WrongFileError(judged.where, "time", f"{judged.at!r} has no time zone")
    return time.astimezone(UTC)
