"""BalanceSteps: as many labels of one kind as of the other, and the same whatever the order."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from filters import BalanceSteps, LabelSteps
from tests.filters.stepwise import World, drawn_worlds


@given(drawn_worlds(), st.sampled_from(["position", "all"]), st.integers(0, 3))
def test_right_and_wrong_steps_are_as_many(world: World, by: str, seed: int) -> None:
    labels = LabelSteps(by="scores", rule="soft").run(world).kept
    operator = BalanceSteps.model_validate({"of": "labels", "by": by, "seed": seed})
    split = operator.run({"labels": labels})
    ids = [*split.kept["response_id"], *split.dropped["row_id"]]
    assert sorted(ids) == sorted(labels["response_id"])
    had = {row["response_id"]: row for row in labels.iter_rows(named=True)}
    counts: Counter[tuple[int, bool]] = Counter()
    before: Counter[tuple[int, bool]] = Counter()
    for row in had.values():
        for step, label in enumerate(row["labels"]):
            before[step if by == "position" else 0, label] += 1
    for row in split.kept.iter_rows(named=True):
        was = had[row["response_id"]]
        assert row["first_error"] == was["first_error"]
        for step, (label, value) in enumerate(zip(row["labels"], row["values"], strict=True)):
            counts[step if by == "position" else 0, label] += 1
            if label is None:
                assert value is None
            else:
                assert (label, value) == (was["labels"][step], was["values"][step])
    for place in range(4):
        fewest = min(before[place, True], before[place, False])
        assert counts[place, True] == counts[place, False] == fewest
    turned = operator.run({"labels": labels.reverse()})
    assert turned.kept.sort("response_id").equals(split.kept.sort("response_id"))
