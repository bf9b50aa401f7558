"""Degenerate texts go, and the numbers are those that a slow count finds."""

import json
import re
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.repetition_texts import loops, sound
from filters import Repetition
from filters.curation.repetition import LONG_PHRASE, NUMBERS_TIMES, PHRASE, RULES, TIMES

WORDS = ["a", "b", "aa", "B", "-", "–é"]
texts = st.lists(
    st.lists(st.sampled_from([*WORDS, "\n", " "]) | st.text("ab \n-", max_size=5), max_size=14).map(
        " ".join
    ),
    max_size=6,
).map(lambda texts: [f"x{text}" for text in texts])


def lines_slowly(text):
    lines = [line.strip() for line in text.split("\n")]
    again = [line for place, line in enumerate(lines) if line in lines[:place]]
    return sum(map(len, again)) / max(1, sum(map(len, lines)))


def ngrams_slowly(text, n, min_words):
    words = re.findall(r"\w+", text.lower())
    if len(words) < min_words:
        return None
    seen, covered = set(), set()
    for place in range(len(words) - n + 1):
        phrase = tuple(words[place : place + n])
        if phrase in seen:
            covered |= set(range(place, place + n))
        seen.add(phrase)
    return len(covered) / max(1, len(words))


def run_slowly(parts, ignored=""):
    return max((len(list(g)) for part, g in groupby(parts) if part not in ignored), default=0)


def loop_slowly(text):
    words = re.findall(r"\w+", text.lower())

    def stretch(n, numbers_end):
        seen, inside = Counter(), set()
        for place in range(len(words) - n + 1):
            phrase = tuple(words[place : place + n])
            seen[phrase] += 1
            numbers = all(word.isdecimal() for word in phrase)
            if seen[phrase] >= (NUMBERS_TIMES if numbers else TIMES):
                inside |= set(range(place, place + n))
        longest = now = 0
        for place, word in enumerate(words):
            if place in inside:
                now += 1
            elif numbers_end or not word.isdecimal():
                now = 0
            longest = max(longest, now)
        return longest

    return max(stretch(PHRASE, True), stretch(LONG_PHRASE, False))


@given(
    cycles=st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "c", "1", "22", "."]), max_size=12).map(" ".join),
            st.sampled_from([1, 2, 5, 30, 120]),
        ),
        max_size=3,
    ),
    most=st.integers(0, 40),
)
def test_loops_equal_the_slow_version(cycles, most, written):
    texts = [
        "start",
        "x " + " ".join(" ".join([cycle] * times) for cycle, times in cycles),
    ]
    split = Repetition(of="r", max_loop=most, max_loop_share=1, max_word_run=10_000).run(
        {"r": written(texts)}
    )
    slow = {f"r{n}": loop_slowly(text) for n, text in enumerate(texts)}
    told = {
        row: json.loads(numbers)["loop"]
        for row, numbers in split.dropped.select("row_id", "numbers").rows()
    }
    assert told == {row: longest for row, longest in slow.items() if longest > most}


@given(
    texts=texts,
    n=st.integers(1, 3),
    min_words=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_equals_the_slow_version(texts, n, min_words, seed, written, shuffled, same_rows):
    repetition = Repetition(
        of="r",
        n=n,
        min_words=min_words,
        max_duplicate_lines=0.2,
        max_duplicate_ngrams=0.3,
        max_loop_share=1,
        max_word_run=2,
        max_character_run=3,
    )
    tables = {"r": written(texts)}
    split = repetition.run(tables)
    numbers = {
        row: json.loads(numbers)
        for row, numbers in split.dropped.select("row_id", "numbers").rows()
    }
    for number, text in enumerate(texts):
        slow = {
            "loop": loop_slowly(text),
            "loop_share": 0,
            "duplicate_lines": lines_slowly(text),
            "duplicate_ngrams": ngrams_slowly(text, n, min_words),
            "word_run": run_slowly(re.findall(r"\w+", text.lower())),
            "character_run": run_slowly(text, RULES),
        }
        limits = {"duplicate_lines": 0.2, "duplicate_ngrams": 0.3, "word_run": 2}
        limits["character_run"] = 3
        degenerate = any((slow[name] or 0) > limit for name, limit in limits.items())
        assert degenerate == (f"r{number}" in numbers)
        if degenerate:
            assert numbers[f"r{number}"] == pytest.approx({"side": "response", **slow})
    assert split.kept.height + split.dropped.height == len(texts)
    other = repetition.run(shuffled(tables, seed))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


LOOP = "I think that the answer is four. " * 20
PLAIN = " ".join(f"it has{number} words" for number in range(40))
SOUND, LOOPS = list(sound()), list(loops())


@pytest.mark.parametrize(("kind", "text"), SOUND, ids=[kind for kind, _ in SOUND])
def test_lists_tables_code_and_songs_stay(kind, text, written):
    assert Repetition(of="r").run({"r": written([text])}).dropped.is_empty()


def test_loops_go_once_they_are_some_hundred_words_long(written):
    split = Repetition(of="r").run({"r": written([text for _, text in LOOPS])})
    kept = [LOOPS[int(row[1:])] for row in split.kept["response_id"]]
    assert len(kept) <= 0.05 * len(LOOPS)
    assert all(len(text) < 1000 for _, text in kept)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LOOP, "repeats a phrase again and again"),
        ("No, " + "so " * 12 + "no, " + "so " * 42 + PLAIN, "repeats one word"),
        ("a" * 200, "repeats one character"),
        ("!" * 200, "repeats one character"),
    ],
)
def test_each_row_says_what_it_repeats(text, reason, written):
    split = Repetition(of="r").run({"r": written([text])})
    assert split.dropped["reason"].to_list() == [reason]


def test_limits_for_web_pages_are_there_for_those_who_want_them(written):
    gopher = Repetition(of="r", max_duplicate_lines=0.2, max_duplicate_ngrams=0.15)
    texts = ["Answer: 16\nAnswer: 16", f"{LOOP[:330]} {PLAIN}"]
    split = gopher.run({"r": written(texts)})
    assert split.dropped["reason"].to_list() == ["repeats lines", "repeats runs of 5 words"]


PROBLEMS = Path(__file__).parents[4] / "shared" / "data" / "gsm8k" / "train.jsonl"


@pytest.mark.skipif(not PROBLEMS.exists(), reason="needs GSM8K's solutions")
def test_no_real_worked_solution_goes(written):
    lines = PROBLEMS.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["answer"] for line in lines]
    assert Repetition(of="r").run({"r": written(texts)}).dropped.is_empty()


def test_both_sides_of_a_pair_are_judged_unless_a_recipe_says_otherwise(compared):
    tables = {"pairs": compared([("4", LOOP), (LOOP, "5"), ("4", "5")])}
    assert Repetition(of="pairs").run(tables).kept["pair_id"].to_list() == ["x2"]
    chosen = Repetition(of="pairs", side="chosen").run(tables)
    assert chosen.kept["pair_id"].to_list() == ["x0", "x2"]


def test_no_rows(written):
    split = Repetition(of="r").run({"r": written([])})
    assert split.kept.is_empty()
    assert split.dropped.is_empty()
