"""What a report tells about criteria: scores by each, how far each agrees with the labels, what
rules were found in, and how a rubric was rewritten."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from annotators import Criteria as CriteriaAnnotator
from annotators import CriteriaJudge
from assets.project.recipe_plan import Stage
from assets.report.report_data import ReportData
from assets.review.agreement import WithPeople
from filters.scores.agreeing_criteria import agreement
from kernels.intervals import wilson_interval
from schemas import Criteria, Pairs, Responses

MOST = 100
"""The most criteria of a stage that are shown, those with the most scores."""
EXAMPLES = 3
"""The most texts that are shown as evidence for a criterion."""


@dataclass(frozen=True)
class CriterionScores:
    """The scores of ``responses`` responses by a criterion in ``stage``: their ``mean``, and the
    share ``agrees`` of ``pairs`` pairs whose chosen response has the higher score, a tie counting
    half; None if no pair has both scores."""

    stage: str
    name: str
    text: str
    responses: int
    mean: float
    agrees: float | None
    pairs: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of ``agrees`` (Wilson 1927)."""
        if self.agrees is None:
            return None
        return wilson_interval(self.agrees * self.pairs, self.pairs)


@dataclass(frozen=True)
class Evidence:
    """A criterion that a stage wrote: from how many texts (``found_in``), some of these, and the
    ``candidates`` that it was merged from, if that is known."""

    text: str
    found_in: int
    examples: Sequence[str]
    candidates: Sequence[str]


@dataclass(frozen=True)
class Rewritten:
    """Two versions of a rubric. ``rows`` are name, text before and text after; None: it is not in
    that version."""

    rubric: str
    before: int
    after: int
    rows: Sequence[tuple[str, str | None, str | None]]


@dataclass(frozen=True)
class CriteriaFigures:
    """``labels`` is the stage of the pairs that the scores are compared with; None if there is
    none."""

    labels: str | None
    scores: Sequence[CriterionScores]
    evidence: Sequence[Evidence]
    rewritten: Sequence[Rewritten]

    def __bool__(self) -> bool:
        return bool(self.scores or self.evidence or self.rewritten)


def criteria_figures(data: ReportData) -> CriteriaFigures:
    """The figures of a report's criteria; false if it has none."""
    tables = [data.rows(name) for name in data.giving(Criteria)]
    stated = (
        pl.concat(tables).unique("criterion_id", keep="first", maintain_order=True)
        if tables
        else None
    )
    texts = (
        {} if stated is None else dict(stated.select("criterion_id", _criterion_text()).iter_rows())
    )
    stages = [
        stage
        for stage in data.stages
        if isinstance(stage.operator, CriteriaAnnotator | CriteriaJudge) and data.ran(stage.name)
    ]
    values = {stage.name: _values(data, stage) for stage in stages}
    labels = _labels(data, values)
    pairs = None if labels is None else data.rows(labels, "chosen_id", "rejected_id")
    scores = [one for name, frame in values.items() for one in _scores(name, frame, pairs, texts)]
    if stated is None:
        return CriteriaFigures(labels, scores, (), ())
    rewritten = {(one.rubric, one.before): one for table in tables for one in _rewritten(table)}
    return CriteriaFigures(labels, scores, _evidence(data, stated), list(rewritten.values()))


def by_people(
    scores: Sequence[CriterionScores], people: Sequence[WithPeople]
) -> dict[tuple[str, str], tuple[WithPeople, bool]]:
    """How far each criterion, by its stage and name, agrees with people, and whether that is the
    agreement of one score of all criteria of the stage.

    Args:
        scores: The criteria.
        people: The agreement with people of each annotator (`assets.review.agreement`).
    """
    by_annotator = {each.annotator: each for each in people}
    criteria = Counter(each.stage for each in scores)
    agreements: dict[tuple[str, str], tuple[WithPeople, bool]] = {}
    for each in scores:
        own = by_annotator.get(f"{each.stage} · {each.name}")
        # A stage with one annotator has its score under the name of the stage alone.
        person = own or by_annotator.get(each.stage)
        if person is not None and person.decided:
            agreements[each.stage, each.name] = person, own is None and criteria[each.stage] > 1
    return agreements


def _criterion_text() -> pl.Expr:
    not_wanted = pl.when("negated").then(pl.lit("Not: ")).otherwise(pl.lit(""))
    return (not_wanted + pl.col("text")).alias("said")


