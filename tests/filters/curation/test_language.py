"""Texts in another language go; what is too short or too mathematical to tell stays."""

import json
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lingua import IsoCode639_1, LanguageDetectorBuilder

from filters import Language
from filters.curation.language import prose
from schemas import Demonstrations, rows

SAID = {
    "en": "The shop sells apples and pears, and Mia buys four of them every morning.",
    "de": "Der Laden verkauft Äpfel und Birnen, und Mia kauft jeden Morgen vier davon.",
    "es": "La tienda vende manzanas y peras, y Mia compra cuatro de ellas cada mañana.",
    "zh": "商店出售苹果和梨，米娅每天早上买四个，然后把它们送给朋友。",
}
UNTOLD = [
    "Answer: 16",
    "Gains 4: 12 + 4 = 16.",
    r"$$\int_0^1 \frac{\sin(\alpha x)}{\sqrt{x}}\,dx = \sum_{n=0}^\infty \beta_n$$",
    r"\[ \mathrm{argmax}_{\theta} \log p_\theta(y \mid x) + \lambda \Vert\theta\Vert \]",
    "x = 3y + 2z, y = 4x, so x, y, z = 1, 2, 3",
    "```python\nfor index, element in enumerate(elements):\n    print(element)\n```",
    "https://example.org/some/long/path/that/holds/many/words",
]
GREEK = "Το κατάστημα πουλάει μήλα και αχλάδια κάθε πρωί."
AMONG = ("de", "en", "es", "zh")
english = Language(of="r", languages=("en",), among=AMONG)


def test_only_the_wanted_languages_stay(written):
    texts = [*SAID.values(), *UNTOLD, GREEK]
    split = english.run({"r": written(texts)})
    assert split.kept["text"].to_list() == [SAID["en"], *UNTOLD]
    assert split.dropped["reason"].unique().to_list() == ["not in the wanted languages"]
    numbers = [json.loads(row) for row in split.dropped["numbers"]]
    assert [row["language"] for row in numbers] == ["de", "es", "zh", None]
    assert all(row["wanted"] < 0.5 for row in numbers)
    both = Language(of="r", languages=("en", "de"), among=AMONG).run({"r": written(texts)})
    assert both.kept["text"].to_list() == [SAID["en"], SAID["de"], *UNTOLD]


@settings(max_examples=20)
@given(
    texts=st.lists(st.sampled_from([*SAID.values(), *UNTOLD]), max_size=8), seed=st.integers(0, 9)
)
def test_each_row_is_judged_alone(texts, seed, written, shuffled, same_rows):
    tables = {"r": written(texts)}
    split = english.run(tables)
    assert split.kept["text"].to_list() == [t for t in texts if t == SAID["en"] or t in UNTOLD]
    assert split.kept.height + split.dropped.height == len(texts)
    other = english.run(shuffled(tables, abs(seed)))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


@cache
def detector():
    return LanguageDetectorBuilder.from_iso_codes_639_1(
        *(IsoCode639_1.from_str(code) for code in AMONG)
    ).build()


def slowly(text):
    """How probable English is, and each other language at most; None where there is too little to
    tell."""
    (plain,) = prose(pl.Series([text]))
    if len("".join(filter(str.isalpha, plain)).encode()) < 20:
        return None
    found = detector().compute_language_confidence_values(plain)
    shares = {each.language.iso_code_639_1.name: each.value for each in found}
    return shares.pop("EN"), max(shares.values())


mixed = st.lists(
    st.sampled_from([word for contents in SAID.values() for word in contents.split()]),
    min_size=1,
    max_size=8,
).map(" ".join)


@settings(max_examples=25)
@given(texts=st.lists(mixed, max_size=6))
def test_equals_the_slow_version(texts, written):
    wanted = [slowly(text) for text in texts]
    split = english.run({"r": written(texts)})
    told = {
        row: json.loads(numbers)["wanted"]
        for row, numbers in split.dropped.select("row_id", "numbers").rows()
    }
    assert told == {
        f"r{row}": pytest.approx(shares[0], abs=1e-5)
        for row, shares in enumerate(wanted)
        if shares is not None and shares[0] <= 0.1 and shares[1] > 0.5
    }


