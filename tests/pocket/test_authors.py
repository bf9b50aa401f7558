import random
from statistics import mean

import pocket


def test_a_population_holds_each_habit_as_often_as_it_says() -> None:
    rng = random.Random(0)
    population = pocket.POPULATIONS["base"]
    authors = [population.author(rng) for _ in range(4000)]
    for habit in (*pocket.MISCONCEPTIONS, "slips", "pads"):
        share = mean(habit in author.held for author in authors)
        assert abs(share - getattr(population, habit)) < 0.03  # four standard errors


def test_being_right_does_not_depend_on_padding() -> None:
    rng = random.Random(1)
    population = pocket.POPULATIONS["base"]
    right: dict[bool, list[bool]] = {True: [], False: []}
    for index in range(4000):
        asked = pocket.problem(1, index)
        author = population.author(rng)
        judgement = pocket.judge_steps(asked, pocket.write(asked, author, rng))
        right["pads" in author.held].append(judgement.correct)
    assert abs(mean(right[True]) - mean(right[False])) < 0.07  # four standard errors


def test_padding_makes_a_solution_longer() -> None:
    asked = pocket.problem(0, 0)
    padded = pocket.write(asked, pocket.Author(frozenset({"pads"})), random.Random(0))
    assert len(padded) > len(pocket.write(asked, pocket.Author(), random.Random(0)))


def test_a_skill_asks_and_answers_in_the_train_split() -> None:
    rng = random.Random(0)
    skill = pocket.solve(pocket.POPULATIONS["strong"])
    for _ in range(50):
        user, assistant = skill.example(rng)
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        assert pocket.split_of(user["content"]) == "train"
        assert pocket.final_answer(assistant["content"]) is not None
