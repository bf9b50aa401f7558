"""The report of a dataset: one page that tells all of it, asks no network, and runs no text."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.report.encoding import packed
from assets.report.page import dataset_report
from assets.report.row_browser import interned
from assets.report.traces import without
from assets.review.decisions import Decision, Decisions, Verdict
from assets.storage.tables import Tables
from tests.assets.reported import (
    LONG,
    PAIRS,
    REFRESH,
    SCRIPT,
    write_demonstrations,
    write_judged,
    write_nothing,
    write_pairs,
    write_scored_steps,
    write_solutions,
    write_step_pairs,
    write_trees,
)


class Page(HTMLParser):
    """What a browser would see of a page: its texts, its elements, its data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "input"):
            self._open.append(dict(attributes).get("id") or tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        where = self._open[-1] if self._open else ""
        self.inside[where] = self.inside.get(where, "") + data
        if where not in ("script", "style", "data"):
            self.text += data

    def rows(self) -> tuple[dict[str, Any], list[str]]:
        """The columns and the texts that the page's script is given."""
        return unpacked(self.inside["data"])


def unpacked(text: str) -> tuple[dict[str, Any], list[str]]:
    zipped = b"".join(base64.b64decode(line) for line in text.split())
    columns, *batches = (json.loads(line) for line in gzip.decompress(zipped).split(b"\n"))
    return columns, [text for batch in batches for text in batch]


def report(workshop: Any, name: str, stage: str | None = None, **more: Any) -> Page:
    return Page(dataset_report(workshop.project(), name, stage, **more).html)


def test_pairs_are_told_with_everything_about_them(workshop: Any) -> None:
    write_pairs(workshop, "many", 20)
    page = report(workshop, "many")
    for told in (
        "A paper",
        "It helps",
        "3 all equal",
        "20 kept",
        "23 in",
        "90.0 %",
        "Agreement between annotators",
        "CC0-1.0",
        "sha:0123",
        f"factory run many --refresh {REFRESH} --rows 23",
        "filters.BestWorst",
    ):
        assert told in page.text
    columns, texts = page.rows()
    assert columns["kind"] == "pairs"
    assert len(columns["ids"]) == 20
    label = next(choice for choice in columns["choices"] if choice["name"] == "label")
    told = [label["options"][value] for value in label["values"]]
    assert (told.count("right"), told.count("wrong")) == (18, 2)
    assert columns["scores"]["right"]["chosen"].count(1) == 18
    assert texts[columns["prompts"][4]].startswith("Ivy starts with 14 pears")


def test_annotators_that_rank_alike_agree(workshop: Any) -> None:
    # The verifier is the truth here, so all prompts say 1.
    write_pairs(workshop, "many", 20)
    page = report(workshop, "many")
    assert "+1.00" in page.text
    assert "23 prompts" in page.text


def test_people_who_reviewed_are_told_of(workshop: Any) -> None:
    write_pairs(workshop, "many", 20)
    assert "Agreement with people" not in report(workshop, "many").text
    project = workshop.project()
    pairs = Tables(project.settings.root_path).read(("many", "pairs"), REFRESH)
    kept = Decisions(project.settings.reviews_path, "many", "ann")
    for number, (pair, better, worse) in enumerate(
        pairs.select("pair_id", "chosen_id", "rejected_id").head(4).iter_rows()
    ):
        verdict: Verdict = "accept" if number else "flip"
        kept.add(
            Decision(pair, better, worse, verdict, "many", REFRESH, "chosen", 0, "2026-11-20T12:00")
        )
    page = report(workshop, "many")
    assert "Agreement with people" in page.text
    assert "75.0 %" in page.text


def test_the_place_of_a_first_error_is_drawn_as_a_place_and_compared_as_no_score(
    workshop: Any,
) -> None:
    write_step_pairs(workshop, "placed", 4)
    page = report(workshop, "placed")
    assert "first wrong step by errors, from 1" in page.text
    assert "score by errors" not in page.text
    assert "Agreement between annotators" not in page.text


def test_solutions_have_their_steps_and_what_is_true_of_them(workshop: Any) -> None:
    write_solutions(workshop, "solved", 4)
    page = report(workshop, "solved")
    columns, texts = page.rows()
    assert columns["kind"] == "solutions"
    steps = columns["steps"]
    assert steps["labels"] == [[True, True, None], [True, False, None]] * 2
    assert steps["values"][1] == [1, 0, None]
    # JavaScript counts a face as two.
    solution = texts[columns["sides"]["solution"][0]].encode("utf-16-le")
    assert solution[: 2 * steps["lengths"][0][0]].decode("utf-16-le").endswith("🙂\n")
    assert 2 * sum(steps["lengths"][0]) == len(solution)
    assert columns["numbers"]["first wrong step"] == [None, 2] * 2


def test_a_few_of_the_trees_that_solutions_are_from_are_drawn(workshop: Any) -> None:
    write_solutions(workshop, "solved", 4)
    assert "Search trees" not in report(workshop, "solved").text
    write_trees(workshop, "grown", 5, said=SCRIPT)
    html = dataset_report(workshop.project(), "grown").html
    page = Page(html)
    assert "3 of 5 trees, refresh 2026-11-01" in page.text
    assert page.text.count("4 nodes, 2 ends: 1 right, 1 wrong") == 3
    for told in ("Ivy starts with 10 pears", "First 20 + 0 = 20.", "✓ right", "✗ wrong"):
        assert told in page.text
    # The text of a step is text, and is drawn by the page's one style.
    assert SCRIPT[:20] in page.text
    assert SCRIPT not in html
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (2, 1, 0)
    drawn = [attributes for tag, attributes in page.elements if tag in ("rect", "path", "text")]
    assert drawn
    assert not [attributes for attributes in drawn if {"style", "fill"} & set(attributes)]


def test_demonstrations_and_responses_are_browsed_too(workshop: Any) -> None:
    write_demonstrations(workshop, "shown", 4)
    columns, texts = report(workshop, "shown").rows()
    assert columns["kind"] == "demonstrations"
    assert columns["right"]["answer"] == [True, False] * 2
    assert texts[columns["sides"]["answer"][0]] == "Answer: 20"
    write_pairs(workshop, "many", 4)
    columns, _ = report(workshop, "many", "responses").rows()
    assert columns["kind"] == "responses"
    assert len(columns["ids"]) == 14
    assert set(columns["numbers"]) == {"tokens", "right", "likely"}


def test_text_of_a_model_is_text(workshop: Any) -> None:
    write_pairs(workshop, "many", 8, said=[SCRIPT, LONG, "</script><!-- ", "\u2028 & <b>"], drop=8)
    html = dataset_report(workshop.project(), "many").html
    assert SCRIPT not in html
    page = Page(html)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not [tag for tag, _ in page.elements if tag == "img"]
    columns, texts = page.rows()
    said = [texts[index] for index in columns["sides"]["chosen"][:4]]
    assert said == [SCRIPT, LONG, "</script><!-- ", "\u2028 & <b>"]
    assert len(LONG) == 10_000


def test_a_dropped_row_is_shown_as_text_and_cut(workshop: Any) -> None:
    write_pairs(workshop, "many", 2, drop=2)
    page = report(workshop, "many")
    assert "How many pears does Ivy have now?" in page.text
    assert [tag for tag, _ in page.elements].count("blockquote") == 2


def test_a_page_needs_no_network_and_its_policy_forbids_it(workshop: Any) -> None:
    write_pairs(workshop, "many", 4)
    workshop.recipe(
        "many",
        PAIRS,
        paper={"arxiv": "2405.07863", "title": "A paper", "code": "https://example.org/code"},
    )
    html = dataset_report(workshop.project(), "many").html
    page = Page(html)
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}
    assert {"https://arxiv.org/abs/2405.07863", "https://example.org/code"} <= links
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "action", "data", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "link":
            assert attributes["href"] == "data:,"
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|innerHTML|\beval\(", html)
    policy = next(
        attributes["content"] or ""
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for place in ("script", "style"):
        digest = hashlib.sha256(page.inside[place].encode()).digest()
        assert f"{place}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_all_refreshes_are_told_of_or_the_one_asked_for(workshop: Any) -> None:
    write_pairs(workshop, "many", 4)
    write_pairs(workshop, "many", 6, refresh="2026-11-02")
    columns, _ = report(workshop, "many").rows()
    refresh = next(choice for choice in columns["choices"] if choice["name"] == "refresh")
    assert refresh["options"] == ["2026-11-01", "2026-11-02"]
    assert refresh["values"] == [0] * 4 + [1] * 6
    columns, _ = report(workshop, "many", refresh="2026-11-02").rows()
    assert len(columns["ids"]) == 6


def test_the_same_tables_give_the_same_page(workshop: Any) -> None:
    write_pairs(workshop, "many", 4)
    project = workshop.project()
    assert dataset_report(project, "many").html == dataset_report(project, "many").html


def test_a_claim_that_was_measured_is_told_with_its_figure(workshop: Any) -> None:
    write_pairs(workshop, "many", 4)
    assert "It was not measured." in report(workshop, "many").text
    measure = {"use": "claims.LabelAccuracy", "of": "pairs", "control": "pairs"}
    workshop.recipe("many", PAIRS, measure=measure)
    page = report(workshop, "many")
    # It is compared with itself.
    assert "undecided" in page.text
    assert f"this data, refresh {REFRESH}" in page.text


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ("nothing", "nothing/pairs kept no row at 2026-11-01"),
        ("random_pairs/policy", "stages that can be reported: responses, pairs"),
        ("nothing/pears", "has no stage 'pears'; did you mean 'pairs'?"),
        ("random_pairs", "has no rows yet; make them: factory run random_pairs"),
        ("nothin", "did you mean 'nothing'"),
    ],
)
def test_what_cannot_be_reported_is_explained(
    workshop: Any, tmp_path: Path, dataset: str, told: str
) -> None:
    write_nothing(workshop, "nothing")
    out = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", dataset, "--out", str(out)])
    assert done.exit_code == 1
    assert told in done.stderr
    assert not out.exists()


