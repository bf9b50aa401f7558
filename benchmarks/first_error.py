"""How often the first wrong step of a solution is found, and for how many rollouts.

    python -m benchmarks.first_error

On held-out problems of the pocket world of eight operations, where the truth of each step is known.
Solutions are sampled from ``base`` and from ``strong``; those whose answer is wrong and that have
at least eight steps are searched with rollouts of ``strong``, 16 to a prefix: by brute force and by
halves, each also with as many rollouts as decide (`engines.operators.rollouts.Adaptive`), and as
the papers have it, where any right rollout makes a prefix look right (threshold 0). Of all
solutions, right ones among them, the labels on which rollouts (of the writer, and of ``strong``)
and the judge ``strong`` agree are compared with either's; intervals are of 95 %, by a bootstrap
over prompts. A search asks for the rollouts of every prefix that it looks at, whoever paid for them
before. Writes ``benchmarks/results/first_error.json``.
"""

import argparse
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

import pocket
from annotators import FirstError, StepVerifier
from assets.project.label_truth import right_responses
from benchmarks.results import entry, write
from claims import StepLabelAccuracy
from claims.first_error import first_errors
from engines.bindings import Binding
from engines.context import Context
from engines.operators.rollouts import Adaptive
from filters import ConsensusSteps, LabelSteps
from generators import Sample, Segment
from schemas import Prompts, prompt_id, rows
from trainers.evaluation.first_errors import NONE

COMMAND = "python -m benchmarks.first_error"
K = 16
STEPS = 8
LUCK = 1 / K
"""A prefix looks right if more than this share of its rollouts ends right: of a world whose answers
have two digits, one right end in 16 is luck."""
ADAPTIVE = Adaptive()
SEARCHES = {
    "brute": FirstError(model="strong", by="brute", k=K, threshold=LUCK),
    "halves": FirstError(model="strong", by="binary", k=K, threshold=LUCK),
    "brute, adaptive": FirstError(
        model="strong", by="brute", k=K, threshold=LUCK, adaptive=ADAPTIVE
    ),
    "halves, adaptive": FirstError(
        model="strong", by="binary", k=K, threshold=LUCK, adaptive=ADAPTIVE
    ),
    "brute, threshold 0": FirstError(model="strong", by="brute", k=K),
    "halves, threshold 0": FirstError(model="strong", by="binary", k=K),
}

Tables = dict[str, pl.DataFrame]


def context(folder: Path, stage: str) -> Context:
    """Where a stage runs: all share one journal, so the same rollout is drawn once."""
    names: tuple[pocket.Checkpoint, ...] = ("base", "strong")
    roles = {
        name: Binding(
            model=str(pocket.checkpoint(name)), dtype="float32", templates=str(pocket.TEMPLATES)
        )
        for name in names
    }
    return Context(
        recipe="first_error",
        stage=stage,
        refresh="1",
        roles=roles,
        journal=folder / "journal.sqlite",
        models=folder,
        checks={"pocket": "pocket.check"},
    )


def problems(count: int) -> pl.DataFrame:
    """Held-out problems of eight operations."""
    source = pocket.Problems(split="held_out", operations=(8, 8))
    records = [
        {**one, "prompt_id": prompt_id(one["messages"])} for one in islice(source.prompts(), count)
    ]
    return rows(Prompts, records)


def solutions(prompts: pl.DataFrame, writer: str, folder: Path, *, n: int) -> Tables:
    """Solutions of a writer, cut into lines, with the truth about their steps."""
    tables = {"prompts": prompts}
    drawn = Sample(model=writer, n=n).run(tables, context(folder, f"{writer} writes"))
    tables["sampled"] = drawn.kept
    cut = Segment(of="sampled", model=writer).run(tables, context(folder, "cut"))
    tables["responses"] = cut.kept
    tables["truth"] = StepVerifier().run(tables, context(folder, "truth")).kept
    return tables


def wrong(tables: Tables) -> Tables:
    """Only the solutions that answer wrongly, have a wrong step, and at least `STEPS` steps."""
    responses = tables["responses"]
    right = right_responses(responses, tables["prompts"], {"pocket": "pocket.check"})
    known = first_errors(tables["truth"], None).filter(pl.col("found") != NONE)
    kept = (
        responses.filter(pl.Series([one is False for one in right]))
        .filter(pl.col("steps").list.len() >= STEPS)
        .join(known.select("response_id"), on="response_id", how="semi")
    )
    truth = tables["truth"].join(kept.select("response_id"), on="response_id", how="semi")
    return {**tables, "responses": kept, "truth": truth}