UNSURE = [
    "Cappuccinos cost $2, iced teas cost $3, cafe lattes cost $1.5 and espressos cost $1 each.",
    "Timothy has $50 to spend at a souvenir shop.",
    "Chelsea has 24 kilos of sugar.",
    "Montero's car has 8 gallons in it.",
    "Santino has 2 * 10 = 20 papaya fruits\nSantino has 3 * 20 = 60 mango fruits",
    "Zrinka = 6 years\nJordyn = 2 * 6 = 12 years\nMehki = 12 + 10 = 22 years",
    "α + β = γ, so θ = π - α - β, and λ, μ, σ, τ, φ and ω are as before",
]


def test_a_text_whose_language_is_unsure_stays(written):
    told = Language(of="r", languages=("en",)).run({"r": written(UNSURE)})
    assert told.dropped.is_empty()


PROBLEMS = Path(__file__).parents[4] / "shared" / "data" / "gsm8k" / "train.jsonl"


@pytest.mark.skipif(not PROBLEMS.exists(), reason="needs GSM8K's problems")
def test_next_to_no_real_problem_or_solution_in_english_goes(written):
    lines = PROBLEMS.read_text(encoding="utf-8").splitlines()[:1000]
    texts = [json.loads(line)[field] for line in lines for field in ("question", "answer")]
    split = Language(of="r", languages=("en",)).run({"r": written(texts)})
    assert split.dropped.height <= 0.001 * len(texts)


def test_a_longer_text_may_be_asked_for(written):
    text = "Die Antwort ist vier."
    assert english.run({"r": written([text])}).kept.height == 1
    assert (
        Language(of="r", languages=("en",), among=AMONG, shortest=5)
        .run({"r": written([text])})
        .kept.is_empty()
    )


def test_an_answer_in_another_language_than_its_prompt_goes(world):
    made = world({"p": [(text, []) for text in [*SAID.values(), UNTOLD[0]]]})
    asked = [[{"role": "system", "content": SAID["en"]}, {"role": "user", "content": SAID["de"]}]]
    made["prompts"] = made["prompts"].with_columns(messages=pl.Series(asked))
    split = Language(of="responses", same_as_prompt=True, among=AMONG).run(made)
    assert split.kept["text"].to_list() == [SAID["de"], UNTOLD[0]]
    numbers = json.loads(split.dropped["numbers"][0])
    assert (numbers["language"], numbers["prompt_language"]) == ("en", "de")
    assert split.dropped["reason"].unique().to_list() == ["not in the prompt's language"]
    shortly = [[{"role": "user", "content": "2 + 2 = ?"}]]
    made["prompts"] = made["prompts"].with_columns(messages=pl.Series(shortly))
    assert Language(of="responses", same_as_prompt=True, among=AMONG).run(made).dropped.is_empty()


def test_pairs_and_demonstrations_hold_their_own_prompt(compared, world):
    tables = {"pairs": compared([(SAID["en"], SAID["de"])]), "prompts": world({})["prompts"]}
    assert Language(of="pairs", languages=("en",), among=AMONG).run(tables).kept.is_empty()
    assert (
        Language(of="pairs", languages=("en",), among=AMONG, side="chosen").run(tables).kept.height
        == 1
    )
    turns = [
        {"role": "user", "content": SAID["de"]},
        {"role": "assistant", "content": SAID["en"]},
    ]
    shown = [{"demonstration_id": "d", "prompt_id": "p", "messages": turns}]
    tables["shown"] = rows(Demonstrations, shown)
    assert Language(of="shown", same_as_prompt=True, among=AMONG).run(tables).kept.is_empty()
    assert Language(of="shown", languages=("en",), among=AMONG).run(tables).kept.height == 1


def test_prose_is_what_is_left_without_formulas_and_code():
    contents = pl.Series(["So $x^2$ is `len(x)` of \\text{a pear}, see https://a.b/c: 3x or x_1."])
    assert prose(contents)[0].split() == [
        "So",
        "is",
        "of",
        "{",
        "pear},",
        "see",
        "or",
        ".",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs 'languages'"),
        ({"languages": ("english",)}, "not an ISO 639-1 code"),
        ({"languages": ("en",), "among": ("en",)}, "must name another language"),
    ],
)
def test_parameters_that_cannot_work_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Language(of="r", **fields)


def test_what_cannot_be_asked_is_said(world, written):
    with pytest.raises(ValueError, match="prompts have no prompt to compare with"):
        Language(of="prompts", same_as_prompt=True).run(world({"p": []}))
    with pytest.raises(ValueError, match="knows no such language"):
        Language(of="r", languages=("xx",)).run({"r": written([SAID["en"]])})