def test_a_refresh_that_is_not_there_is_explained(workshop: Any) -> None:
    write_pairs(workshop, "many", 2)
    with pytest.raises(FactoryError, match=r"no refresh 2026-11-03; did you mean '2026-11-01'\?"):
        dataset_report(workshop.project(), "many", refresh="2026-11-03")


def test_the_command_says_where_the_page_lies(workshop: Any) -> None:
    write_pairs(workshop, "many", 2)
    done = CliRunner().invoke(app, ["report", "many"])
    assert done.exit_code == 0, done.output
    assert "2 pairs of refresh 2026-11-01" in done.stdout
    assert (workshop.folder / "data" / "reports" / "many-pairs.html").read_text().startswith("<!")


def test_a_report_of_a_real_run(ran: Any) -> None:
    workshop, outcome = ran
    page = report(workshop, "first")
    assert f"{outcome.stages['pairs']['kept']} kept" in page.text
    assert "trainers.DPO" in page.text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_come_through_packing_as_they_are(texts: list[str]) -> None:
    data = packed({"kind": "pairs"}, texts)
    assert unpacked(data) == ({"kind": "pairs"}, texts)
    assert not set("<>&\"'") & set(data)


def test_scores_are_beside_the_response_and_the_step(workshop: Any) -> None:
    write_scored_steps(workshop, "stepwise", 2)
    columns, texts = report(workshop, "stepwise", "values").rows()
    sides = {name: [texts[index] for index in side] for name, side in columns["sides"].items()}
    assert sides["step"] == [
        text.splitlines(keepends=True)[number % 2] for number, text in enumerate(sides["response"])
    ]
    assert sides["said"] == ["0/2", "1/2"] * 2
    assert columns["numbers"]["score"] == [0, 0.5] * 2


