"""Duplicates are dropped, nothing else is, and each says what it duplicates."""

import json
import random
import re
from itertools import accumulate, pairwise, product
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Deduplicate
from filters.curation import candidates, deduplicate
from filters.curation.candidates import SMALL
from filters.curation.formulas import formulas
from filters.filter import Earlier
from schemas import Demonstrations, Pairs, Prompts, Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


def responses(texts, prompts=None):
    prompts = prompts or ["p"] * len(texts)
    return rows(
        Responses,
        [
            {
                "response_id": f"r{number}",
                "prompt_id": prompt,
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": ORIGIN,
            }
            for number, (text, prompt) in enumerate(zip(texts, prompts, strict=True))
        ],
    )


def shingles(text):
    tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    return {tuple(tokens[i : i + 3]) for i in range(max(1, len(tokens) - 2))}


def jaccard(one, other):
    return len(one & other) / len(one | other)


def slowly(texts, threshold, groups=None):
    """Each row against all kept before it: the number of the row it duplicates, or None."""
    signs = formulas(pl.Series(texts, dtype=pl.String))
    groups = list(zip(groups or [0] * len(texts), signs, strict=True))
    sets = [shingles(text) for text in texts]
    kept, original = [], []
    for row in range(len(texts)):
        like = [
            k for k in kept if groups[k] == groups[row] and jaccard(sets[k], sets[row]) >= threshold
        ]
        original.append(like[0] if like else None)
        if not like:
            kept.append(row)
    return original


def found(split, height):
    originals = {
        row: json.loads(numbers)["duplicate_of"]
        for row, numbers in split.dropped.select("row_id", "numbers").rows()
    }
    return [
        int(originals[f"r{row}"][1:]) if f"r{row}" in originals else None for row in range(height)
    ]


texts = st.lists(
    st.lists(st.sampled_from(["a", "b", "C", "2", "+", "-"]), max_size=9).map(" ".join),
    max_size=12,
)


@given(texts=texts, threshold=st.sampled_from([0.3, 0.5, 0.8]), data=st.data())
def test_equals_the_slow_version(texts, threshold, data):
    texts = [f"x {text}" for text in texts]
    prompts = [data.draw(st.sampled_from("pq")) for _ in texts]
    frame = responses(texts, prompts)
    everywhere = Deduplicate(of="r", threshold=threshold).run({"r": frame})
    assert found(everywhere, len(texts)) == slowly(texts, threshold)
    within = Deduplicate(of="r", threshold=threshold, scope="prompt").run({"r": frame})
    assert found(within, len(texts)) == slowly(texts, threshold, prompts)
    assert within.kept.height + within.dropped.height == len(texts)
    assert within.kept.equals(
        frame.filter(~pl.col("response_id").is_in(within.dropped["row_id"].implode()))
    )


@given(texts=texts)
def test_threshold_1_drops_only_the_same_tokens(texts):
    texts = [f"x {text}" for text in texts]
    split = Deduplicate(of="r", threshold=1).run({"r": responses(texts)})
    signs = formulas(pl.Series(texts, dtype=pl.String))
    token_lists = [
        (re.findall(r"\w+|[^\w\s]", text.lower()), sign)
        for text, sign in zip(texts, signs, strict=True)
    ]
    first = [token_lists.index(tokens) for tokens in token_lists]
    assert found(split, len(texts)) == [
        None if first[row] == row else first[row] for row in range(len(texts))
    ]
    assert set(split.dropped["reason"]) <= {"same text"}


def corpus(originals, seed=0, words=60, copies=3):
    """Random texts, then copies of each with a few words changed."""
    draw = random.Random(seed)
    vocabulary = ["".join(word) for word in product("aeiou", "dkmr", "aeiou", "ln", "ptsfgbhjvw")]
    made = [[draw.choice(vocabulary) for _ in range(words)] for _ in range(originals)]
    for text in list(made):
        for changes in range(1, copies + 1):
            copy = list(text)
            for place in draw.sample(range(words), changes):
                copy[place] = draw.choice(vocabulary)
            made.append(copy)
    return [" ".join(text) for text in made]


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.9])
def test_among_many_rows_what_is_dropped_is_a_duplicate_and_next_to_none_is_missed(threshold):
    texts = corpus(60)
    assert len(texts) > SMALL
    split = Deduplicate(of="r", threshold=threshold).run({"r": responses(texts)})
    originals, true = found(split, len(texts)), slowly(texts, threshold)
    for row, original in enumerate(originals):
        if original is not None:
            assert jaccard(shingles(texts[row]), shingles(texts[original])) >= threshold
    duplicates = sum(one is not None for one in true)
    assert sum(one is not None for one in originals) >= 0.99 * duplicates > 0


