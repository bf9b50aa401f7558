"""The tables and lines that ``factory`` prints. Text of models is never read as markup."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from assets.cli.plan_tables import spent_lines
from schemas.printable import printable

if TYPE_CHECKING:
    from assets.config.settings import Settings
    from assets.maintenance.retention import Prunable
    from assets.maintenance.usage import Use
    from assets.project.refusal import Refusal
    from assets.refresh import Outcome
    from assets.report.page import Report
    from assets.review.agreement import WithPeople
    from assets.storage.dataset_versions import Version


def stages_table(title: str, stages: Mapping[str, Mapping[str, Any]]) -> Table:
    """Rows in, kept, dropped by reason, seconds and tokens/s of each stage."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("stage")
    for heading in ("in", "kept"):
        table.add_column(heading, justify="right")
    table.add_column("dropped")
    for heading in ("seconds", "calls", "journal", "tokens/s"):
        table.add_column(heading, justify="right")
    for name, account in stages.items():
        speed = account["tokens_per_second"]
        table.add_row(
            Text(name),
            f"{account['in']:,}",
            f"{account['kept']:,}",
            Text("\n".join(f"{rows:,} {reason}" for reason, rows in account["dropped"].items())),
            f"{account['seconds']:.1f}",
            f"{account['model_calls']:,}" if account["model_calls"] else "",
            f"{account['journal_hits']:,}" if account["journal_hits"] else "",
            f"{speed:,.0f}" if speed else "",
        )
    return table


def validated_line(validated: Mapping[str, Any]) -> Text:
    """The policy on held-out prompts before and after, with the interval of the difference."""
    from trainers.evaluation.sentences import described

    return Text(described(validated))


def outcome_lines(outcome: "Outcome", settings: "Settings") -> Iterable[Text]:
    """The results of a refresh in words, and where its files are."""
    for source, account in outcome.sources.items():
        if account["dropped"]:
            refused = ", ".join(f"{n:,} {reason}" for reason, n in account["dropped"].items())
            yield Text(f"source {source}: {account['kept']:,} prompts, refused: {refused}")
    for stage, findings in outcome.findings.items():
        listed = ", ".join(f"{name} {_figure(value)}" for name, value in findings.items())
        yield Text(f"{stage}: {listed}")
    yield from spent_lines(outcome.stages)
    if outcome.labels is not None:
        origin = f" {outcome.label_origin}" if outcome.label_origin else ""
        has_accuracy = outcome.labels.accuracy is not None
        yield Text(
            f"label accuracy {outcome.labels}{origin}" if has_accuracy else str(outcome.labels)
        )
    checkpoint = outcome.checkpoint
    if checkpoint is not None and not checkpoint["trained"]:
        yield Text(f"nothing was trained: {checkpoint['reason']}", style="yellow")
    if outcome.validated is not None:
        yield validated_line(outcome.validated)
    for words in outcome.says:
        yield Text(words, style="yellow")
    if outcome.claim is not None:
        yield Text(f"claim {outcome.claim.description}")
    for name, grown in outcome.datasets.items():
        yield Text(
            f"datasets/{name}, version {grown['version']}: {grown['train']:,} train, "
            f"{grown['held out']:,} held out"
        )
    for name, (place, changed) in outcome.published.items():
        yield Text(f"published {name}: {relative_path(place)}" + ("" if changed else ", unchanged"))
    tables = settings.root_path / "tables" / outcome.recipe
    yield Text(f"tables {relative_path(str(tables))}", style="dim")
    if checkpoint is not None and checkpoint["trained"]:
        path = checkpoint["path"]
        yield Text(f"{Path(path).name} {relative_path(path)}", style="dim")


