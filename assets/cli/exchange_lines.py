"""The lines that ``factory export`` and ``factory import`` print."""

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from assets.cli.console import relative_path

if TYPE_CHECKING:
    from assets.config.settings import Settings
    from assets.export.hub import Published
    from assets.export.writer import Exported
    from assets.importers.importer import Imported


def exported_lines(recipe: str, exported: "Exported", place: str) -> Iterator[Text]:
    """What an export wrote into a folder, and how to load it."""
    yield Text(f"{exported.rows:,} {exported.what} of {recipe} are in {place}")
    yield from _left_out(exported)
    yield from _loading(exported, place)


def published_lines(
    recipe: str, exported: "Exported", published: "Published", repo: str, *, public: bool
) -> Iterator[Text]:
    """What an export published on the Hub, whether it is new, who can read it, how to load it."""
    state = f"commit {published.commit[:8]}" if published.changed else "nothing new, no commit"
    yield Text(f"{exported.rows:,} {exported.what} of {recipe}: {published.url} ({state})")
    yield from _left_out(exported)
    if public and not published.public:
        yield Text(
            "the dataset is still private: make it public on its settings page", style="yellow"
        )
    elif not published.public:
        yield Text("private: only you, or your organisation, can read it")
    yield from _loading(exported, repo)


_REASONS, _PLACES = 20, 5
"""How many reasons for refusals of an import are printed, and how many places of each."""


def imported_lines(imported: "Imported", settings: "Settings") -> Iterator[Text]:
    """What was imported, and the source that lets recipes draw its prompts."""
    folder = imported.prompts.parent
    counts = ", ".join(f"{rows:,} {table}" for table, rows in imported.kept.items() if rows)
    yield Text(f"{counts} are in {relative_path(str(folder))}")
    for table, account in imported.accounts.items():
        if account.joined or account.refused:
            yield Text(
                f"{table}: {account.made:,} read = {account.kept:,} kept + {account.joined:,} "
                f"joined with an equal one + {account.refused:,} refused"
            )
    ordered = sorted(imported.refused.items(), key=lambda one: -len(one[1]))
    for (table, reason), places in ordered[:_REASONS]:
        examples = "; ".join(places[:_PLACES]) + (" …" if len(places) > _PLACES else "")
        yield Text(f"{len(places):,} of {table} refused: {reason} ({examples})", style="yellow")
    if rest := ordered[_REASONS:]:
        rows = sum(len(places) for _, places in rest)
        yield Text(
            f"{rows:,} refused for {len(rest):,} other reasons: see *.dropped.parquet in that "
            "folder",
            style="yellow",
        )
    for reason, scores in itertools.islice(imported.unread.items(), _PLACES):
        yield Text(f"{scores:,} scores have no value: {reason}", style="yellow")
    path = str(imported.prompts)
    below = f"{settings.folder}/"
    yield Text("put this source into a defs.yaml; recipes then draw its prompts:")
    yield Text(
        "type: assets.Source\nattributes:\n"
        f"  name: {folder.name}\n"
        f"  read: {{use: generators.Files, path: {path.removeprefix(below)}, messages: messages, "
        f"reference: reference, name: {folder.name}, licence: {json.dumps(imported.licence)}}}"
    )


def _left_out(exported: "Exported") -> Iterator[Text]:
    if exported.left_out:
        yield Text(f"{exported.left_out:,} do not fit this format; the card says why")


def _loading(exported: "Exported", place: str) -> Iterator[Text]:
    yield Text(f'load them: {exported.loaded_by}("{place}")')
    if exported.candidates:
        call = f'load_dataset("{place}", "candidates")'
        yield Text(f"and the {exported.candidates:,} candidates: {call}")
