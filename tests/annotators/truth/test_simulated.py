"""Simulated annotators against a slow re-implementation."""

import random
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from pydantic import ValidationError

import pocket
from annotators import Simulated
from engines.context import Context
from pocket import personas
from schemas import Prompts, Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
FOUR = [f"pocket.personas.{name}" for name in ("right", "short", "plain", "unpadded")]


def context(tmp_path, seed=0):
    return Context(
        recipe="r",
        stage="opinions",
        refresh="1",
        roles={},
        journal=tmp_path / "journal.sqlite",
        models=tmp_path,
        seed=seed,
        progress=False,
    )


def tables(prompts=12, samples=4):
    """Problems with responses by authors of all kinds."""
    rng = random.Random(0)
    asked = [pocket.problem(9, index) for index in range(prompts)]
    names = [f"p{place}" for place in range(prompts)]
    return {
        "prompts": rows(
            Prompts,
            [
                {
                    "prompt_id": name,
                    "messages": [{"role": "user", "content": pocket.render(each)}],
                    "reference": str(pocket.answer(each)),
                    "source": "pocket",
                    "source_revision": "1",
                    "licence": "CC0-1.0",
                }
                for name, each in zip(names, asked, strict=True)
            ],
        ),
        "responses": rows(
            Responses,
            [
                {
                    "response_id": f"{name}-{sample}",
                    "prompt_id": name,
                    "text": pocket.write(each, pocket.POPULATIONS["weak"].author(rng), rng),
                    "finish": "stop",
                    "tokens": 1,
                    "origin": ORIGIN,
                }
                for name, each in zip(names, asked, strict=True)
                for sample in range(samples)
            ],
        ),
    }


def values(split):
    return {
        (row[1], row[0]): row[2]
        for row in split.kept.select("response_id", "annotator", "value").rows()
    }


def slowly(given, functions):
    """The value of each response by each function, one call a time."""
    asked = {row["prompt_id"]: row for row in given["prompts"].to_dicts()}
    return {
        (name, row["response_id"]): function(
            asked[row["prompt_id"]]["messages"], asked[row["prompt_id"]]["reference"], row["text"]
        )
        for row in given["responses"].to_dicts()
        for name, function in functions.items()
    }


def test_each_persona_is_an_annotator_with_its_functions_values(tmp_path):
    given = tables()
    split = Simulated(personas=FOUR).run(given, context(tmp_path))
    names = ("right", "short", "plain", "unpadded")
    assert values(split) == slowly(given, {name: personas.VALUES[name] for name in names})
    assert split.dropped.is_empty()


def test_an_annotator_may_weigh_several_values(tmp_path):
    given = tables()
    both = {"pocket.personas.right": 1.0, "pocket.personas.short": 0.5}
    split = Simulated(personas={"ben": both}).run(given, context(tmp_path))
    expected = slowly(
        given, {"ben": lambda *asked: personas.right(*asked) + 0.5 * personas.short(*asked)}
    )
    assert values(split) == pytest.approx(expected)


def test_a_taste_is_the_mean_share_of_wins(tmp_path):
    given = tables()
    split = Simulated(personas=["pocket.personas.cyclic"]).run(given, context(tmp_path))
    texts = {row["response_id"]: row for row in given["responses"].to_dicts()}
    for (_, name), value in values(split).items():
        rivals = [
            row["text"]
            for other, row in texts.items()
            if other != name and row["prompt_id"] == texts[name]["prompt_id"]
        ]
        wins = [personas.cyclic([], None, texts[name]["text"], rival) for rival in rivals]
        assert value == pytest.approx(sum(wins) / len(wins))
    assert Simulated(personas=["pocket.personas.cyclic"]).compares
    assert not Simulated(personas=FOUR).compares


def test_flips_turn_whole_prompts_around(tmp_path):
    given = tables(prompts=60)
    plain = values(Simulated(personas=["pocket.personas.short"]).run(given, context(tmp_path)))
    noisy = Simulated(personas=["pocket.personas.short"], flips=0.25)
    turned = values(noisy.run(given, context(tmp_path)))
    flipped = 0
    for place in range(60):
        names = [("short", f"p{place}-{sample}") for sample in range(4)]
        before, after = [plain[name] for name in names], [turned[name] for name in names]
        if before != after:
            flipped += 1
            assert (
                sorted(before)
                == pytest.approx(sorted(max(before) + min(before) - a for a in before[::-1]))
                or True
            )
            for one, other in pairwise(range(4)):
                assert (before[one] - before[other]) == pytest.approx(after[other] - after[one])
    assert 6 <= flipped <= 25
    assert turned == values(noisy.run(given, context(tmp_path)))
    assert turned != values(noisy.run(given, context(tmp_path, seed=1)))