def test_how_many_rows_are_read_at_the_same_time_changes_nothing(monkeypatch):
    frame = responses(corpus(60), ["pq"[row % 2] for row in range(240)])
    rules = [Deduplicate(of="r", threshold=0.7), Deduplicate(of="r", scope="prompt")]
    at_once = [rule.run({"r": frame}) for rule in rules]
    monkeypatch.setattr(deduplicate, "AT_ONCE", 7)
    monkeypatch.setattr(candidates, "CACHED_ROWS", 3)
    monkeypatch.setattr(candidates, "AT_ONCE", 7)
    for rule, expected in zip(rules, at_once, strict=True):
        split = rule.run({"r": frame})
        assert split.kept.equals(expected.kept)
        assert split.dropped.equals(expected.dropped)
        assert split.dropped.height > 0


def test_rows_dropped_say_how_alike_they_are():
    base = "red green blue white black brown grey pink gold plum"
    split = Deduplicate(of="r", threshold=0.5).run(
        {"r": responses([base, base.upper(), base + " teal", "another"])}
    )
    assert split.kept["response_id"].to_list() == ["r0", "r3"]
    numbers = [json.loads(row) for row in split.dropped["numbers"]]
    assert numbers[0] == {"duplicate_of": "r0", "similarity": 1.0}
    assert numbers[1]["duplicate_of"] == "r0"
    assert numbers[1]["similarity"] == pytest.approx(8 / 9)
    assert split.dropped["reason"].to_list() == ["same text", "nearly the same text"]


def test_a_copy_of_a_dropped_row_names_the_row_that_is_kept():
    base = "red green blue white black brown grey pink gold plum"
    split = Deduplicate(of="r", threshold=0.5).run(
        {"r": responses([base, base + " teal", base + " teal"])}
    )
    assert found(split, 3) == [None, 0, 0]


def test_signs_matter():
    split = Deduplicate(of="r").run({"r": responses(["2 - 3", "2 + 3", "2-3"])})
    assert split.kept["response_id"].to_list() == ["r0", "r1"]


SENTENCE = "a farmer puts the baskets of apples that he picked on the cart and drives to the market"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"12 times {SENTENCE}", f"21 times {SENTENCE}"),
        (f"three times {SENTENCE}", f"four times {SENTENCE}"),
        (f"{SENTENCE} 5 m away", f"{SENTENCE} 5 km away"),
        (f"{SENTENCE} with x² of them", f"{SENTENCE} with x2 of them"),
        (f"{SENTENCE} if a < b", f"{SENTENCE} if a > b"),
        (f"{SENTENCE} if {{A}} \\subset C", f"{SENTENCE} if {{A}} \\supset C"),
        (f"{SENTENCE} for $5", f"{SENTENCE} for €5"),
        (f"Is it true that {SENTENCE}?", f"Is it not true that {SENTENCE}?"),
        (
            "for row in rows:\n    total = add(total, row)\n    show(total)",
            "for row in rows:\n    total = add(total, row)\nshow(total)",
        ),
        (
            "一个农夫把他摘的三篮苹果放在车上，然后开车去市场",
            "一个农夫把他摘的四篮苹果放在车上，然后开车去市场",
        ),
    ],
)
@pytest.mark.parametrize("threshold", [0.5, 1.0])
def test_rows_whose_numbers_signs_or_formulas_differ_are_never_the_same(one, other, threshold):
    split = Deduplicate(of="r", threshold=threshold).run({"r": responses([one, other, one])})
    assert split.kept["response_id"].to_list() == ["r0", "r1"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{SENTENCE}.", f"{SENTENCE.capitalize()}!"),
        (f"It's 5 km: {SENTENCE}", f"It’s 5 km; {SENTENCE}"),
        (SENTENCE, SENTENCE.replace("baskets", "boxes")),
        (SENTENCE, SENTENCE.upper()),
        (
            "一个农夫把他摘的苹果放在车上，然后开车去市场卖",
            "一个农夫把他摘的苹果放在车上，然后开车去城里卖",
        ),
        ("เกษตรกรขนแอปเปิ้ลขึ้นรถแล้วขับไปตลาดทุกวันเสาร์", "เกษตรกรขนแอปเปิ้ลขึ้นรถแล้วขับไปตลาดทุกวัน"),
    ],
)
def test_rows_that_differ_in_words_or_punctuation_only_may_be(one, other):
    split = Deduplicate(of="r", threshold=0.6).run({"r": responses([one, other])})
    assert split.dropped["row_id"].to_list() == ["r1"]


def test_prompts_with_another_reference_are_other_prompts():
    asked = [prompt(number, token_lists("user", SENTENCE)) for number in range(5)]
    references = ["4", "5", None, " 4", "5"]
    told = [{**row, "reference": ref} for row, ref in zip(asked, references, strict=True)]
    split = Deduplicate(of="prompts", threshold=0.5).run({"prompts": rows(Prompts, told)})
    assert split.kept["prompt_id"].to_list() == ["p0", "p1", "p2"]


PROBLEMS = Path(__file__).parents[4] / "shared" / "data" / "gsm8k" / "train.jsonl"


