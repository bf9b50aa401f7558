"""Segment: steps that joined are the text, cut by line, by pattern or by confidence."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from engines.bindings import Binding
from engines.chat.tokenizer import tokenizing
from engines.context import Context
from engines.opening import open_engine
from generators import Segment
from schemas import Responses, Split, columns


@pytest.fixture
def cut(stand: Any, answered: Any, tiny_model: Path) -> Any:
    """Segments texts, each the answer to one prompt, for a model of byte-level tokens."""

    def segment(operator: Segment, *texts: str, context: Context | None = None) -> Split:
        bound = context or segment.context()
        return operator.run(answered({"say it": list(texts)}), bound)

    def made(**changes: Any) -> Context:
        roles = {"policy": Binding(model=str(tiny_model), dtype="float32", device="cpu")}
        context: Context = stand.context(roles=roles, open_engine=open_engine, **changes)
        return context

    segment.context = made
    return segment


def steps(split: Split) -> list[list[str]]:
    return [
        [text[span["start"] : span["end"]] for span in found]
        for text, found in split.kept.select("text", "steps").iter_rows()
    ]


def test_a_transcript_is_not_cut(cut: Any, answered: Any) -> None:
    tables = answered({"say it": ["one\ntwo", "yes\n\nsure?\n\nno"]})
    spans = [("assistant", 0, 3), ("user", 3, 12), ("assistant", 12, 14)]
    turns = [dict(zip(("role", "start", "end"), span, strict=True)) for span in spans]
    column = pl.Series("turns", [None, turns], dtype=columns(Responses)["turns"])
    responses = tables["responses"].with_columns(column)
    split = Segment().run(tables | {"responses": responses}, cut.context())
    assert steps(split) == [["one\n", "two"]]
    assert split.dropped["reason"].to_list() == [
        "it is a transcript, and only an answer of one turn can be cut into steps"
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one\ntwo\nthree", ["one\n", "two\n", "three"]),
        ("one\n\n\ntwo\n", ["one\n\n\n", "two\n"]),
        ("\n\none\n \ntwo", ["\n\none\n \n", "two"]),
        ("one", ["one"]),
        ("one\none\none", ["one\n", "one\n", "one"]),
        ("café\nnaïve 😀\n", ["café\n", "naïve 😀\n"]),
    ],
)
def test_a_step_is_a_line_and_blank_lines_are_the_step_befores(
    cut: Any, text: str, wanted: list[str]
) -> None:
    assert steps(cut(Segment(), text)) == [wanted]


def test_steps_of_chat_answers(cut: Any) -> None:
    text = "So, e.g. 2.5. Then:\n1. One\n   more\n```\nStep 1\nStep 2\n```\n"
    code = "```\nStep 1\nStep 2\n```\n"
    assert steps(cut(Segment(by="paragraph"), text)) == [
        ["So, e.g. 2.5. Then:\n", "1. One\n   more\n", code]
    ]
    assert steps(cut(Segment(by="sentence"), text)) == [
        ["So, e.g. 2.5. ", "Then:\n", "1. One\n", "   more\n", code]
    ]
    by_pattern = Segment(by="pattern", pattern=r"^(?:Step )?\d")
    assert steps(cut(by_pattern, text)) == [["So, e.g. 2.5. Then:\n", f"1. One\n   more\n{code}"]]


def test_statements_that_cite_others_are_steps_and_so_is_the_answer(cut: Any) -> None:
    text = "I see.\n1. Ann has 3.\n#2. (by #1)\nSo 3.\n\nFinal answer: 3\n"
    assert steps(cut(Segment(by="premises"), text)) == [
        ["I see.\n", "1. Ann has 3.\n", "#2. (by #1)\nSo 3.\n\n", "Final answer: 3\n"]
    ]


@pytest.mark.parametrize("by", [{"by": "premises"}, {"by": "pattern", "pattern": r"^\d"}])
def test_a_step_that_begins_the_text_is_whole(cut: Any, by: Any) -> None:
    assert steps(cut(Segment(**by), "1. Ann.\n2. Bo.\n")) == [["1. Ann.\n", "2. Bo.\n"]]


def test_a_step_keeps_its_place_in_characters_and_tokens(cut: Any) -> None:
    split = cut(Segment(), "né\nb")
    assert split.kept["steps"].item().to_list() == [
        {"start": 0, "end": 3, "token_start": 0, "token_end": 4},
        {"start": 3, "end": 4, "token_start": 4, "token_end": 5},
    ]


def test_nothing_else_of_a_response_changes(cut: Any, answered: Any) -> None:
    before = answered({"say it": ["one\ntwo", "three"]})["responses"]
    split = cut(Segment(), "one\ntwo", "three")
    assert_frame_equal(split.kept.drop("steps"), before.drop("steps"))
    assert split.dropped.is_empty()


THOUGHT = "<think>\nfirst\nthen\n</think>\n\none\ntwo"


@pytest.mark.parametrize(
    ("within", "wanted"),
    [
        ("thought", ["<think>\nfirst\n", "then\n</think>\n\n", "one\ntwo"]),
        ("answer", ["<think>\nfirst\nthen\n</think>\n\n", "one\n", "two"]),
        ("both", ["<think>\nfirst\n", "then\n</think>\n\n", "one\n", "two"]),
    ],
)
def test_steps_are_cut_in_the_thought_or_in_the_answer(
    cut: Any, within: Any, wanted: list[str]
) -> None:
    assert steps(cut(Segment(within=within), THOUGHT)) == [wanted]


def test_a_response_without_a_thought_has_no_steps_in_it(cut: Any) -> None:
    split = cut(Segment(within="thought"), THOUGHT, "one\ntwo", "<think>\nhm\nand")
    assert [found[-1] for found in steps(split)] == ["one\ntwo", "and"]
    assert split.dropped.height == 1
    assert split.dropped["reason"][0].startswith("the text begins with no thought")


def test_a_step_begins_where_the_pattern_is_found(cut: Any) -> None:
    operator = Segment(by="pattern", pattern=r"^Step \d")
    text = "Think.\nStep 1: a\n- b\nStep 2: Step 3\n\nStep 4"
    assert steps(cut(operator, text, "no step")) == [
        ["Think.\n", "Step 1: a\n- b\n", "Step 2: Step 3\n\n", "Step 4"],
        ["no step"],
    ]


def test_what_has_no_words_before_the_first_step_belongs_to_it(cut: Any) -> None:
    assert steps(cut(Segment(by="pattern", pattern="Step"), "\n Step 1 Step 2")) == [
        ["\n Step 1 ", "Step 2"]
    ]


def confidences(folder: Path, prompt: str, text: str) -> list[float]:
    """The probability of each token of ``text``, from the logits of the whole chat."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    turns = [{"role": "user", "content": prompt}]
    before = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(before + text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    begin = len(tokenizer(before, add_special_tokens=False)["input_ids"])
    with torch.inference_mode():
        likely = model(ids).logits[0, :-1].softmax(-1)
    told = likely.gather(1, ids[0, 1:, None])[begin - 1 :, 0]
    return [float(value) for value in told]


def test_a_step_begins_with_a_token_that_the_model_was_unsure_of(
    cut: Any, tiny_model: Path
) -> None:
    texts = ("the quick brown fox", "jumps over the lazy dog", "again and again")
    sure = {text: confidences(tiny_model, "say it", text) for text in texts}
    everything = [value for values in sure.values() for value in values]
    below = float(torch.tensor(everything, dtype=torch.float64).quantile(0.25))
    split = cut(Segment(by="confidence", quantile=0.25), *texts)
    for text, found in zip(texts, steps(split), strict=True):
        begins = [0, *(n for n, value in enumerate(sure[text]) if n and value < below)]
        # A blank by itself is no step.
        wanted = [text[a:b] for a, b in zip(begins, [*begins[1:], len(text)], strict=True)]
        assert "".join(found) == "".join(wanted) == text
        assert len(found) == len(wanted) - sum(not one.strip() for one in wanted)


def test_the_threshold_is_of_all_responses_unless_it_is_given(cut: Any) -> None:
    texts = ("the quick brown fox", "jumps over the lazy dog")
    context = cut.context()
    by_share = cut(Segment(by="confidence", quantile=0.3), *texts, context=context)
    below = by_share.report.findings["cut below"]
    assert 0 < below < 1
    given_it = cut(Segment(by="confidence", below=below), *texts)
    assert steps(by_share) == steps(given_it)
    every = steps(cut(Segment(by="confidence", below=1), "fox"))
    assert every == [["f", "o", "x"]]


def test_what_cannot_be_scored_is_dropped_with_the_reason(cut: Any) -> None:
    split = cut(Segment(by="confidence"), "x" * 600, "short")
    assert split.kept["text"].to_list() == ["short"]
    assert split.dropped.select("row_id", "reason").rows() == [("say it-0", "not answered")]


def test_lines_are_cut_without_the_prompt_and_confidence_is_not(cut: Any, answered: Any) -> None:
    tables = answered({"say it": ["one\ntwo"]})
    tables["prompts"] = tables["prompts"].clear()
    assert Segment().run(tables, cut.context()).kept.height == 1
    split = Segment(by="confidence").run(tables, cut.context())
    assert split.kept.is_empty()
    assert split.dropped["reason"].to_list() == ["prompt not found"]


def test_what_does_not_go_together_is_refused() -> None:
    for wrong in (
        {"by": "pattern"},
        {"pattern": "Step"},
        {"by": "pattern", "pattern": "("},
        {"below": 0.1},
    ):
        with pytest.raises(ValidationError):
            Segment.model_validate(wrong)


text = st.text("ab \né", min_size=1, max_size=20).filter(str.strip)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(text, min_size=1, max_size=4), st.sampled_from(["line", "pattern"]))
def test_steps_tile_the_text_and_each_says_something(
    cut: Any, tiny_model: Path, texts: list[str], by: Any
) -> None:
    operator = Segment(by=by, pattern="a|é" if by == "pattern" else None)
    split = cut(operator, *texts)
    tokens = tokenizing(Binding(model=str(tiny_model)))
    assert split.kept["text"].to_list() == texts
    for text, found in zip(texts, split.kept["steps"].to_list(), strict=True):
        assert "".join(text[s["start"] : s["end"]] for s in found) == text
        assert all(text[s["start"] : s["end"]].strip() for s in found)
        whole = tokens.tokens(text).ids
        for span in found:
            assert tokens.tokens(text[: span["end"]]).ids == whole[: span["token_end"]]


@pytest.mark.parametrize("by", ["line", "confidence"])
def test_the_order_of_responses_changes_nothing(cut: Any, answered: Any, by: Any) -> None:
    tables = answered({"a": ["one\ntwo", "three four"], "b": ["five\nsix\nseven"]})
    operator = Segment(by=by, quantile=0.2)
    plain = operator.run(tables, cut.context()).kept
    tables["responses"] = tables["responses"].sort("response_id", descending=True)
    turned = operator.run(tables, cut.context()).kept
    assert_frame_equal(plain.sort("response_id"), turned.sort("response_id"))
