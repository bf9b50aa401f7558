import random
import re

import pytest

import pocket
from pocket.critiques import DISPLEASED, follow_up, pleased
from pocket.edits import ERRORS, inject, put_right
from pocket.judges import Opinion
from pocket.lessons import LESSONS, Sampler
from pocket.lessons.lesson import more_careful
from pocket.lessons.retrying import settled
from pocket.lessons.thinking import episodes
from pocket.responses import Response
from pocket.stock import call, facts, holds, read_stocked, stocked

ANSWERS = {
    "judge_reference": r"[1-5]",
    "principle_pairwise": r"[ABC]",
    "context_pairwise": r"[ABC]",
    "principle_pointwise": r"[1-5]",
    "own_verdict": r"right|wrong",
    "check_step": r"yes|no",
    "judge_with_tools": r"True|False",
    "pairwise_rationale": r"(?s)A: .*\nB: .*\nVerdict: [ABC]",
    "program": r"(?s).*print\([a-z]\)",
    "expression": r"[-+*/() \d]+",
    "mend_expression": r"[-+*/() \d]+",
    "plan": r"(?s)Plan:\n.*\nSolution:\n.*Answer: \d+",
    "use_tools": r"Answer: \d+",
    "question": r"How many .*\?",
    "answer_from_text": r"Answer: \d+",
    "judge_pointwise": r"[1-5]",
    "judge_rationale": r"(No step is wrong|Step \d [a-z ]+|It [a-z ]+)\. Score: [1-5]",
    "judge_pairwise": r"[ABC]",
    "judge_listwise": r"[ABC]( [ABC]){1,2}",
    "checklist_item": r"yes|no",
    "write_checklist": r"([A-Z][a-z ]+\?\n?){1,4}",
    "p_true": r"True|False",
    "first_error": r"none|[1-9]\d?",
    "critique": r"(No step is wrong|Step \d [a-z ]+|It [a-z ]+)\.",
    "revise": r"(?s).*",
    "inject_error": r"(?s).*Answer: \d+",
    "new_problem": r".*\?",
    "followup": r"[A-Z][a-z, ]+\.",
    "with_criteria": r"(?s).*Answer: \d+",
}


@pytest.mark.parametrize("skill", sorted(LESSONS))
def test_a_lesson_is_answered_as_it_should_and_stays_in_its_split(skill: str) -> None:
    problems = re.compile(r"[A-Z]\w+ (?:has|starts with) [^\n]*?\?(?=\n|$)")
    for seed in range(30):
        for name, split in (*((each, "train") for each in pocket.JUDGES), (None, "held_out")):
            chat = LESSONS[skill].tell(Sampler(random.Random(seed), name, split))  # type: ignore[arg-type]
            answered = chat[-1]["content"]
            assert chat[-1]["role"] == "assistant"
            assert re.fullmatch(ANSWERS.get(skill, r"(?s).*"), answered), answered
            words = "\n".join(turn["content"] for turn in chat)
            texts = [text for text in problems.findall(words) if pocket.read(text)]
            assert {pocket.split_of(text) for text in texts} <= {split}


@pytest.mark.parametrize("skill", sorted(LESSONS))
def test_a_lesson_is_drawn_from_its_seed_alone(skill: str) -> None:
    one, other, another = (
        LESSONS[skill].tell(Sampler(random.Random(seed), "base")) for seed in (1, 1, 2)
    )
    assert one == other != another


# A worse solution may come out right, and a short text cannot be padded.
NOT_ALWAYS = {
    "worsen": "made wrong",
    "conditioned": "padded as asked",
    "mend_in_line": "false alarms",
}


@pytest.mark.parametrize("skill", sorted(name for name in LESSONS if LESSONS[name].marks))
def test_the_truth_is_marked_right_and_nonsense_is_not(skill: str) -> None:
    for figure, mark in LESSONS[skill].marks.items():
        chats = [
            LESSONS[skill].tell(Sampler(random.Random(seed), split="held_out"))
            for seed in range(30)
        ]
        marked = {mark(chat, chat[-1]["content"]) for chat in chats} - {None}
        assert marked <= ({True, False} if NOT_ALWAYS.get(skill) == figure else {True})
        if figure not in (
            "answered",
            "made wrong",
            "padded as asked",
            "right or wrong as asked",
            "right where answered",
            "grade asked for",
        ):
            assert True not in {mark(chat, "nonsense") for chat in chats}


def test_a_thought_tries_checks_and_goes_back() -> None:
    chats = [LESSONS["think"].tell(Sampler(random.Random(seed), "weak")) for seed in range(30)]
    thoughts = [chat[-1]["reasoning_content"] for chat in chats]
    assert all(len(episodes(thought)) >= 2 for thought in thoughts)
    assert any("Wait, I go back." in thought for thought in thoughts)
    for chat, thought in zip(chats, thoughts, strict=True):
        assert episodes(thought)[-1] == chat[-1]["content"]


def test_what_is_taken_back_is_not_counted() -> None:
    for seed in range(40):
        chat = LESSONS["mend_in_line"].tell(Sampler(random.Random(seed)))
        asked = pocket.read(chat[0]["content"].splitlines()[0])
        assert asked is not None
        judged = pocket.judge_steps(asked, settled(chat[-1]["content"]))
        assert judged.correct