def test_nodes_have_their_step_and_what_is_before_it(workshop: Any) -> None:
    write_trees(workshop, "searched", 1, said="Something else.")
    columns, texts = report(workshop, "searched", "trees").rows()
    steps, after = (
        [texts[index] for index in columns["sides"][name]] for name in ("step", "after")
    )
    assert steps[0] == "the root"
    assert after[2] == steps[1]


@pytest.mark.parametrize(("stage", "kind"), [("validated", "evaluations"), ("prompts", "prompts")])
def test_evaluations_and_prompts_have_their_text(workshop: Any, stage: str, kind: str) -> None:
    write_scored_steps(workshop, "stepwise", 2)
    columns, texts = report(workshop, "stepwise", stage).rows()
    assert columns["kind"] == kind
    assert all("pears" in texts[index] for index in columns["prompts"])


def test_scores_of_tokens_and_criteria_are_beside_what_they_are_about(workshop: Any) -> None:
    write_judged(workshop, "judged", 2)
    columns, texts = report(workshop, "judged", "tokens").rows()
    sides = {name: [texts[index] for index in side] for name, side in columns["sides"].items()}
    assert sides["response"] == ["Answer: 20", "Answer: 22"]
    assert sides["tokens"][0] == "+0.5 ' 20'\n-0.25 'Answer:'"
    columns, texts = report(workshop, "judged", "rubric").rows()
    prompts = [texts[index] for index in columns["prompts"]]
    assert ["pears" in prompt for prompt in prompts] == [True, True, False]
    assert prompts[2] == "all prompts"
    criteria = [texts[index] for index in columns["sides"]["criterion"]]
    assert criteria == [f"Says {number}. <b>" for number in range(3)]


def test_a_row_is_traced_without_holding_its_texts_again(workshop: Any) -> None:
    write_pairs(workshop, "many", 3, said=[SCRIPT])
    page = report(workshop, "many")
    columns, texts = page.rows()
    titles = [title for title, _ in columns["traces"][0]]
    assert titles == ["chosen: made by responses", "rejected: made by responses"]
    _, parts = columns["traces"][0][0]
    told = "".join(texts[part] if isinstance(part, int) else part for part in parts)
    assert "generators.Sample" in told
    assert "seed 1" in told


def test_a_question_refers_to_the_texts_of_the_page() -> None:
    texts = ["the long text of a prompt", "the long text of an answer"]
    known = {text: index for index, text in enumerate(texts)}
    parts = without(f"Q: {texts[0]} A: {texts[1]}?", known, interned(texts))
    assert [part for part in parts if part in (0, 1)] == [0, 1]
    assert "".join(texts[int(part)] for part in parts) == f"Q: {texts[0]} A: {texts[1]}?"
