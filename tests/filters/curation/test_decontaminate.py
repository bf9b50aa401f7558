"""No prompt that a model is measured on is trained on, and each one dropped shows the proof."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import Decontaminate
from schemas import Prompts, rows


def prompts(texts, name="p", system=None):
    first = [] if system is None else [{"role": "system", "content": system}]
    return rows(
        Prompts,
        [
            {
                "prompt_id": f"{name}{number}",
                "messages": [*first, {"role": "user", "content": text}],
                "source": name,
                "source_revision": "1",
                "licence": "MIT",
            }
            for number, text in enumerate(texts)
        ],
    )


def slowly(asked, held, n):
    """For each prompt the evaluation prompt that it is or shares words with, as (set, number)."""

    def words(text):
        return re.findall(r"\w+", text.lower())

    def whole(text):
        return re.findall(r"\w+|[^\w\s]", text.lower())

    def grams(text):
        return [tuple(words(text)[i : i + n]) for i in range(len(words(text)) - n + 1)]

    found = []
    for text in asked:
        owners = [
            (name, number)
            for name, texts in held.items()
            for number, other in enumerate(texts)
            if whole(other) == whole(text)
        ]
        for gram in grams(text):
            owners += [
                (name, number)
                for name, texts in held.items()
                for number, other in enumerate(texts)
                if gram in grams(other)
            ]
        found.append(owners[0] if owners else None)
    return found


texts = st.lists(
    st.lists(st.sampled_from(["a", "B", "c", "1", "+", "-", ","]), min_size=1, max_size=8).map(
        " ".join
    ),
    max_size=6,
)


@given(asked=texts, one=texts, other=texts, n=st.integers(1, 4))
def test_equals_the_slow_version(asked, one, other, n):
    tables = {
        "prompts": prompts(asked),
        "one": prompts(one, "one"),
        "other": prompts(other, "other"),
    }
    split = Decontaminate(against=("one", "other"), n=n).run(tables)
    true = slowly(asked, {"one": one, "other": other}, n)
    dropped = {
        row: json.loads(numbers)
        for row, numbers in split.dropped.select("row_id", "numbers").rows()
    }
    for number, owner in enumerate(true):
        shown = dropped.get(f"p{number}")
        assert (shown is None) == (owner is None)
        if shown:
            assert (shown["evaluation"], shown["evaluation_prompt"]) == (
                owner[0],
                f"{owner[0]}{owner[1]}",
            )
            assert 0 < shown["share"] <= 1
    assert split.kept.equals(tables["prompts"].filter([owner is None for owner in true]))


@settings(max_examples=20)
@given(asked=texts, held=texts, seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(asked, held, seed):
    tables = {"prompts": prompts(asked), "held": prompts(held, "h")}
    other = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in tables.items()
    }
    decontaminate = Decontaminate(against=("held",), n=2)
    one, two = decontaminate.run(tables), decontaminate.run(other)
    assert one.kept.sort("prompt_id").equals(two.kept.sort("prompt_id"))
    assert one.dropped.sort("row_id").equals(two.dropped.sort("row_id"))


def test_the_words_that_are_shared_are_shown():
    shared = "there were seven green bottles standing on the old brick wall"
    tables = {
        "prompts": prompts([f"Once upon a time, {shared}. Why?", "Something else"]),
        "test": prompts([f"If {shared.upper()}: how many?"], "t"),
    }
    split = Decontaminate(against=("test",), n=8).run(tables)
    assert split.kept["prompt_id"].to_list() == ["p1"]
    (row,) = split.dropped.to_dicts()
    assert row["reason"] == "shares 8 words in a row with an evaluation prompt"
    shown = json.loads(row["numbers"])
    assert shown["matched"] == "there were seven green bottles standing on the"
    assert (shown["evaluation"], shown["evaluation_prompt"]) == ("test", "t0")
    assert shown["share"] == pytest.approx(4 / 9)


def test_a_common_system_message_is_no_contamination():
    system = "You are a helpful assistant who thinks step by step and then gives one number."
    tables = {
        "prompts": prompts(["How many apples?", "How many pears?"], system=system),
        "test": prompts(["How many plums?", "how many PEARS ?"], "t", system=system),
    }
    split = Decontaminate(against=("test",)).run(tables)
    assert split.kept["prompt_id"].to_list() == ["p0"]
    assert split.dropped["reason"].to_list() == ["is an evaluation prompt"]


def test_short_texts_are_compared_with_their_signs():
    tables = {"prompts": prompts(["2 + 3", "2 - 3"]), "test": prompts(["2-3"], "t")}
    split = Decontaminate(against=("test",)).run(tables)
    assert split.kept["prompt_id"].to_list() == ["p0"]


CHINESE = "小明每天早上在学校门口的商店里买三个苹果和两个梨，他把它们分给朋友"
THAI = "ทุกเช้าร้านค้าหน้าโรงเรียนขายแอปเปิ้ลสามลูกและลูกแพร์สองลูกให้กับเด็กชายคนหนึ่งซึ่งแบ่งให้เพื่อน"
JAPANESE = "毎朝太郎くんは学校の前の店でりんごを三つと梨を二つ買って、それを友達に分けます"


@pytest.mark.parametrize("text", [CHINESE, THAI, JAPANESE])
def test_scripts_without_spaces_are_read_too(text):
    tables = {
        "prompts": prompts([f"？ {text} （A）", f"{text[:9]}？", text[::-1], text]),
        "test": prompts([f"{text}。"], "t"),
    }
    split = Decontaminate(against=("test",)).run(tables)
    assert split.kept["prompt_id"].to_list() == ["p1", "p2"]
    shown = [json.loads(row)["matched"].replace(" ", "") for row in split.dropped["numbers"]]
    assert all(text.replace("，", "").replace("、", "").startswith(each) for each in shown)


def test_a_common_request_in_japanese_is_no_contamination():
    tables = {
        "prompts": prompts(["次の文章を英語に翻訳してください：犬が好きです"]),
        "test": prompts(["次の文章を英語に翻訳してください：空は青い"], "t"),
    }
    assert Decontaminate(against=("test",)).run(tables).dropped.is_empty()


def test_superscripts_hide_no_evaluation_prompt():
    tables = {"prompts": prompts(["Solve x2 = ４."]), "test": prompts(["Solve x² = 4."], "t")}
    assert Decontaminate(against=("test",)).run(tables).kept.is_empty()


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"against": ()}, "at least 1"), ({"against": ("prompts",)}, "against itself")],
)
def test_what_to_compare_with_must_be_said(fields, message):
    with pytest.raises(ValueError, match=message):
        Decontaminate(**fields)
