"""What fulfils an instruction passes, and what breaks one of its constraints does not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import instructions
from instructions.checking import written
from instructions.constraints import (
    JSON,
    AtMost,
    Capitals,
    Constraint,
    Contains,
    Dashes,
    Ends,
    Language,
    Letters,
    Sentences,
    Starts,
    Without,
)
from instructions.text import sentences, words

FILLERS = {
    "English": ["old", "sailors", "admire", "mild", "soup"],
    "French": ["les", "marins", "mangent", "souvent", "une", "bonne", "soupe"],
    "German": ["die", "alten", "Matrosen", "essen", "gerne", "eine", "gute", "Suppe"],
    "Italian": ["gli", "anziani", "marinai", "mangiano", "spesso", "della", "zuppa"],
    "Spanish": ["los", "marineros", "comen", "siempre", "una", "buena", "sopa", "caliente"],
}
drawn = st.builds(
    instructions.instruction,
    st.integers(0, 2**48),
    st.integers(0, 10**6),
    split=st.sampled_from(["train", "held_out"]),
)


def answer(constraints: tuple[Constraint, ...]) -> str:
    """An answer that fulfils all of the constraints: correct, if dull."""
    of = {type(each): each for each in constraints}
    if JSON in of:
        return json.dumps(dict.fromkeys(of[JSON].keys, "mild soup, old sailors"))
    language = of[Language].language if Language in of else "English"
    filler = FILLERS[language]
    needed = [*of[Starts].words.split()] if Starts in of else []
    needed += [of[Contains].word] if Contains in of else []
    needed += [of[Letters].letter * of[Letters].least] if Letters in of else []
    ending = of[Ends].words.split() if Ends in of else []
    parts = of[Sentences].count if Sentences in of else of[Dashes].lines if Dashes in of else 1
    short = AtMost in of
    texts = []
    for part in range(parts):
        begun = needed if part == 0 else []
        ended = ending if part == parts - 1 else []
        room = max(0, 3 - len(begun) - len(ended)) if short else len(filler)
        text = " ".join([*begun, *filler[:room], *ended])
        texts.append(text[0].upper() + text[1:] + ".")
    said = "\n".join(f"- {text}" for text in texts) if Dashes in of else " ".join(texts)
    return said.upper() if Capitals in of else said


def broken(text: str, constraint: Constraint) -> str:
    """The text with the constraint broken."""
    match constraint:
        case Sentences() | AtMost():
            return " ".join([text, "Old sailors admire mild soup."] * 10)
        case Contains(word=word):
            return text.casefold().replace(word, word + "ish")
        case Without(word=word):
            return f"{text} {word.upper()}?"
        case Starts():
            return f"Well, {text}"
        case Ends():
            return f"{text} Indeed."
        case Capitals():
            return text.capitalize()
        case Dashes():
            return f"Here they are:\n{text}"
        case JSON(keys=keys):
            return json.dumps({**json.loads(text), keys[0]: ""})
        case Language():
            return "The old sailors admire their mild soup, and they eat it every day."
        case Letters(letter=letter):
            return text.replace(letter, "").replace(letter.upper(), "")


@given(drawn)
def test_an_answer_that_fulfils_all_constraints_passes(asked: instructions.Instruction) -> None:
    assert instructions.check([], written(asked.constraints), answer(asked.constraints))


@given(drawn, st.data())
def test_an_answer_that_breaks_one_constraint_fails(
    asked: instructions.Instruction, data: st.DataObject
) -> None:
    constraint = data.draw(st.sampled_from(asked.constraints))
    text = broken(answer(asked.constraints), constraint)
    reference = written(asked.constraints)
    assert not instructions.check([], reference, text)
    assert constraint in instructions.unfulfilled(reference, text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Bees make honey.", 1),
        ("Bees make honey. They fly far!", 2),
        ('He asked, "Why?" and she left.', 1),
        ('"Bees make honey." That is known.', 2),
        ("Dr. Smith and J. Miller keep 3.5 hives, e.g. in the U.S. and in Peru.", 1),
        ("Rain ... falls on us.", 1),
        ("bees make honey. they fly far.", 2),
        ("1. Bees make honey.", 1),
        ("Bees make honey\nThey fly far", 2),
        ("Is it so?! It is so.", 2),
        ("", 0),
    ],
)
def test_sentences_are_counted_as_a_reader_counts_them(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_a_word_keeps_its_apostrophe_and_hyphen() -> None:
    assert words("It's a well-known 1,000 – don’t!") == [
        "it's",
        "a",
        "well-known",
        "1,000",
        "don't",
    ]


@pytest.mark.parametrize(
    ("constraint", "text", "met"),
    [
        (Contains(word="water"), "Waters are deep and wide.", False),
        (Contains(word="water"), "Deep WATER, of course.", True),
        (Without(word="the"), "Then they left.", True),
        (Starts(words="In short"), '"In short," bees fly.', True),
        (Starts(words="Today"), "Today's bees fly.", False),
        (Ends(words="after all"), "Bees fly after all!", True),
        (Ends(words="after all"), "Bees fly, after all bees.", False),
        (Capitals(), "BEES FLY FAR, 20 KM!", True),
        (Capitals(), "123 456 789", False),
        (Dashes(lines=2), "- Bees fly.\n\n- Bees sting.", True),
        (Dashes(lines=2), "-Bees fly.\n-Bees sting.", False),
        (Dashes(lines=2), "- Bees fly.\n- Bees sting.\nThat is all.", False),
        (JSON(keys=("fact", "use")), '```json\n{"use": "a", "fact": "b"}\n```', True),
        (JSON(keys=("fact", "use")), 'Here: {"use": "a", "fact": "b"}', False),
        (JSON(keys=("fact", "use")), '{"use": "a", "fact": "b", "more": 1}', False),
        (JSON(keys=("fact", "use")), "[" * 100_000, False),
        (Language(language="French"), "Les abeilles font du miel dans le jardin.", True),
        (Language(language="French"), "Bees make honey in the garden.", False),
    ],
)
def test_a_constraint_is_strict_and_fair(constraint: Constraint, text: str, met: bool) -> None:
    assert constraint.met(text) == met


@given(drawn)
def test_an_empty_answer_fulfils_nothing(asked: instructions.Instruction) -> None:
    for text in ("", " \n", "No.", "..."):
        assert not instructions.check([], written(asked.constraints), text)


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (None, "no reference"),
        ("42", "no list of constraints"),
        ("[]", "no constraint"),
        ('[{"kind": "sentences", "count": "many"}]', "count"),
        ('[{"kind": "rhymes"}]', "rhymes"),
    ],
)
def test_a_reference_that_holds_no_constraints_is_refused(
    reference: str | None, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        instructions.check([], reference, "Bees make honey.")