def _figure(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = (f"{name} {_figure(part)}" for name, part in value.items() if part is not None)
        return f"({', '.join(parts)})"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def relative_path(path: str) -> str:
    """``path`` relative to the current folder, if it is inside."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def recipes_table(recipes: Iterable[Mapping[str, Any]]) -> Table:
    """The recipes by family, one line each: the paper, what they need, and the last refresh."""
    table = Table(box=None, pad_edge=False)
    for heading in ("family", "recipe", "paper", "year", "needs", "last refresh"):
        table.add_column(heading)
    for recipe in recipes:
        arxiv = (recipe["paper"] or {}).get("arxiv")
        table.add_row(
            Text(recipe["family"]),
            Text(recipe["id"], style="bold"),
            f"arXiv:{arxiv}" if arxiv else "",
            str(recipe["year"] or ""),
            Text(", ".join(recipe["needs"])),
            recipe["refreshed"] or "",
        )
    return table


def refusal_lines(refusals: Iterable["Refusal"]) -> Iterator[Text]:
    """What cannot be used, and why: what is wrong first. Equal errors are one line."""
    alike: dict[str, list[Refusal]] = {}
    for each in sorted(refusals, key=lambda one: not one.is_broken):
        alike.setdefault(str(each.error), []).append(each)
    for error, group in alike.items():
        broken = group[0].is_broken
        names: dict[str, list[str]] = {}
        for each in group:
            names.setdefault(each.kind, []).append(each.name)
        subjects = ", ".join(f"{kind} {', '.join(of_kind)}" for kind, of_kind in names.items())
        line = Text("wrong: " if broken else "cannot run: ", style="red" if broken else "yellow")
        # What is wrong is not looked for after a hundred names.
        message = (
            f"{subjects}: {error}"
            if len(group) <= _NAMED
            else f"{error} ({len(group):,}: {subjects})"
        )
        yield line.append(message, style="default")


_NAMED = 8
"""The most names that stand before an error."""


def validated_sentence(counts: Mapping[str, int], refusals: Sequence["Refusal"]) -> Text:
    """How many declarations were checked, and how many cannot be used."""
    checked = ", ".join(
        f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items()
    )
    broken = sum(each.is_broken for each in refusals)
    unfit = len(refusals) - broken
    return Text(f"{checked}: {broken:,} wrong, {unfit:,} cannot run")


def reviewed_line(verdicts: Mapping[str, int]) -> Text:
    """The number of a person's decisions, in total and by verdict."""
    labels = {
        **{"accept": "accepted", "flip": "flipped", "tie": "equally good"},
        **{"reject": "rejected", "skip": "skipped"},
    }
    counts = ", ".join(f"{verdicts[verdict]:,} {label}" for verdict, label in labels.items())
    return Text(f"{sum(verdicts.values()):,} pairs reviewed: {counts}")


def agreement_table(agreements: Iterable["WithPeople"]) -> Table:
    """How often each annotator agrees with people, with the interval."""
    table = Table(title="agreement with people", title_justify="left", title_style="bold")
    for heading in ("recipe", "annotator"):
        table.add_column(heading)
    for heading in ("agrees", "95 % interval", "pairs", "ties", "not measured"):
        table.add_column(heading, justify="right")
    for one in agreements:
        interval = one.interval
        table.add_row(
            Text(one.recipe),
            Text(one.annotator),
            "" if one.rate is None else f"{one.rate:.1%}",
            "" if interval is None else f"{interval[0]:.1%} to {interval[1]:.1%}",
            f"{one.decided:,}",
            f"{one.ties:,}",
            f"{one.unmeasured:,}",
        )
    return table


def version_line(name: str, version: "Version") -> Text:
    """A version of a curated dataset, with its numbers of rows and dropped rows."""
    rows = ", ".join(f"{version.rows(split):,} {split}" for split in ("train", "held_out"))
    out = sum(version.about["dropped"].values())
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in version.about["dropped"].items())
    dropped = f"; {out:,} dropped: {reasons}" if out else ""
    return Text(f"datasets/{name}, version {version.number} of {version.made}: {rows}{dropped}\n")


def versions_table(versions: Mapping[str, tuple["Version", Sequence[int]]]) -> Table:
    """The newest version of each curated dataset, and the numbers of the kept versions."""
    table = Table()
    table.add_column("dataset")
    for heading in ("version", "train", "held out", "dropped"):
        table.add_column(heading, justify="right")
    table.add_column("made")
    table.add_column("kept versions")
    for name, (version, numbers) in versions.items():
        table.add_row(
            Text(name, style="bold"),
            str(version.number),
            f"{version.rows('train'):,}",
            f"{version.rows('held_out'):,}",
            f"{sum(version.about['dropped'].values()):,}",
            version.made,
            ", ".join(map(str, numbers)),
        )
    return table


def claims_table(claims: Iterable[Mapping[str, Any]]) -> Table:
    """The claims of recipes with the measured figures and those of the controls."""
    table = Table(show_lines=True)
    for heading in ("recipe", "claim", "measured", "control", "difference", "verdict"):
        table.add_column(heading)
    for claim in claims:
        table.add_row(
            Text(claim["id"], style="bold"),
            Text(claim["claim"]),
            *(Text(cell) for cell in figures(claim)),
            Text(claim["verdict"] or claim["says"]),
        )
    return table


