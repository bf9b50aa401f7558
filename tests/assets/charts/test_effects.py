"""Pictures and words of ablations: what follows from an interval, and a picture that says it."""

from xml.etree import ElementTree

import pytest

from assets.charts.effect_words import effect_of, rows_of
from assets.charts.effects import curve_picture, effects_picture
from assets.storage.ablations import Ablation, Interval, Measured, VariantResult


def result(
    name: str, effect: Interval | None, *, left_out: str | None = None, rows: int = 100
) -> VariantResult:
    gain = Interval(0.1, 0.05, 0.15, (0.1,))
    measured = {"tasks": Measured("check", 300, 0.35, gain, effect)}
    return VariantResult(name, left_out, {"dpo": rows}, {"dpo": 200 / rows}, False, measured)


LOWER = Interval(-0.2, -0.3, -0.1, (-0.2,))
HIGHER = Interval(0.2, 0.1, 0.3, (0.2,))
UNCLEAR = Interval(0.0, -0.1, 0.1, (0.0,))


@pytest.mark.parametrize(
    ("variant", "follows"),
    [
        (result("without good", LOWER, left_out="good"), "good helps"),
        (result("without bad", HIGHER, left_out="bad"), "bad hurts"),
        (result("without any", UNCLEAR, left_out="any"), "undecided"),
        (result("1/2 of the rows", LOWER), "worse than all data"),
        (result("all data", None), "better than the start"),
        (VariantResult("without x", "x", {"dpo": 1}, {"dpo": 1}, True), "the same rows"),
    ],
)
def test_what_follows_from_an_interval(variant: VariantResult, follows: str) -> None:
    assert effect_of(variant, "tasks") == follows


def test_rows_say_how_often_they_are_learned() -> None:
    assert rows_of(result("1/2 of the rows", LOWER)) == "100 (×2)"
    left_out = VariantResult("only one", None, {"sft": 0, "dpo": 50}, {"dpo": 1.0}, False)
    assert rows_of(left_out) == "no sft\n50 (×1)"


def ablation(by: str, *variants: VariantResult) -> Ablation:
    whole = result("all data", None, rows=200)
    return Ablation("assistant", 1, by, "", "", {"mixed": 1}, (0,), {"dpo": 25}, (whole, *variants))


def test_pictures_say_their_figures() -> None:
    by_recipe = ablation("recipe", result("without <good>", LOWER, left_out="<good>"))
    drawn = effects_picture(by_recipe, "tasks").alone()
    ElementTree.fromstring(drawn)
    assert "without &lt;good&gt;" in drawn
    assert "-20.0 points [-30.0, -10.0]" in drawn
    curve = curve_picture(ablation("size", result("1/2 of the rows", LOWER)), "tasks").alone()
    ElementTree.fromstring(curve)
    assert "100 rows" in curve
    assert "200 rows" in curve
