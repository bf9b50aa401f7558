"""How many rows a run has for each row of a trial."""

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from annotators import Judge
from assets.costs.scale import Scale


@pytest.mark.parametrize(("tested", "factor"), [(16, 24 / 16), (9, 24 / 9), (2, 3.0)])
def test_tests_of_a_judge_grow_with_the_prompts_that_were_tested_with_up_to_their_limit(
    tested: int, factor: float
) -> None:
    judged: Any = SimpleNamespace(operator=Judge(of="prompts", probe_prompts=24))
    scale = Scale(
        {"judged": judged},
        {"prompts": 48},
        {"prompts": pl.DataFrame({"prompt_id": [str(number) for number in range(16)]})},
    )
    assert scale.of_probes("judged", tested) == pytest.approx(factor)
