"""Operators that say that they look at one prompt at a time give the same rows in parts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import filters
from annotators import ItemAnswers, JudgingItems
from assets.execution import by_parts
from assets.execution.by_parts import parts_of, rows_of_part
from assets.project.recipe_plan import Stage
from engines.bindings import Binding
from engines.opening import open_engine
from engines.operators.row_operator import RowOperator
from filters.filter import Filter
from generators import OmegaPRM, Segment, TreeSearch
from schemas import (
    Operator,
    Responses,
    StageReport,
    columns,
)
from tests.assets.execution.random_tables import World, world
from tests.generators.searched import Hopes, searching

OF: dict[str, Any] = {"of": "responses", "by": "scores"}
EDITED: dict[str, Any] = {"of": "edited", "originals": "responses"}
FILTERS: Sequence[Filter] = [
    filters.AggregateSteps(of="scores"),
    filters.AgreeingCriteria(of="scores", pairs="pairs", by="scores"),
    filters.AnnotatorPairs(**OF),
    filters.Balance(of="responses", per_prompt=2),
    filters.Balance(of="responses", per_source=4),
    filters.BalanceSteps(of="labels"),
    filters.Best(**OF, n=2),
    filters.Best(**OF, at_least=0.5, cut="keep"),
    *(filters.BestWorst(**OF, against=against) for against in ("worst", "second", "random")),
    filters.BestWorst(**OF, length_penalty=0.01, cut="keep"),
    filters.BestWorst(**OF, min_standard_margin=0.1),
    filters.BestWorst(**OF, weight=filters.RankAgreement(of=("scores", "others"))),
    filters.BestWorst(**OF, weight=filters.RankAgreement(of=("scores", "others"), scope="dataset")),
    filters.BoundedReward(of="scores"),
    filters.BranchPairs(of="nodes"),
    *(filters.ByRank(**OF, keep=keep) for keep in ("best", "best_worst", "best_random")),
    filters.ByRank(**OF, keep="outside", band=(0.25, 0.75)),
    filters.CombineScores(of=("scores", "others"), rule="sum"),
    filters.Conditioned(of="pairs", by="scores", template="{condition}", decimals=2),
    filters.Conditioned(of="demonstrations", by="scores", template="{condition}"),
    filters.Conditioned(of="demonstrations", source_of="prompts", template="{condition}"),
    filters.ConsensusSteps(of="labels", by="index"),
    filters.ContrastPairs(of="responses", at_least=0.3),
    filters.Conversations(of="edited", after=("responses",), asked=("again",)),
    filters.ConvexAugmentation(of="pairs", share=0.5),
    filters.Decontaminate(of="prompts", against=("others",)),
    filters.Deduplicate(of="responses", scope="prompt"),
    filters.Diverse(of="responses", n=3),
    filters.EditedPairs(**EDITED, by="scores", originals_by="others", most_changed=1, right=0.5),
    filters.FirstWrongStep(of="scores"),
    filters.FocusSteps(of="labels", last=2),
    filters.FocusSteps(of="responses"),
    filters.Fold(of="responses", fold=1),
    filters.GradedPairs(**EDITED),
    filters.GradedPairs(**EDITED, pairs="all", cut="keep"),
    filters.Imitate(of="responses"),
    filters.JoinReasoning(of="responses"),
    *(
        filters.LabelSteps(**OF, rule=rule, threshold=0.3)
        for rule in ("hard", "soft", "signed", "logmeanexp", "optimal", "advantage", "progress")
    ),
    filters.LabelSteps(of="responses", by="index", rule="first_error", after="wrong"),
    filters.LabelSteps(**OF, rule="advantage", prover="others", after="null"),
    filters.Language(of="responses", languages=("en",), among=("en", "de"), low_accuracy=True),
    filters.LengthBias(of="pairs"),
    filters.LowestStep(of="scores"),
    filters.MajorityVote(of="responses", answer="(two|no)"),
    filters.MajorityVote(of="responses", by="scores", answer="(two|no)", cut="read"),
    filters.MergeSteps(of="labels"),
    filters.MinimumMargin(of="pairs", at_least=0.3),
    filters.MinimumMargin(of="pairs", at_least=0.3, by="others"),
    filters.Mixture(of=("demonstrations", "demonstrations_2"), share=0.5),
    filters.ParentScores(of="responses", texts="edited", by="scores"),
    filters.PreferenceStrength(of="pairs", by=("scores", "others")),
    filters.PrefixValues(of="nodes"),
    filters.PrefixValues(of="nodes", values="ends", right_above=0.5),
    filters.PrinciplePairs(**OF, principles="principles", cut="keep"),
    filters.PromptValues(**OF),
    filters.PromptsBy(by="scores", at_least=0.3, at_most=0.8),
    filters.PromptsBy(by="scores", lowest=3),
    filters.RandomPairs(of="responses"),
    filters.RankedTraces(of="nodes", most=2),
    filters.Refusals(of="responses"),
    filters.Refusals(of="pairs", side="either"),
    filters.Repetition(of="responses", max_word_run=3),
    filters.Repetition(of="demonstrations", max_duplicate_lines=0.1, max_duplicate_ngrams=0.1),
    filters.RevisedRubric(of=("ours", "rules"), pairs="pairs", before="scores", after="others"),
    filters.SemanticDuplicates(of="responses", embedder="none"),
    filters.SiblingPairs(of="nodes", along="visits", confidence=True),
    filters.SiblingPairs(of="nodes", against="next"),
    filters.StepPairs(of="edited", wrong="responses", by="index", chosen="answer"),
    filters.StepProgress(of="scores"),
    filters.Threshold(**OF, at_least=0.3, at_most=0.8),
    filters.TokenWeights(of="pairs", by="tokens"),
    filters.Transcripts(of="edited", after=("responses",), asked=("again",)),
    filters.Traces(of="nodes", at_least=0.25, most=2),
    filters.TreeAnswers(of="nodes"),
    filters.Uncertainty(of="pairs", by="scores"),
    filters.Union(of=("responses", "edited")),
    filters.Versus(of="responses", against="edited"),
    filters.Versus(**OF, against="edited", against_by="others", min_margin=0.1),
    filters.ViewsAgreement(of="pairs", probabilities=("scores", "others")),
    filters.ViewsAgreement(of="pairs", views=("scores", "others")),
]
WHOLE = {
    "AgreeingCriteria",
    "BalanceSteps",
    "CombineScores",
    "ContrastPairs",
    "Decontaminate",
    "Deduplicate",
    "Diverse",
    "Fold",
    "LengthBias",
    "MergeSteps",
    "Mixture",
    "PreferenceStrength",
    "PrinciplePairs",
    "RevisedRubric",
    "SemanticDuplicates",
    "Uncertainty",
    "Union",
}
"""Filters that look at all rows, or read or write tables that are not of prompts in their order."""


def test_every_filter_is_tried_here() -> None:
    named = (getattr(filters, name) for name in filters.__all__)
    known = {each for each in named if isinstance(each, type) and issubclass(each, Filter)}
    assert known - {Filter} == {type(each) for each in FILTERS}
    declared = {type(each).__name__ for each in FILTERS if each.by_prompt}
    assert {type(each).__name__ for each in FILTERS} - declared == WHOLE


def split_up(operator: Operator, tables: World, monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """The tables of each part, of two prompts."""
    read = {name: tables[name] for name in {each.stage for each in operator.inputs()}}
    monkeypatch.setattr(by_parts, "PROMPTS", 2)
    stage = Stage("made", operator, operator.gives or Responses, tuple(read))
    parts = parts_of(stage, read)
    assert len(parts) > 1
    return [rows_of_part(read, ids) for ids in parts]


def assert_same_rows(parts: Sequence[Any], whole: Any) -> None:
    assert_frame_equal(pl.concat(part.kept for part in parts), whole.kept)
    order = ["row_id", "reason", "numbers"]
    dropped = pl.concat(part.dropped for part in parts)
    assert_frame_equal(dropped.sort(order), whole.dropped.sort(order))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "operator",
    [each for each in FILTERS if each.by_prompt],
    ids=lambda each: f"{type(each).__name__}-{FILTERS.index(each)}",
)
def test_a_filter_of_one_prompt_gives_the_same_in_parts(
    operator: Filter, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = world(seed)
    whole = operator.run(tables)
    parts = [operator.run(part) for part in split_up(operator, tables, monkeypatch)]
    assert_same_rows(parts, whole)


def test_the_tables_try_every_filter() -> None:
    """Each keeps and drops rows of some table, so that none is equal because it is empty; one only
    adds rows."""
    kept, dropped = Counter[str](), Counter[str]()
    for seed in range(3):
        tables = world(seed)
        for operator in FILTERS:
            if operator.by_prompt:
                split = operator.run(tables)
                kept[type(operator).__name__] += split.kept.height
                dropped[type(operator).__name__] += split.dropped.height
    assert dropped.pop("ConvexAugmentation") == 0
    for counts in (kept, dropped):
        assert all(counts.values()), counts


SEARCHES: Sequence[RowOperator] = [
    TreeSearch(simulations=6),
    TreeSearch(simulations=6, scorer=Hopes(), outcome=0.5),
    OmegaPRM(k=3, searches=4),
]


@pytest.mark.parametrize("number", range(len(SEARCHES)))
def test_searches_give_the_same_in_parts(
    number: int, stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stand.prompts("one", "two", "a single letter", "too long", "five")
    in_parts(SEARCHES[number], {"prompts": asked}, searching(stand), monkeypatch)


@pytest.mark.parametrize(
    "operator",
    [
        JudgingItems(of="responses", truth="scores"),
        ItemAnswers(of="edited", drafts="responses"),
    ],
)
def test_judging_items_are_the_same_in_parts(
    operator: RowOperator, stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts(operator, world(0), stand.context(), monkeypatch)


@pytest.mark.parametrize(
    ("operator", "parts"),
    [
        (Segment(), True),
        (Segment(by="confidence", below=0.02), True),
        (Segment(by="confidence"), False),
    ],
)
def test_segments_are_the_same_in_parts(
    operator: Segment,
    parts: bool,
    stand: Any,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert operator.by_prompt == parts
    roles = {"policy": Binding(model=str(tiny_model), dtype="float32", device="cpu")}
    context = stand.context(roles=roles, open_engine=open_engine)
    if parts:
        in_parts(operator, world(1), context, monkeypatch)


def in_parts(
    operator: RowOperator, tables: World, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows and its findings, by one session."""
    whole = operator.run(tables, context)
    read = split_up(operator, tables, monkeypatch)
    found = StageReport()
    with operator.session(read[0], context) as session:
        parts = [operator.rows_of(part, session) for part in read]
    for part in parts:
        found += part.report
    assert_same_rows(parts, whole)
    assert list(whole.kept.columns) == list(columns(operator.gives))
    assert (found + operator.report(session)).findings == whole.report.findings