def _values(data: ReportData, stage: Stage) -> pl.DataFrame:
    """``response_id``, ``criterion``, ``name``, ``said`` (null if the score does not tell) and
    ``value`` of each score by one criterion; of a score of all, that of each criterion in it."""
    columns_read = ("response_id", "step", "annotator", "value", "raw", "origin")
    rows = data.rows(stage.name, *columns_read).filter(pl.col("step").is_null())
    parents = pl.col("origin").struct.field("parents")
    if not isinstance(stage.operator, CriteriaAnnotator) or stage.operator.score_by == "criterion":
        criterion_text = pl.col("origin").struct.field("parameters").str.json_path_match("$.text")
        return rows.drop_nulls("value").select(
            "response_id",
            pl.coalesce(parents.list.first(), "annotator").alias("criterion"),
            pl.col("annotator").alias("name"),
            criterion_text.alias("said"),
            "value",
        )
    answered = [
        (response, criterion, item, item, answer)
        for response, criteria, raw in rows.select("response_id", parents, "raw").iter_rows()
        for criterion, item, answer in zip(criteria, *_answers(raw), strict=False)
        if answer is not None
    ]
    columns = ("response_id", "criterion", "name", "said")
    return pl.DataFrame(
        answered, schema={**dict.fromkeys(columns, pl.String), "value": pl.Float64}, orient="row"
    )


def _answers(raw: str | None) -> tuple[list[str], list[float | None]]:
    """The items of a score of all criteria, and the value by each."""
    record = json.loads(raw or "{}")
    return record.get("items", []), record.get("answers", [])


def _labels(data: ReportData, values: Mapping[str, pl.DataFrame]) -> str | None:
    """The stage of pairs that scores are compared with: the reported one, or the first whose sides
    have such scores."""
    if not values:
        return None
    scored = pl.concat([frame.select("response_id") for frame in values.values()])["response_id"]
    names = data.giving(Pairs)
    for name in sorted(names, key=lambda each: each != data.stage.name):
        if data.rows(name, "chosen_id")["chosen_id"].is_in(scored.implode()).any():
            return name
    return None


def _scores(
    stage: str, values: pl.DataFrame, pairs: pl.DataFrame | None, texts: Mapping[str, str]
) -> list[CriterionScores]:
    counted = values.group_by("criterion", maintain_order=True).agg(
        pl.col("name").first(), pl.col("said").first(), pl.len(), pl.col("value").sort().mean()
    )
    counted = counted.sort("len", descending=True, maintain_order=True).head(MOST)
    agreeing: dict[str, tuple[float, int]] = {}
    if pairs is not None:
        annotated = values.rename({"criterion": "annotator", "name": "short"})
        agreements = agreement(pairs, annotated.with_columns(step=pl.lit(None, pl.Int32)))
        agreeing = {name: (share, count) for name, share, count in agreements.iter_rows()}
    return [
        CriterionScores(
            stage,
            name,
            texts.get(criterion) or text or name,
            responses,
            mean,
            *agreeing.get(criterion, (None, 0)),
        )
        for criterion, name, text, responses, mean in counted.iter_rows()
    ]


def _evidence(data: ReportData, stated: pl.DataFrame) -> list[Evidence]:
    """The criteria whose parents are texts, those with the most first."""
    parents, parameters = (
        pl.col("origin").struct.field(name) for name in ("parents", "parameters")
    )
    # A proposal and the version of a rubric that was made from it are the same criterion.
    criteria = stated.select(_criterion_text(), parents, parameters).unique(maintain_order=True)
    parent_ids = criteria["parents"].explode().drop_nulls().alias("response_id").unique()
    stored = set(data.with_ids(Responses, parent_ids, "response_id")["response_id"])
    rows = [
        (text, [one for one in ids if one in stored], parameters_text)
        for text, ids, parameters_text in criteria.iter_rows()
    ]
    rows = sorted((each for each in rows if each[1]), key=lambda each: -len(each[1]))[:MOST]
    ids_shown = [one for _, ids, _ in rows for one in ids[:EXAMPLES]]
    responses = data.with_ids(
        Responses, pl.Series("response_id", ids_shown, dtype=pl.String), "text"
    )
    texts = dict(responses.select("response_id", "text").iter_rows())
    return [
        Evidence(
            text,
            len(ids),
            [texts[one] for one in ids[:EXAMPLES]],
            [one for one in json.loads(parameters_text).get("candidates", []) if one != text],
        )
        for text, ids, parameters_text in rows
    ]


def _rewritten(stated: pl.DataFrame) -> Iterator[Rewritten]:
    """The last two versions of each rubric for all prompts of which a stage has several. (Another
    stage may have a proposal for a version that was not taken.)"""
    shared = stated.filter(pl.col("prompt_id").is_null()).with_columns(_criterion_text())
    for (rubric,), rows in shared.group_by("rubric", maintain_order=True):
        *_, before, after = [0, *rows["version"].unique().sort()]
        if before == 0:
            continue
        old, new = (
            dict(rows.filter(version=version).select("name", "said").iter_rows())
            for version in (before, after)
        )
        yield Rewritten(
            str(rubric),
            before,
            after,
            [(name, old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))],
        )
