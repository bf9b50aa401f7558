"""ConsensusSteps: only solutions on whose first error two sources agree."""

from hypothesis import given

from filters import ConsensusSteps, LabelSteps
from tests.filters.stepwise import Told, World, cut, drawn_worlds, mean_scores


def labelled(told: dict[str, Told]) -> World:
    """Stage ``labels`` of solutions of three steps, by their first errors."""
    world = cut({name: ["0\n", "1\n", "2"] for name in told})
    world |= mean_scores({"scores": told})
    return world | {"labels": LabelSteps(by="scores", rule="first_error").run(world).kept}


def test_only_solutions_on_whose_first_error_both_agree_are_kept() -> None:
    world = labelled({name: {None: [1.0]} for name in "abcdef"} | {"g": {None: [-1.0]}})
    judge: dict[str, Told] = {
        "a": {None: [1.0]},
        "b": {None: [2.0]},
        "c": {None: [-1.0]},
        "d": {None: [None]},
        "e": {0: [1.0]},
        "f": {None: [1.0, 2.0]},
        "g": {None: [-1.0]},
    }
    split = ConsensusSteps(of="labels", by="judge").run(world | mean_scores({"judge": judge}))
    assert split.kept["response_id"].to_list() == ["a", "g"]
    assert split.kept["first_error"].to_list() == [1, None]
    assert split.dropped.select("row_id", "reason", "numbers").rows() == [
        ("b", "no agreement on the first error", '{"errors":0,"ours":1,"theirs":2.0}'),
        ("c", "no agreement on the first error", '{"errors":0,"ours":1,"theirs":-1.0}'),
        ("d", "score is an error", '{"errors":1,"ours":1,"theirs":null}'),
        ("e", "no score", '{"errors":0,"ours":1,"theirs":null}'),
        ("f", "opinions differ", '{"errors":0,"ours":1,"theirs":null}'),
    ]


@given(drawn_worlds(("scores", "judge")))
def test_kept_and_dropped_are_what_came_in(world: World) -> None:
    labels = LabelSteps(by="scores", rule="soft").run(world).kept
    world = world | {"labels": labels}
    split = ConsensusSteps(of="labels", by="judge").run(world)
    ids = [*split.kept["response_id"], *split.dropped["row_id"]]
    assert sorted(ids) == sorted(labels["response_id"])
