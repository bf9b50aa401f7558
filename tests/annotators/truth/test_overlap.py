"""Similarity of texts against slow versions, and against the library of the paper's authors."""

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from annotators import Overlap
from annotators.truth.overlap import common_length, rouge_l
from engines.context import Context
from schemas import Prompts, Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
words = st.lists(st.sampled_from(["a", "b", "c", "4", "cat"]), max_size=7)


def tables(prompts, **stages):
    """``prompts``: their references; each stage: for each prompt its texts."""
    asked = [
        {
            "prompt_id": prompt,
            "messages": [{"role": "user", "content": prompt}],
            "reference": reference,
            "source": "test",
            "source_revision": "1",
            "licence": "MIT",
        }
        for prompt, reference in prompts.items()
    ]
    told = {
        stage: [
            {
                "response_id": f"{stage}-{prompt}-{place}",
                "prompt_id": prompt,
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": ORIGIN,
            }
            for prompt, texts in of.items()
            for place, text in enumerate(texts)
        ]
        for stage, of in stages.items()
    }
    return {"prompts": rows(Prompts, asked)} | {
        stage: rows(Responses, each) for stage, each in told.items()
    }


def scores(tmp_path, tables, **options):
    context = Context(
        recipe="r",
        stage="overlap",
        refresh="1",
        roles={},
        journal=tmp_path / "journal.sqlite",
        models=Path(tmp_path),
        progress=False,
    )
    kept = Overlap(**options).run(tables, context).kept
    return [error or value for value, error in kept.select("value", "error").iter_rows()]


def slow_common(one, other):
    if not one or not other:
        return 0
    if one[-1] == other[-1]:
        return 1 + slow_common(one[:-1], other[:-1])
    return max(slow_common(one[:-1], other), slow_common(one, other[:-1]))


@given(words, words)
def test_the_longest_common_subsequence_is_that_of_a_recursion(one, other):
    assert common_length(one, other) == slow_common(one, other)


@given(words, words)
def test_rouge_l_is_that_of_rouge_score(one, other):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    text, reference = "! ".join(one).title(), ", ".join(other)
    assert rouge_l(text, reference) == pytest.approx(
        scorer.score(reference, text)["rougeL"].fmeasure
    )


def slow_bleu(text, references):
    """BLEU of words: clipped counts of n-grams that some reference has, a halved count for each
    order without any, the geometric mean, and the brevity penalty to the nearest length."""
    said, told = text.split(), [each.split() for each in references]
    precisions, halves = [], 1
    for n in range(1, min(4, len(said)) + 1):
        mine, theirs = (
            [Counter(tuple(w[i : i + n]) for i in range(len(w) - n + 1)) for w in each]
            for each in ([said], told)
        )
        matched = sum(min(c, max(t[gram] for t in theirs)) for gram, c in mine[0].items())
        if not matched:
            halves *= 2
        precisions.append((matched or 1 / halves) / mine[0].total())
    if not said or not set(said) & {word for each in told for word in each}:
        return 0.0
    nearest = min((abs(len(each) - len(said)), len(each)) for each in told)[1]
    mean = math.exp(sum(map(math.log, precisions)) / len(precisions))
    return mean * min(1.0, math.exp(1 - nearest / len(said)))


@given(words, st.lists(words.filter(bool), min_size=1, max_size=3))
def test_bleu_of_several_references_is_that_of_a_slow_version(said, told):
    text, references = " ".join(said), [" ".join(each) for each in told]
    found = Overlap(by="bleu")._similarity(text, references)
    assert found == pytest.approx(slow_bleu(text, references), abs=1e-9)


def test_responses_are_compared_with_the_reference(tmp_path):
    asked = tables({"p": "the cat sat", "q": None}, responses={"p": ["The cat.", "no"], "q": ["x"]})
    assert scores(tmp_path, asked) == [pytest.approx(0.8), 0.0, "the prompt has no reference"]


def test_of_the_references_of_a_stage_the_nearest_counts(tmp_path):
    asked = tables(
        {"p": "x", "q": None}, responses={"p": ["a b"], "q": ["y"]}, told={"p": ["b", "a b"]}
    )
    found = scores(tmp_path, asked, references="told")
    assert found == [1.0, "the prompt has no reference"]


def test_a_policy_that_collapsed_says_the_same(tmp_path):
    alike = {"p": ["a b c d", "a b c d", "a b c d"], "q": ["a b", "a c", "d"], "r": ["alone"]}
    found = scores(tmp_path, tables(dict.fromkeys(alike), responses=alike), against="others")
    assert found[:3] == [1.0, 1.0, 1.0]
    assert found[3:6] == [0.25, 0.25, 0.0]
    assert found[6] == "the prompt has no other response"


def test_references_are_no_other_responses():
    with pytest.raises(ValidationError, match="leave them out"):
        Overlap(against="others", references="told")


def test_only_the_references_of_prompts_are_a_truth():
    assert Overlap().needs_truth() == "reference"
    assert Overlap(against="others").needs_truth() is None
    assert Overlap(references="told").needs_truth() is None