def accuracy(tables: Tables, stage: str) -> tuple[float, float, float]:
    """The share of first errors that a stage found, with its interval."""
    measure = StepLabelAccuracy(of=stage, control=stage, truth="truth")
    nothing = tables["truth"].with_columns(value=pl.lit(None, pl.Float64))
    found = measure.figures(
        tables, {**tables, stage: nothing.filter(pl.col("step").is_null())}, checks={}
    )
    return found.measured, found.low, found.high


def percent(share: float) -> float:
    """A share in [0, 1], in percent."""
    return 100 * share


def searched(tables: Tables, writer: str, folder: Path) -> list[dict[str, Any]]:
    """What each search found of the wrong solutions, and what it asked for."""
    asked: dict[str, float] = {}
    entries: list[dict[str, Any]] = []
    count = tables["responses"].height
    for name, search in SEARCHES.items():
        split = search.run(tables, context(folder, f"{writer}: {name}"))
        tables[name] = split.kept
        asked[name] = float(split.report.findings["rollouts a solution"])
        share, low, high = accuracy(tables, name)
        entries.append(
            line(
                f"first errors found of {count} wrong solutions of {writer}, {name} "
                f"[{low:.1%}, {high:.1%}]",
                percent(share),
                "%",
            )
        )
    for name, against in (
        ("halves", "brute"),
        ("brute, adaptive", "brute"),
        ("halves, adaptive", "halves"),
        ("halves, threshold 0", "brute, threshold 0"),
    ):
        what = f"rollouts a wrong solution of {writer}, {name}"
        entries.append(line(what, asked[name], "rollouts", asked[against], peer=against))
        measure = StepLabelAccuracy(of=name, control=against, truth="truth")
        found = measure.figures(tables, tables, checks={})
        what = (
            f"first errors of {writer}, {name} against {against}, difference "
            f"{percent(found.measured - (found.control or 0)):+.1f} points "
            f"[{percent(found.low):+.1f}, {percent(found.high):+.1f}]"
        )
        entries.append(
            line(what, percent(found.measured), "%", percent(found.control or 0), peer=against)
        )
    return entries


def agreed(tables: Tables, writer: str, prover: str, folder: Path) -> list[dict[str, Any]]:
    """Labels of all solutions on which rollouts and a judge agree, beside those of either."""
    search = FirstError(model=prover, by="binary", k=K, threshold=LUCK)
    rolled = search.run(tables, context(folder, f"{writer}: all by rollouts of {prover}")).kept
    named = FirstError(model="strong", by="judge").run(
        tables, context(folder, f"{writer}: all by a judge")
    )
    tables = {**tables, "rolled": rolled, "named": named.kept}
    for stage in ("rolled", "named"):
        labels = LabelSteps(by=stage, rule="first_error").run(tables)
        tables[f"{stage} labels"] = labels.kept
    tables["consensus"] = ConsensusSteps(of="rolled labels", by="named").run(tables).kept
    entries = []
    for stage, source in (
        ("rolled labels", f"rollouts of {prover}"),
        ("named labels", "the judge"),
    ):
        measure = StepLabelAccuracy(of="consensus", control=stage, truth="truth", solutions="all")
        found = measure.figures(tables, tables, checks={})
        kept = tables["consensus"].height / tables["responses"].height
        what = (
            f"labelled solutions of {writer} whose first error is true, consensus of rollouts of "
            f"{prover} and the judge (keeps {kept:.0%}) against {source}, difference "
            f"[{percent(found.low):+.1f}, {percent(found.high):+.1f}] points"
        )
        entries.append(
            line(what, percent(found.measured), "%", percent(found.control or 0), peer=source)
        )
    return entries


def line(
    what: str, ours: float, unit: str, theirs: float | None = None, *, peer: str | None = None
) -> dict[str, Any]:
    """One line of the results; a share that has no peer is told beside the whole."""
    if theirs is None:
        theirs, peer = 100.0, "limit: all of them"
    return entry(what, ours, unit, theirs, peer=peer, command=COMMAND)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--samples", type=int, default=4)
    arguments = parser.parse_args()
    entries: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prompts = problems(arguments.prompts)
        for writer in ("base", "strong"):
            tables = solutions(prompts, writer, folder, n=arguments.samples)
            entries += searched(wrong(tables), writer, folder)
            for prover in dict.fromkeys((writer, "strong")):
                entries += agreed(tables, writer, prover, folder)
    about = f"First errors on pocket problems of 8 operations, prover strong, k {K}."
    print(write("first_error", about, entries))


if __name__ == "__main__":
    main()