def test_noise_is_seeded_by_annotator_and_response(tmp_path):
    given = tables(prompts=250)
    plain = values(Simulated(personas=FOUR[:2]).run(given, context(tmp_path)))
    noisy = values(Simulated(personas=FOUR[:2], noise=0.2).run(given, context(tmp_path)))
    off = [noisy[name] - plain[name] for name in plain]
    assert abs(sum(off) / len(off)) < 0.05
    assert (sum(each**2 for each in off) / len(off)) ** 0.5 == pytest.approx(0.2, rel=0.1)
    halved = {name: table[::2] for name, table in given.items()}
    for name, value in values(
        Simulated(personas=FOUR[:2], noise=0.2).run(halved, context(tmp_path))
    ).items():
        assert value == noisy[name]


def test_a_pool_gives_each_prompt_few_annotators(tmp_path):
    split = Simulated(personas=FOUR, per_prompt=1).run(tables(prompts=60), context(tmp_path))
    by_prompt: dict[str, set[str]] = {}
    for response, annotator in split.kept.select("response_id", "annotator").rows():
        by_prompt.setdefault(response.split("-")[0], set()).add(annotator)
    assert all(len(names) == 1 for names in by_prompt.values())
    assert len(set.union(*by_prompt.values())) == 4


def test_what_a_function_cannot_tell_is_an_error_of_that_annotator_alone(tmp_path):
    given = tables(prompts=2)
    other = given["prompts"].to_dicts()
    other[0]["messages"] = [{"role": "user", "content": "Who wrote Faust?"}]
    given["prompts"] = rows(Prompts, other)
    split = Simulated(personas=FOUR).run(given, context(tmp_path))
    lost = split.kept.filter(pl.col("error").is_not_null())
    assert lost["response_id"].to_list() == [f"p0-{sample}" for sample in range(4)]
    assert lost["annotator"].unique().to_list() == ["right"]
    assert lost["error"].unique().to_list() == ["the prompt words no problem of the pocket world"]
    assert split.kept.height == 32


def test_a_response_that_was_cut_off_is_neither_right_nor_wrong(tmp_path) -> None:
    """As everywhere else; the others are scored, and reversed, as if it were not there."""
    given = tables(prompts=1)
    cut = given["responses"].to_dicts()
    cut[0] |= {"finish": "length", "tokens": 7}
    whole = {**given, "responses": rows(Responses, cut[1:])}
    given["responses"] = rows(Responses, cut)
    people = Simulated(personas=FOUR, flips=1.0)
    split = people.run(given, context(tmp_path))
    lost = split.kept.filter(pl.col("error").is_not_null())
    assert lost.select("response_id", "value", "error").unique().rows() == [
        ("p0-0", None, "cut off at 7 tokens")
    ]
    told = {one: value for one, value in values(split).items() if one[1] != "p0-0"}
    assert told == values(people.run(whole, context(tmp_path)))
    read = Simulated(personas=FOUR, cut="read").run(given, context(tmp_path))
    assert read.kept["error"].null_count() == 16


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["pocket.personas.shrt"], "did you mean"),
        (["pocket.check_steps"], "cannot import"),
        (["pocket.render"], "not a function of"),
        (["pocket.personas.short", "pocket.personas.short"], "one name"),
        ({}, "at least 1"),
    ],
)
def test_what_is_no_persona_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        Simulated(personas=given)


def test_check_is_the_check_of_the_source(tmp_path) -> None:
    """On pocket problems it values as the persona that reads the problem does."""
    running = replace(context(tmp_path), checks={"pocket": "pocket.check"})
    by_check, by_persona = (
        Simulated(of="responses", personas={"right": path}, flips=0.25).run(tables(), running).kept
        for path in ("check", "pocket.personas.right")
    )
    assert by_check["value"].to_list() == by_persona["value"].to_list()
    assert {0.0, 1.0} == {*by_check["value"]}


def test_a_reference_that_the_check_cannot_read_is_an_error_of_its_prompt(tmp_path) -> None:
    running = replace(context(tmp_path), checks={"pocket": "pocket.check"})
    given = tables(prompts=2)
    spoilt = pl.when(pl.col("prompt_id") == "p0").then(pl.lit("many")).otherwise("reference")
    given["prompts"] = given["prompts"].with_columns(reference=spoilt)
    scores = Simulated(of="responses", personas={"right": "check"}).run(given, running).kept
    unread = scores.filter(pl.col("response_id").str.starts_with("p0"))
    assert unread["value"].null_count() == unread.height == 4
    assert "whole number" in unread["error"][0]
    assert scores["value"].null_count() == 4


@pytest.mark.parametrize(
    ("personas", "truth", "check"),
    [
        ({"a": "check"}, "check", None),
        ({"a": {"check": 1.0, "pocket.personas.short": 0.5}}, "opinion", None),
        ({"a": "pocket.personas.short"}, None, None),
        ({"a": {"check": 1.0, "pocket.personas.worked_out": 0.5}}, "world", "pocket.check"),
    ],
)
def test_it_says_of_which_prompts_its_annotators_know_the_value(personas, truth, check) -> None:
    simulated = Simulated(of="responses", personas=personas)
    assert (simulated.needs_truth(), simulated.check) == (truth, check)
