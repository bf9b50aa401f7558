"""The control: two responses by lot, whatever they were scored."""

from hypothesis import given
from hypothesis import strategies as st

from filters import RandomPairs
from schemas import content_id

random_pairs = RandomPairs(of="responses")


@given(data=st.data(), seed=st.integers(0, 3))
def test_equals_the_slow_version(data, seed, worlds):
    world = data.draw(worlds)
    split = RandomPairs(of="responses", seed=seed).run(world)
    pairs, reasons = {}, {}
    for (prompt,), group in world["responses"].group_by("prompt_id"):
        drawn = sorted(group.to_dicts(), key=lambda r: content_id(seed, r["response_id"]))
        if len(drawn) < 2:
            reasons[prompt] = "fewer than two responses"
        elif drawn[0]["text"].strip() == drawn[1]["text"].strip():
            reasons[prompt] = "same text"
        else:
            pairs[prompt] = (drawn[0]["response_id"], drawn[1]["response_id"], None)
    kept = split.kept.select("prompt_id", "chosen_id", "rejected_id", "margin").rows()
    assert {row[0]: row[1:] for row in kept} == pairs
    assert dict(split.dropped.select("row_id", "reason").rows()) == reasons


@given(data=st.data(), seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(data, seed, worlds, shuffled, same_rows):
    world = data.draw(worlds)
    one, other = random_pairs.run(world), random_pairs.run(shuffled(world, seed))
    assert same_rows(one.kept, other.kept, "pair_id")
    assert same_rows(one.dropped, other.dropped, "row_id")


def test_another_seed_draws_other_pairs(world):
    made = world({f"p{i}": [("a", []), ("b", []), ("c", [])] for i in range(20)})
    drawn = {
        tuple(RandomPairs(of="responses", seed=seed).run(made).kept["chosen_id"])
        for seed in range(4)
    }
    assert len(drawn) == 4
