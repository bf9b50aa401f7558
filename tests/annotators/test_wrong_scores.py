"""An annotator of somebody's own that gives something else than scores says so, row by row."""

import json
from typing import Any

import numpy as np
import pytest

from annotators import Annotator, Score
from tests.annotators.scripted import Bench


class Gives(Annotator):
    """Gives what ``what`` names."""

    what: str

    async def score(self, prompt: Any, responses: Any, models: Any) -> Any:
        return {
            "nothing": None,
            "numbers": [1.0],
            "text": [Score(responses[0].response_id, "x", "high")],  # type: ignore[arg-type]
            "numpy": [Score(each.response_id, "x", np.float32(0.5)) for each in responses],  # type: ignore[arg-type]
        }[self.what]


def scored(bench: Bench, what: str) -> Any:
    tables = bench.tables({"2 + 2?": ["4"]})
    return Gives(what=what).run(tables, bench.context(lambda *shown: ""))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nothing", "gave NoneType None, not a list of Score"),
        ("numbers", "gave float 1.0 in its list, not a Score"),
        ("text", "gave a score whose value is str 'high', not a number"),
    ],
)
def test_what_is_no_score_drops_its_row_with_the_reason(
    bench: Bench, what: str, words: str
) -> None:
    split = scored(bench, what)
    assert split.kept.height == 0
    (numbers,) = split.dropped["numbers"]
    assert words in json.loads(numbers)["error"]


def test_a_number_of_numpy_is_one(bench: Bench) -> None:
    assert scored(bench, "numpy").kept["value"].to_list() == [0.5]
