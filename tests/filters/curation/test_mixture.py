"""Mixture: tasks in proportion to their sizes, or to what a few steps on each did to a target."""

from math import ceil

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Mixture
from schemas import Demonstrations, Evaluations, rows


def task(name: str, count: int) -> pl.DataFrame:
    """Demonstrations of a task; their ids begin with its name."""
    messages = [{"role": "user", "content": name}, {"role": "assistant", "content": "yes"}]
    known = {"prompt_id": name, "messages": messages, "response_id": name}
    records = [{"demonstration_id": f"{name}{number}", **known} for number in range(count)]
    return rows(Demonstrations, records)


def evaluation(marks: dict[str, tuple[bool, int]]) -> pl.DataFrame:
    """By prompt: whether the greedy answer is right, and how many of three samples."""
    return rows(
        Evaluations,
        [
            {
                "prompt_id": prompt,
                "greedy_before": False,
                "greedy_after": greedy,
                "samples": 3,
                "right_before": 0,
                "right_after": right,
            }
            for prompt, (greedy, right) in marks.items()
        ],
    )


BEFORE = {"p": (True, 1), "q": (False, 2)}


@given(
    sizes=st.lists(st.integers(0, 40), min_size=2, max_size=4),
    share=st.sampled_from([0.1, 0.25, 0.5, 1.0]),
)
def test_tasks_are_in_proportion_to_their_sizes(sizes: list[int], share: float) -> None:
    names = "abcd"[: len(sizes)]
    tables = {name: task(name, size) for name, size in zip(names, sizes, strict=True)}
    split = Mixture(of=tuple(names), share=share).run(tables)
    wanted = ceil(share * sum(sizes))
    assert split.kept.height == wanted
    assert split.kept.height + split.dropped.height == sum(sizes)
    for name, size in zip(names, sizes, strict=True):
        kept = split.kept.filter(pl.col("prompt_id") == name).height
        assert abs(kept - share * size) < len(sizes)
    turned = {
        name: frame.sort("demonstration_id", descending=True) for name, frame in tables.items()
    }
    again = Mixture(of=tuple(names), share=share).run(turned)
    assert set(again.kept["demonstration_id"]) == set(split.kept["demonstration_id"])


def test_tasks_are_in_proportion_to_what_their_patches_gain() -> None:
    after = {
        "a": {"p": (True, 3), "q": (True, 3)},
        "b": {"p": (True, 2), "q": (False, 2), "only here": (False, 0)},
        "c": {"p": (False, 0), "q": (False, 2)},
        "d": BEFORE,
    }
    # By hand: the share of right answers of four, a mean over both prompts.
    before = (2 / 4 + 2 / 4) / 2
    gains = {
        "a": (4 / 4 + 4 / 4) / 2 - before,
        "b": (3 / 4 + 2 / 4) / 2 - before,
        "c": (0 / 4 + 2 / 4) / 2 - before,
        "d": 0.0,
    }
    tables = {name: task(name, 40) for name in gains}
    tables |= {f"after_{name}": evaluation(marks) for name, marks in after.items()}
    tables["before"] = evaluation(BEFORE)
    mixture = Mixture(
        of=tuple(gains),
        share=0.125,
        before="before",
        patched=tuple(f"after_{name}" for name in gains),
    )
    split = mixture.run(tables)
    counts = dict(split.kept.group_by("prompt_id").len().iter_rows())
    assert counts == {name: 20 * gains[name] / (gains["a"] + gains["b"]) for name in ("a", "b")}
    assert split.report.findings == pytest.approx(
        {f"gain of {name}": gain for name, gain in gains.items()}
    )
    reasons = dict(split.dropped.group_by("reason").len().iter_rows())
    assert reasons == {"its task does not help the target": 80, "beyond the mixture": 60}


def test_a_small_task_gives_all_it_has_and_if_none_helps_the_sizes_decide() -> None:
    tables = {"a": task("a", 2), "b": task("b", 40), "before": evaluation(BEFORE)}
    better, same = evaluation({"p": (True, 3), "q": (True, 3)}), evaluation(BEFORE)
    tables |= {"after_a": better, "after_b": better}
    mixture = Mixture(of=("a", "b"), share=0.25, before="before", patched=("after_a", "after_b"))
    kept = mixture.run(tables).kept
    assert dict(kept.group_by("prompt_id").len().iter_rows()) == {"a": 2, "b": 9}
    none = mixture.run(tables | {"after_a": same, "after_b": same})
    assert none.kept.equals(Mixture(of=("a", "b"), share=0.25).run(tables).kept)
    assert set(none.dropped["reason"]) == {"beyond the mixture"}
    assert set(none.report.findings.values()) == {0.0}
    other = evaluation({"another": (True, 0)})
    with pytest.raises(ValueError, match="'after_b' and 'before' share no prompt"):
        mixture.run(tables | {"after_b": other})


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        Mixture(of=("a", "b"), share=0.5, before="c")
    with pytest.raises(ValueError, match="1 evaluations of 2 tasks"):
        Mixture(of=("a", "b"), share=0.5, before="c", patched=("d",))
    with pytest.raises(ValueError, match="named twice"):
        Mixture(of=("a", "a"), share=0.5)
