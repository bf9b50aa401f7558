"""Writes pairs and people's decisions to a file."""

from collections.abc import Mapping, Sequence

from upath import UPath

from assets.project.project import Project
from assets.review.decisions import Decision, Decisions, reviewers
from assets.review.files.entries import Entry, Judged, pair_fields
from assets.review.files.formats import format_named
from assets.review.items import Item
from assets.storage.tables import write_whole


def export_decisions(
    project: Project,
    items: Sequence[Item],
    file: UPath,
    *,
    format: str = "parquet",
    names: Mapping[str, str] | None = None,
) -> tuple[int, int]:
    """Write ``items``, each with the decisions that people have made about it.

    Args:
        file: Replaced if it exists.
        format: One of `assets.review.files.formats.FORMATS`.
        names: Reviewers by their id in the other tool. Others have their name as id.

    Returns:
        The numbers of pairs and of decisions.

    Raises:
        FactoryError: There is no such format.
    """
    file_format = format_named(format)
    ids = {name: reviewer for reviewer, name in (names or {}).items()}
    reviews = project.settings.reviews_path
    by_pair: dict[tuple[str, str], list[tuple[str, Decision]]] = {}
    for recipe in dict.fromkeys(item.recipe for item in items):
        for person in reviewers(reviews, recipe):
            for decision in Decisions(reviews, recipe, person):
                about = by_pair.setdefault((recipe, decision.pair_id), [])
                about.append((ids.get(person, person), decision))
    entries = [
        Entry(
            pair_fields(item),
            [
                Judged(person, item.choice(decision.verdict), decision.comment, decision.at)
                for person, decision in by_pair.get((item.recipe, item.pair_id), ())
            ],
        )
        for item in items
    ]
    write_whole(file, file_format.write(entries))
    return len(entries), sum(len(entry.judged) for entry in entries)
