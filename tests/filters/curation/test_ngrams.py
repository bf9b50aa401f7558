"""Texts of every script have words, and runs of words weigh the same in every script."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.curation.ngrams import TOKENS, WORDS, hashed, phrases, runs, tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two red_pears, 3 plums", ["two", "red_pears", "3", "plums"]),
        ("小明有3个苹果。", ["小", "明", "有", "3", "个", "苹", "果"]),
        ("ラーメンを２杯", ["ラ", "ー", "メ", "ン", "を", "2", "杯"]),
        ("กี่คน", ["กี่", "ค", "น"]),
        ("ភាសា 5", ["ភា", "សា", "5"]),
        ("사과 세 개", ["사과", "세", "개"]),
        ("use TensorFlow训练模型", ["use", "tensorflow", "训", "练", "模", "型"]),
        ("été été", ["été", "été"]),
        ("", []),
    ],
)
def test_scripts_without_spaces_have_words_of_a_letter(text, words):
    assert tokens(pl.Series([text]), WORDS)[0].to_list() == words


def test_signs_are_tokens_and_numbers_are_whole():
    found_tokens = tokens(pl.Series(["12-3=९, 答：12。"]), TOKENS)[0].to_list()
    assert found_tokens == ["12", "-", "3", "=", "९", ",", "答", ":", "12", "。"]


WEIGHTS = {"pear": 4, "plum": 4, "梨": 2, "果": 2, "ก": 1, "น": 1}
some = st.lists(st.lists(st.sampled_from(list(WEIGHTS)), max_size=12), max_size=5)


@given(texts=some, n=st.integers(1, 3))
def test_a_phrase_is_the_shortest_run_that_weighs_as_much_as_n_words(texts, n):
    found, lengths = phrases(hashed(pl.Series(texts, dtype=pl.List(pl.String))), n)
    slow = []
    for text in texts:
        of_text = []
        for first in range(len(text)):
            ends = (
                last
                for last in range(first + 1, len(text) + 1)
                if sum(WEIGHTS[word] for word in text[first:last]) >= 4 * n
            )
            last = next(ends, None)
            if last is not None:
                of_text.append(tuple(text[first:last]))
        slow.append(of_text)
    assert [len(found.of(row)) for row in range(len(found))] == [len(each) for each in slow]
    flat = [phrase for each in slow for phrase in each]
    assert lengths.tolist() == [len(phrase) for phrase in flat]
    # Two runs have one hash just where they are the same.
    assert len(set(zip(found.hashes.tolist(), flat, strict=True))) == len(set(flat))
    assert len(set(found.hashes.tolist())) == len(set(flat))


def test_a_phrase_has_the_same_hash_whatever_its_neighbours_weigh():
    plain = hashed(pl.Series([["pear", "plum", "pear"]]))
    beside = hashed(pl.Series([["pear", "plum", "pear"], ["梨", "果"]]))
    assert phrases(plain, 2)[0].of(0).tolist() == phrases(beside, 2)[0].of(0).tolist()
    assert phrases(plain, 2)[0].of(0).tolist() == runs(plain, 2, whole=False).of(0).tolist()
