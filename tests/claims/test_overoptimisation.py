"""Overoptimisation: gold and proxy of the best of n, and over checkpoints."""

from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.charts import claim_picture
from claims import Overoptimisation, UnmeasurableError
from claims.overoptimisation import best_of_n
from tests.claims.tables import CHECKS, prompts, responses, scores

LETTERS = "abcdefghijklmnopqrst"
NAMES = [f"{prompt}{number}" for prompt in LETTERS for number in "1234"]


def slow_best_of_n(proxy: list[float], gold: list[float], n: int) -> float:
    """The mean over all subsets of n, of the gold of those that the proxy likes best."""
    best = []
    for subset in combinations(range(len(proxy)), n):
        top = max(proxy[each] for each in subset)
        best.append(np.mean([gold[each] for each in subset if proxy[each] == top]))
    return float(np.mean(best))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2)), min_size=4, max_size=6))
def test_the_estimate_is_the_mean_over_all_subsets(known: list[tuple[int, int]]) -> None:
    # Of equal proxies a subset's best is chosen at random, as likely as in the whole.
    proxy, gold = [float(each) for each, _ in known], [float(each) for _, each in known]
    tied = {
        each: np.mean([g for p, g in zip(proxy, gold, strict=True) if p == each]) for each in proxy
    }
    found = best_of_n(proxy, gold, [1, 2, 4])
    wanted = [slow_best_of_n(proxy, [float(tied[each]) for each in proxy], n) for n in (1, 2, 4)]
    assert found == pytest.approx(wanted)
    assert wanted == pytest.approx([slow_best_of_n(proxy, gold, n) for n in (1, 2, 4)])


# Of four samples a proxy likes the last best, which is wrong; a robust one likes the third best.
TABLES = {
    "prompts": prompts(*LETTERS),
    "responses": responses({name: "right" if name[1] == "3" else "wrong" for name in NAMES}),
    "hacked": scores({name: float(name[1]) for name in NAMES}),
    "robust": scores({name: float("1243".index(name[1])) for name in NAMES}),
}


def test_a_proxy_that_is_hacked_falls_from_its_peak() -> None:
    measure = Overoptimisation(of="robust", control="hacked", most=4)
    found = measure.figures(TABLES, TABLES, checks=CHECKS)
    # By the hacked one, the third is the best of 1 in 1/4, of 2 in 2/6, of 4 never.
    assert found.measured == 0.0
    assert found.control == pytest.approx(-1 / 3)
    assert found.verdict == "held"
    assert found.plot is not None
    gold = next(
        each for each in found.plot.curves if each.panel == "gold" and "hacked" in each.name
    )
    assert [x for x, _ in gold.points] == pytest.approx([0, log(2) - 1 / 2, log(4) - 3 / 4])
    assert [y for _, y in gold.points] == pytest.approx([1 / 4, 1 / 3, 0])
    picture = claim_picture(found.plot, "<b>")
    assert "gold by robust 0.25 to 1.00" in picture.says
    assert "&lt;b&gt;" in picture.alone()
    turned = Overoptimisation(of="hacked", control="robust").figures(TABLES, TABLES, checks=CHECKS)
    assert turned.verdict == "did not hold"


def test_the_gold_reward_may_be_a_stage_of_scores() -> None:
    gold = scores({name: float(name[1] == "3") for name in NAMES})
    measure = Overoptimisation(of="robust", control="hacked", gold=("gold",))
    assert {"gold", "robust", "responses"} <= set(measure.stages())
    found = measure.figures(TABLES | {"gold": gold}, TABLES | {"gold": gold}, checks={})
    assert found.control == pytest.approx(-1 / 3)


def test_the_pressure_may_be_training() -> None:
    def side(*right: float) -> dict[str, object]:
        """Policies that are right on so many prompts each, and whose proxy rises."""
        tables: dict[str, object] = {"prompts": TABLES["prompts"]}
        for number, share in enumerate(right):
            answers = {
                f"{name}{number}": "right" if place < share * 20 else "wrong"
                for place, name in enumerate(LETTERS)
            }
            tables[f"answers_{number}"] = responses(answers)
            tables[f"proxy_{number}"] = scores(dict.fromkeys(answers, float(number)))
        return tables

    measure = Overoptimisation(
        of="proxy_2",
        responses="answers_2",
        control="proxy_2",
        checkpoints={"answers_0": "proxy_0", "answers_1": "proxy_1"},
    )
    found = measure.figures(side(0.2, 0.4, 0.6), side(0.2, 0.8, 0.3), checks=CHECKS)
    assert (found.measured, found.control) == (0.0, pytest.approx(-0.5))
    assert found.verdict == "held"
    assert "peak of 0.800 at checkpoint 2 to 0.300" in found.says
    assert set(measure.control_stages()) == set(measure.stages())


def test_a_single_sample_has_no_pressure() -> None:
    few = {name: "right" for name in NAMES if name[1] == "1"}
    tables = TABLES | {"responses": responses(few)}
    with pytest.raises(UnmeasurableError, match="two scored responses at least"):
        Overoptimisation(of="robust", control="hacked").figures(tables, tables, checks=CHECKS)