def figures(claim: Mapping[str, Any]) -> tuple[str, str, str]:
    """The measured figure, the control's, and the interval of the difference."""
    measured, control = (
        "" if claim[name] is None else f"{claim[name]:.3f}" for name in ("measured", "control")
    )
    return measured, control, interval(claim)


def interval(claim: Mapping[str, Any]) -> str:
    """The interval of the difference that decides a claim."""
    low, high = claim.get("low"), claim.get("high")
    return "" if low is None else f"[{low:+.3f}, {high:+.3f}]"


def gains_table(gains: Iterable[Mapping[str, Any]]) -> Table:
    """The held-out accuracy of a policy, refresh by refresh."""
    table = Table()
    for heading in ("refresh", "prompts", "trained on", "greedy", "gain", "sampled", "gain"):
        table.add_column(heading, justify="right")
    for row in gains:
        cells = []
        for kind in ("", "sampled_"):
            v = {name: row[f"{kind}{name}"] for name in ("after", "difference", "low", "high")}
            measured = v["after"] is not None
            cells += [
                f"{v['after']:.1%}" if measured else "",
                "{difference:+.1f} [{low:+.1f}, {high:+.1f}]".format(
                    **{name: 100 * value for name, value in v.items()}
                )
                if measured
                else "",
            ]
        table.add_row(row["refresh"], f"{row['prompts']:,}", f"{row['trained']:,}", *cells)
    return table


def journal_table(usage: Iterable[Any]) -> Table:
    """The contents of the journal, one line for each model and verb."""
    table = Table()
    table.add_column("model")
    table.add_column("engine")
    table.add_column("revision")
    table.add_column("verb")
    for heading in ("answers", "MB", "asked", "hit rate"):
        table.add_column(heading, justify="right")
    for one in usage:
        questions = one.hits + one.misses
        table.add_row(
            Text(one.name),
            one.engine,
            Text(one.revision),
            one.verb,
            f"{one.answers:,}",
            f"{one.bytes / 1e6:,.1f}",
            f"{questions:,}",
            f"{one.hits / questions:.1%}" if questions else "",
        )
    return table


def disk_table(uses: Iterable["Use"]) -> Table:
    """How much disk space each part of the data uses."""
    table = Table()
    table.add_column("what")
    for heading in ("files", "MB"):
        table.add_column(heading, justify="right")
    table.add_column("where", overflow="fold")
    for use in uses:
        table.add_row(Text(use.what), f"{use.files:,}", f"{use.bytes / 1e6:,.1f}", Text(use.place))
    return table


def pruned_lines(files: Sequence["Prunable"], *, removed: bool) -> Iterable[Text]:
    """The files that were removed or, without ``removed``, can be removed."""
    for one in files:
        yield Text(f"{one.bytes / 1e6:10,.1f} MB  {one.what}: {one.place}")
    total = sum(one.bytes for one in files) / 1e6
    if not files:
        yield Text("there is nothing to remove")
    elif removed:
        yield Text(
            f"{total:,.1f} MB removed; factory journal prune also removes those models' answers"
        )
    else:
        yield Text(f"{total:,.1f} MB can be removed; nothing was removed: --yes removes it")


def reported_line(report: "Report", place: str) -> Text:
    """The rows of a written report, its place and its size."""
    refreshes = ", ".join(report.refreshes)
    size = len(report.html.encode()) / 1e6
    listed = "" if report.listed == report.rows else f", of which {report.listed:,} are listed"
    return Text(
        f"{report.rows:,} {report.what} of refresh {refreshes}{listed}: {relative_path(place)} "
        f"({size:,.1f} MB)"
    )


def written_line(place: str) -> Text:
    """The place of a written page."""
    return Text(relative_path(place))


_WIDEST = 10_000


class _Printed(Console):
    """A console that removes terminal codes from texts and reads no text as markup."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print. Nothing in a table is cut: in a file or a pipe it is as wide as it needs to be,
        and in a terminal long words continue on the next line."""
        tables = [each for each in objects if isinstance(each, Table)]
        for column in (column for table in tables for column in table.columns):
            column.overflow = "fold"
        before = self._width
        if tables and not self.is_terminal:
            wide = self.options.update(max_width=_WIDEST)
            needed = (Measurement.get(self, wide, each).maximum for each in tables)
            self._width = max(self.width, *needed)
        super().print(*objects, **options)
        self._width = before

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for part in super().render(renderable, options):
            yield part if part.control else Segment(printable(part.text), part.style)


def console(*, stderr: bool = False) -> Console:
    """A console on standard output, or with ``stderr`` on standard error."""
    return _Printed(stderr=stderr, highlight=False, markup=False)