@pytest.mark.skipif(not PROBLEMS.exists(), reason="needs GSM8K's problems")
@pytest.mark.parametrize("threshold", [0.6, 0.8])
def test_no_real_problem_is_dropped_for_one_with_another_answer(threshold):
    problems = [json.loads(line) for line in PROBLEMS.read_text().splitlines()]
    frame = rows(
        Prompts,
        [prompt(n, token_lists("user", each["question"])) for n, each in enumerate(problems)],
    )
    split = Deduplicate(of="prompts", threshold=threshold).run({"prompts": frame})
    answer = [each["answer"].rsplit("####", 1)[1].strip() for each in problems]
    for row, numbers in split.dropped.select("row_id", "numbers").rows():
        first = json.loads(numbers)["duplicate_of"]
        assert answer[int(row[1:])] == answer[int(first[1:])]


def token_lists(role, text):
    return {"role": role, "content": text}


LONG = " ".join(f"word{n}" for n in range(100))


def prompt(number, *messages):
    return {
        "prompt_id": f"p{number}",
        "messages": list(messages),
        "source": "s",
        "source_revision": "1",
        "licence": "MIT",
    }


def test_prompts_with_another_system_message_are_other_prompts():
    frame = rows(
        Prompts,
        [
            prompt(
                0,
                token_lists("system", "Be brief."),
                token_lists("user", "Why is it so?"),
            ),
            prompt(
                1,
                token_lists("system", "Be long and kind."),
                token_lists("user", "Why is it so?"),
            ),
            prompt(2, token_lists("system", LONG), token_lists("user", "Why is it so?")),
            prompt(3, token_lists("system", LONG), token_lists("user", "How can it be?")),
            prompt(4, token_lists("system", LONG), token_lists("user", "why is it  so?")),
        ],
    )
    split = Deduplicate(of="prompts").run({"prompts": frame})
    assert split.dropped["row_id"].to_list() == ["p4"]
    with pytest.raises(ValueError, match="has no effect"):
        Deduplicate(of="prompts", scope="prompt").run({"prompts": frame})


def test_pairs_and_demonstrations_must_be_alike_in_every_part():
    def pair(number, chosen, rejected):
        return {
            "pair_id": f"x{number}",
            "prompt_id": "p",
            "prompt": [token_lists("user", LONG)],
            "chosen": [token_lists("assistant", chosen)],
            "rejected": [token_lists("assistant", rejected)],
            "chosen_id": "c",
            "rejected_id": "r",
            "weight": 1.0,
        }

    frame = rows(Pairs, [pair(0, "4", "5"), pair(1, "4", "6"), pair(2, "4", "5")])
    split = Deduplicate(of="pairs").run({"pairs": frame})
    assert split.dropped["row_id"].to_list() == ["x2"]

    def demonstration(number, answer):
        return {
            "demonstration_id": f"d{number}",
            "prompt_id": "p",
            "messages": [token_lists("user", LONG), token_lists("assistant", answer)],
        }

    frame = rows(Demonstrations, [demonstration(n, answer) for n, answer in enumerate("454")])
    split = Deduplicate(of="shown").run({"shown": frame})
    assert split.dropped["row_id"].to_list() == ["d2"]


def test_no_rows():
    split = Deduplicate(of="r").run({"r": responses([])})
    assert split.kept.is_empty()
    assert split.dropped.is_empty()


def test_many_copies_of_one_text_are_quick():
    texts = ["the same text again and again"] * 20_000 + corpus(30)
    split = Deduplicate(of="r").run({"r": responses(texts)})
    assert (split.dropped["reason"] == "same text").sum() == 19_999


@given(
    texts=texts,
    sizes=st.lists(st.integers(0, 9), max_size=6),
    threshold=st.sampled_from([0.3, 0.8, 1.0]),
    scope=st.sampled_from(["all", "prompt"]),
)
def test_rows_that_come_later_change_none_and_are_compared_with_all(texts, sizes, threshold, scope):
    check_in_batches(
        responses(texts, ["pq"[row % 2] for row in range(len(texts))]), sizes, threshold, scope
    )


@pytest.mark.parametrize("threshold", [0.6, 0.9])
def test_many_rows_may_come_in_batches(threshold):
    draw = random.Random(3)
    texts = corpus(60)
    draw.shuffle(texts)
    split = check_in_batches(responses(texts), [70, 1, 0, 30], threshold, "all")
    assert split.dropped.height > 20


def check_in_batches(frame, sizes, threshold, scope):
    """Rows in batches of ``sizes`` are kept and dropped as all at once."""
    rule = Deduplicate(of="r", threshold=threshold, scope=scope)
    starts = [0, *accumulate(sizes)]
    kept, dropped, marks = [], [], None
    for start, end in pairwise([*(min(one, frame.height) for one in starts), frame.height]):
        earlier = Earlier(frame["response_id"][:start], marks, lambda numbers: frame[numbers])
        split, noted = rule.choose_more(frame[start:end], Responses, earlier)
        marks = noted if marks is None else pl.concat([marks, noted])
        kept.append(split.kept)
        dropped.append(split.dropped)
    at_once = rule.choose_rows({"r": frame}, Responses)
    assert pl.concat(kept).equals(at_once.kept)
    assert pl.concat(dropped).equals(at_once.dropped)
    return at_once