def test_what_a_problem_leaves_out_is_in_the_corpus() -> None:
    rng = random.Random(0)
    texts = [stocked(pocket.problem(8, index), rng) for index in range(200)]
    found = [text for text in texts if text is not None]
    assert len(found) > 20
    for index, text in enumerate(texts):
        if text is not None:
            known, asked = read_stocked(text), pocket.problem(8, index)
            assert known is not None
            assert pocket.answer(known) == pocket.answer(asked)
            assert pocket.read(text) is None
    assert not set(facts("train")) & set(facts("held_out"))


def test_tools_answer_or_say_why_not() -> None:
    assert call("calc(12 + 7)") == "19"
    assert call("look(bags of pens from Mia)") == str(holds("bags", "pens", "Mia"))
    assert call("calc(__import__('os'))").startswith("error")  # type: ignore[union-attr]
    assert call("look(Faust)").startswith("error")  # type: ignore[union-attr]
    assert call("burn(1)").startswith("error")  # type: ignore[union-attr]
    assert call("Answer: 4") is None


def test_all_skills_are_drawn() -> None:
    names = [skill.name for skill in pocket.skills("base")]
    assert names == ["solve", *LESSONS]


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("style", ["plain", "we"])
def test_an_injected_error_is_small_and_makes_the_answer_wrong(
    kind: pocket.Error, style: pocket.authors.Style
) -> None:
    rng = random.Random(0)
    unchanged = 0
    for index in range(300):
        asked = pocket.problem(4, index)
        before = pocket.write(asked, pocket.Author(style=style), rng)
        after = inject(before, kind, rng)
        if after == before:
            unchanged += 1
            continue
        judgement = pocket.judge_steps(asked, after)
        assert not judgement.correct
        # Only the last computing step and the answer that follows from it differ.
        one, other = before.splitlines(), after.splitlines()
        assert one[:-2] == other[:-2]
        assert len(one) == len(other)
        assert judgement.first_error == len(other) - 2
        if kind == "sum":
            assert judgement.steps[-2].habit == "slips"
    assert unchanged < 30


def test_nothing_is_injected_where_nothing_is_computed() -> None:
    assert inject("Answer: 4", "sum", random.Random(0)) == "Answer: 4"


def test_what_is_put_right_keeps_what_came_before() -> None:
    rng = random.Random(0)
    for index in range(200):
        asked = pocket.problem(5, index)
        wrong = pocket.write(asked, pocket.Author(pocket.brought_out(asked) & {"twos"}), rng)
        fault = pocket.judge_steps(asked, wrong).first_error
        better = put_right(asked, wrong, fault, pocket.Author(), rng)
        assert pocket.judge_steps(asked, better).correct
        assert better.splitlines()[:fault] == wrong.splitlines()[:fault]


def test_other_habits_survive_a_revision() -> None:
    asked = pocket.read(
        "Mia has 9 apples. Then the apples double. Tom has 2 apples. How many apples does Mia have?"
    )
    assert asked is not None
    wrong = pocket.write(asked, pocket.Author(frozenset({"twos", "others"})), random.Random(0))
    author = pocket.Author(frozenset({"others"}))
    better = put_right(asked, wrong, 0, author, random.Random(0))
    assert better == "Doubles: 9 x 2 = 18.\nOthers have 2: 18 + 2 = 20.\nAnswer: 20"


def test_a_user_is_pleased_by_what_looks_right_and_says_what_does_not() -> None:
    rng = random.Random(0)
    assert all(pleased(follow_up(Opinion(5, None), rng)) for _ in range(20))
    said = {follow_up(Opinion(3, 0, "others"), rng) for _ in range(50)}
    assert said == {"You counted what belongs to others.", DISPLEASED}
    assert {follow_up(Opinion(1, 0, attempted=False), rng) for _ in range(50)} == {DISPLEASED}


def test_a_criterion_makes_misconceptions_rarer() -> None:
    population = pocket.POPULATIONS["base"]
    assert more_careful(population, 0.35).others == 0.35 * population.others
    assert more_careful(population, 0.35).slips == population.slips


def test_a_checklist_asks_for_what_the_problem_can_bring_out() -> None:
    asked = pocket.read("Mia has 9 apples. Then the apples double. How many apples does Mia have?")
    assert asked is not None
    items = pocket.checklist(asked)
    assert items == [
        "Does it double and halve by two?",
        "Is each sum correct?",
        "Does it have an answer?",
    ]
    added = Response("Doubles: 9 + 2 = 11.\nAnswer: 11")
    assert [pocket.meets(asked, added, item) for item in items] == [False, True, True]
    lenient = pocket.Judge(overlooks=frozenset({"twos"}))
    assert pocket.meets(asked, added, items[0], lenient)
    assert not any(pocket.meets(asked, Response("The answer is", "opener"), item) for item in items)


def test_a_checklist_has_two_to_four_items() -> None:
    lengths = {len(pocket.checklist(pocket.problem(6, index))) for index in range(200)}
    assert lengths == {2, 3, 4}
