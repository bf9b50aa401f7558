"""The hint after a name that does not exist."""

from schemas.near import MOST, near


def test_similar_names_are_meant_and_few_others_are_listed() -> None:
    assert near("scor", ["scores", "pairs"]) == "did you mean 'scores'?"
    assert near("x", ["scores", "pairs"]) == "there is 'pairs', 'scores'"
    assert near("x", []) == "there is none"


def test_very_many_names_are_counted() -> None:
    names = [f"recipe_{number}" for number in range(MOST + 1)]
    assert near("x", names) == "none of the 41 that there are is spelled like it"
