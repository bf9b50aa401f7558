"""A system turn that a stage adds is in the prompt of all that is made of its responses."""

from typing import Any

import polars as pl

from annotators import Likelihood
from filters import Imitate, RandomPairs, Versus
from generators import Refine, Sample
from schemas import MESSAGES, named_rows

BRIEF = {"role": "system", "content": "Be brief."}
TREE = {"role": "user", "content": "Name a tree."}


def asked(frame: pl.DataFrame) -> list[list[dict[str, str]]]:
    """The prompt of each pair or demonstration."""
    rows = list(named_rows(frame))
    return [row["prompt"] if "prompt" in row else row["messages"][:-1] for row in rows]


def sampled(stand: Any, prompts: pl.DataFrame, **fields: Any) -> pl.DataFrame:
    return Sample(n=2, **fields).run({"prompts": prompts}, stand.context()).kept


def test_pairs_and_demonstrations_have_it_once(stand: Any) -> None:
    prompts = stand.prompts("Name a tree.")
    responses = sampled(stand, prompts, system="Be brief.")
    tables = {"prompts": prompts, "responses": responses}
    assert asked(RandomPairs(of="responses", cut="keep").run(tables).kept) == [[BRIEF, TREE]]
    assert asked(Imitate(of="responses", cut="keep").run(tables).kept) == [[BRIEF, TREE]] * 2


def test_rewards_and_revisions_are_asked_under_it(stand: Any) -> None:
    prompts = stand.prompts("Name a tree.")
    tables = {"prompts": prompts, "responses": sampled(stand, prompts, system="Be brief.")}
    stand.asked.clear()
    Likelihood(of="responses").run(tables, stand.context(stage="likelihood"))
    assert {said for _, said, *_ in stand.asked} == {"system: Be brief.\nuser: Name a tree."}
    revised = Refine(of="responses").run(tables, stand.context(stage="refined")).kept
    tables |= {"refined": revised}
    pairs = Versus(of="refined", against="responses", cut="keep").run(tables).kept
    assert asked(pairs) == [[BRIEF, TREE]]


def test_a_prompt_keeps_a_system_turn_of_its_own(stand: Any) -> None:
    own = [{"role": "system", "content": "Rhyme."}, TREE]
    prompts = stand.prompts("Name a tree.").with_columns(messages=pl.Series([own], dtype=MESSAGES))
    responses = sampled(stand, prompts, system="Be brief.")
    assert stand.asked[0][1] == "system: Rhyme.\nuser: Name a tree."
    tables = {"prompts": prompts, "responses": responses}
    assert asked(RandomPairs(of="responses", cut="keep").run(tables).kept) == [own]


def test_responses_under_different_turns_are_compared_without_one(stand: Any) -> None:
    prompts = stand.prompts("Name a tree.")
    tables = {
        "prompts": prompts,
        "good": sampled(stand, prompts, system="Be kind."),
        "bad": sampled(stand, prompts, system="Be rude."),
    }
    assert asked(Versus(of="good", against="bad").run(tables).kept) == [[TREE]]
