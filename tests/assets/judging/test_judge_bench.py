"""``factory judge-bench``: its figures are those of a plain script over the same files."""

import json
import math
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest
from scipy.stats import kendalltau, spearmanr

from assets.factory import Factory
from assets.judging.items import drawn, read_benchmark
from assets.judging.page import judged_page
from tests.assets.cli.test_cli import factory
from tests.assets.judging.longer import MASS, WORDS, Wordy, first_odd, graded, preferred

HERE = "tests.assets.judging.longer"
PAIRS = [
    ("chat", "Say hello", "Hello there, my friend", "Hi"),
    ("chat", "Say hello", "Hello, friend", "Go"),
    ("chat", "Name a fruit", "Pear", "A very long list of vegetables"),
    ("hard", "Name a tree", "An oak", "An ash."),
    ("hard", "Name a bird", "An owl", "A dove mumble"),
    ("hard", "Name a river", "Rhine", "Tiber"),
    ("hard", "Name <b>a</b> sea", "The North Sea", "mumble"),
]
SOLUTIONS = [
    ("gsm8k-0", "What is 3 + 4 + 5?", ["3 + 4 = 7.", "7 + 5 = 13.", "It is 13."], 1),
    ("gsm8k-1", "What is 1 + 1?", ["1 + 1 = 2.", "It is 2."], -1),
    ("math-0", "What is 2 + 2?", ["2 + 2 = 5.", "It is 5."], 0),
    ("math-1", "What is 2 + 4?", ["2 + 4 = 6.", "It is 6."], -1),
    ("math-2", "What is 2 + 9?", ["2 + 9 = 11.", "It is 11."], -1),
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rewards = [
        {"prompt": prompt, "chosen": chosen, "rejected": rejected, "subset": subset}
        for subset, prompt, chosen, rejected in PAIRS
    ]
    judged = [
        {
            "question": prompt,
            "response_A": rejected,
            "response_B": chosen,
            "response_model": "m",
            "label": "B>A",
            "source": subset,
        }
        for subset, prompt, chosen, rejected in PAIRS
    ]
    steps = [
        {"id": name, "problem": problem, "steps": steps, "label": label, "generator": "m"}
        for name, problem, steps, label in SOLUTIONS
    ]
    kept = {}
    for name, rows in (("reward-bench", rewards), ("judgebench", judged), ("processbench", steps)):
        kept[name] = tmp_path / f"{name}.jsonl"
        kept[name].write_text("\n".join(map(json.dumps, rows)))
    return kept


@pytest.fixture
def bench(workshop: Any) -> Any:
    names = ("longer", "first", "wordy")
    roles = {name: {"engine": f"{HERE}.{name.capitalize()}"} for name in names}
    workshop.configure(roles=roles)
    return workshop


def _measured(*arguments: str) -> Any:
    done = factory("judge-bench", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["benchmarks"]


def _wilson(share: float, count: int) -> tuple[float, float]:
    z = 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = (
        z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    )
    return middle - reach, middle + reach


@pytest.mark.parametrize("shape", ["reward-bench", "judgebench"])
def test_pairs_as_a_plain_script_counts_them(
    bench: Any, files: dict[str, Path], shape: str
) -> None:
    (found,) = _measured("longer", "first", "--on", f"{shape}={files[shape]}")
    longer, first = found["roles"]
    for by, name, rows in [
        ("all", "all", PAIRS),
        ("group", "chat", PAIRS[:3]),
        ("group", "hard", PAIRS[3:]),
    ]:
        credits, flips, ties, firsts, named = [], 0, 0, 0, 0
        for _, _, chosen, rejected in rows:
            orders = preferred(chosen, rejected), preferred(rejected, chosen)
            credits.append({("A", "B"): 1.0, ("B", "A"): 0.0}.get(orders, 0.5))
            flips += orders in (("A", "A"), ("B", "B"))
            ties += orders == ("C", "C")
            firsts += orders.count("A")
            named += 2 - orders.count("C")
        accuracy = sum(credits) / len(credits)
        group = next(each for each in longer["groups"] if (each["by"], each["name"]) == (by, name))
        prompts = len({prompt for _, prompt, _, _ in rows})
        assert (group["items"], group["prompts"]) == (len(rows), prompts)
        assert group["accuracy"] == pytest.approx(accuracy)
        assert (group["low"], group["high"]) == pytest.approx(_wilson(accuracy, prompts))
        assert group["both"] == pytest.approx(credits.count(1.0) / len(rows))
        assert group["flips"] == pytest.approx(flips / len(rows))
        assert group["ties"] == pytest.approx(ties / len(rows))
        assert group["first_position"] == pytest.approx(firsts / named)
        assert group["mass"] == pytest.approx(median([MASS] * len(rows)))
        assert group["unread"] == 0
    # A judge that always takes the first one is right by half, and turns every pair.
    assert first["groups"][0]["accuracy"] == 0.5
    assert first["groups"][0]["flips"] == 1.0
    difference = first["less_first"]
    assert difference["accuracy"] == pytest.approx(0.5 - longer["groups"][0]["accuracy"])
    assert difference["low"] <= difference["accuracy"] <= difference["high"]
    assert longer["less_first"] is None
    assert longer["calls"] == first["calls"] == 2 * len(PAIRS)


def test_which_side_is_longer(bench: Any, files: dict[str, Path]) -> None:
    (found,) = _measured("longer", "--on", f"reward-bench={files['reward-bench']}")
    lengths = {g["name"]: g for g in found["roles"][0]["groups"] if g["by"] == "length"}
    assert {name: each["items"] for name, each in lengths.items()} == {
        "the better one is longer": 3,
        "the better one is shorter": 3,
        "both are equally long": 1,
    }
    assert lengths["the better one is longer"]["accuracy"] == 1.0


def test_first_errors_as_a_plain_script_counts_them(bench: Any, files: dict[str, Path]) -> None:
    (found,) = _measured("longer", "--on", f"processbench={files['processbench']}")
    hits = [(label, first_odd(steps) - 1 == label) for _, _, steps, label in SOLUTIONS]
    erroneous = [hit for label, hit in hits if label >= 0]
    correct = [hit for label, hit in hits if label < 0]
    one, other = sum(erroneous) / len(erroneous), sum(correct) / len(correct)
    everything, *groups = found["roles"][0]["groups"]
    assert everything["accuracy"] == pytest.approx(sum(hit for _, hit in hits) / len(hits))
    assert (everything["erroneous"], everything["correct"]) == pytest.approx((one, other))
    assert everything["f1"] == pytest.approx(2 * one * other / (one + other))
    assert everything["f1_low"] <= everything["f1"] <= everything["f1_high"]
    assert [each["name"] for each in groups if each["by"] == "group"] == ["gsm8k", "math"]


def test_written_verdicts_that_cannot_be_read(bench: Any, files: dict[str, Path]) -> None:
    (found,) = _measured("longer", "--votes", "1", "--on", f"reward-bench={files['reward-bench']}")
    everything = found["roles"][0]["groups"][0]
    assert everything["unread"] == pytest.approx(2 / 7)
    assert everything["mass"] is None
    # What cannot be read is not right.
    assert everything["accuracy"] == pytest.approx((1 + 1 + 0 + 0.5 + 0 + 0.5 + 0) / 7)


def test_rows_are_drawn_whatever_their_order(files: dict[str, Path]) -> None:
    items = read_benchmark("reward-bench", str(files["reward-bench"]), rows=None, seed=0).items
    few = [each.item_id for each in drawn(items, 3, 1)]
    assert [each.item_id for each in drawn(reversed(items), 3, 1)] == few
    assert [each.item_id for each in drawn(items, 5, 1)][:3] == few
    assert [each.item_id for each in drawn(items, 3, 2)] != few


def test_rows_that_are_no_pair_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "judged.jsonl"
    row = {"question": "Why?", "response_A": "So", "response_B": "Thus", "label": "A>B"}
    rows = [row, row, {**row, "label": "tie"}, {**row, "response_B": "So"}, {"question": "Why?"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = read_benchmark("judgebench", str(file), rows=None, seed=0)
    assert len(found.items) + sum(found.refused.values()) == len(rows)
    assert found.refused["an earlier row is the same"] == 1
    # A vote for neither is a question too, for the agreement with people.
    assert [item.vote for item in found.items].count(0.5) == 1
    assert found.refused["both responses are the same"] == 1


def test_a_page_and_every_verdict(bench: Any, files: dict[str, Path], tmp_path: Path) -> None:
    page, kept = tmp_path / "out/judges.html", tmp_path / "out/judges.parquet"
    on = [f"--on={name}={files[name]}" for name in ("reward-bench", "processbench")]
    done = factory("judge-bench", "longer", *on, "--page", str(page), "--keep", str(kept))
    assert done.exit_code == 0, done.output
    assert "reward-bench: 7 pairs, each in both orders" in done.stdout
    assert "processbench: 5 solutions" in done.stdout
    assert "default-src &#39;none&#39;" in page.read_text()
    verdicts = pl.read_parquet(kept)
    assert verdicts.height == len(PAIRS) + len(SOLUTIONS)
    # The table is enough to count the figures again.
    pairs = verdicts.filter(pl.col("benchmark") == "reward-bench")
    (found,) = _measured("longer", on[0])
    assert found["roles"][0]["groups"][0]["accuracy"] == pytest.approx(pairs["credit"].mean())


@pytest.mark.browser
def test_the_page_does_not_scroll_sideways_on_a_phone(
    bench: Any, files: dict[str, Path], tmp_path: Path, browser: Any
) -> None:
    measured = Factory.open([]).judge_bench(["longer"], f"reward-bench={files['reward-bench']}")
    file = tmp_path / "judges.html"
    file.write_text(judged_page([measured]))
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    widths = (
        "[...document.querySelectorAll('.wide')].map(one => [one.scrollWidth, one.clientWidth])"
    )
    assert all(inside == shown for inside, shown in page.evaluate(widths))
    assert "accuracy %" in page.evaluate(
        "getComputedStyle(document.querySelector('td.number'), '::before').content"
    )
    page.close()


def test_names_on_the_page_are_escaped(bench: Any, files: dict[str, Path]) -> None:
    rows = [json.loads(line) for line in files["reward-bench"].read_text().splitlines()]
    for row in rows:
        row["subset"] = f"<img src=x>{row['subset']}"
    files["reward-bench"].write_text("\n".join(map(json.dumps, rows)))
    measured = Factory.open([]).judge_bench(["longer"], f"reward-bench={files['reward-bench']}")
    html = judged_page([measured])
    assert "<img" not in html
    assert "&lt;img src=x&gt;chat" in html


def test_what_is_wrong_is_said(bench: Any, files: dict[str, Path], tmp_path: Path) -> None:
    on = f"--on=reward-bench={files['reward-bench']}"
    for arguments, says in [
        (["longr", on], "did you mean 'longer'?"),
        (["longer", "longer", on], "name each role once"),
        (["longer", on, "--group", "topic"], "has no column 'topic'"),
        (["longer", f"--on=judgebench={files['reward-bench']}"], "nothing to judge in the shape"),
        (["longer", f"--on=reward-bench={tmp_path / 'none.jsonl'}"], "cannot be read"),
        (["longer", "--on=few_held_out"], "no role 'policy' is bound"),
    ]:
        done = factory("judge-bench", *arguments)
        assert done.exit_code == 1
        assert says in done.stderr, done.stderr


def test_a_leaning_that_is_no_name(bench: Any, tmp_path: Path) -> None:
    """Neither is the most likely answer to both orders, but what is expected leans to one."""
    file = tmp_path / "leaning.jsonl"
    file.write_text(
        json.dumps({"prompt": "Why?", "chosen": "So (leans)", "rejected": "Thus it is."})
    )
    (found,) = _measured("longer", "--on", f"reward-bench={file}")
    everything = found["roles"][0]["groups"][0]
    assert (everything["accuracy"], everything["ties"], everything["both"]) == (1.0, 1.0, 0.0)
    assert everything["first_position"] is None


CHOICES = [
    ("Math", "1", "What is 1 + 1?", ["12345"], ["1", "12", "123"]),
    ("Math", "2", "What is 2 + 2?", ["123"], ["1234", "12", "1"]),
    ("Math", "3", "What is 3 + 3?", ["1234"], ["abcd", "ABCD", "1"]),
    ("Ties", "ref:0", "Name a colour", ["12345"], ["12"]),
    ("Ties", "tied:0", "Name any colour", ["12345", "1234"], ["1", "12"]),
    ("Ties", "ref:1", "Name a tree", ["1234"], ["12345"]),
    ("Ties", "tied:1", "Name any tree", ["12345", "12"], ["1"]),
    ("Ties", "ref:2", "Name a bird", ["12345"], ["1234"]),
    ("Ties", "tied:2", "Name any bird", ["12345", "ABCDE"], ["1234"]),
]


def test_right_responses_among_wrong_ones_as_a_plain_script_counts_them(
    bench: Any, tmp_path: Path
) -> None:
    file = tmp_path / "choices.jsonl"
    rows = [
        {"id": name, "prompt": prompt, "chosen": right, "rejected": wrong, "subset": subset}
        for subset, name, prompt, right, wrong in CHOICES
    ]
    rows += [{**rows[0], "rejected": ["12345"]}, {**rows[0], "rejected": []}]
    file.write_text("\n".join(map(json.dumps, rows)))
    (found,) = _measured("longer", "--on", f"reward-bench-2={file}")
    assert found["refused"] == {
        "two responses are the same": 1,
        "the row has no lists chosen and rejected": 1,
    }

    def grade(text: str) -> float:
        # The expected grade, of 1 to 5.
        return round(sum(n * (0.96 if n == graded(text) else 0.01) for n in range(1, 6)), 9)

    credits, ties, margins = [], {}, {}
    for subset, name, _, right, wrong in CHOICES:
        ours, others = [sorted(map(grade, side)) for side in (right, wrong)]
        gap, spread = ours[0] - others[-1], ours[-1] - ours[0]
        shared = len(right) == 1 and ours[0] == others[-1]
        credits.append(1 / (1 + others.count(ours[0])) if shared else float(gap > 0))
        if subset == "Ties":
            ties[name], margins[name] = gap > 0, (gap, spread)
    everything, *groups = found["roles"][0]["groups"]
    assert everything["accuracy"] == pytest.approx(sum(credits) / len(credits))
    assert everything["ties"] == pytest.approx(1 / len(CHOICES))
    lower = [min(margins[f"ref:{n}"][0], margins[f"tied:{n}"][0]) for n in range(3)]
    spreads = [margins[f"tied:{n}"][1] for n in range(3)]
    score = (
        0.3 * sum(ties[f"tied:{n}"] for n in range(3)) / 3
        + 0.3 * sum(ties[f"ref:{n}"] for n in range(3)) / 3
        + 0.2 * sum(margins[f"tied:{n}"][0] > spreads[n] for n in range(3)) / 3
        + 0.2 * sum(low > spread for low, spread in zip(lower, spreads, strict=True)) / 3
    )
    # The right trees are as far apart as can be, the right birds are not apart.
    tanh = [math.tanh(lower[0] / spreads[0] - 1), math.tanh(lower[1] / spreads[1] - 1), 1.0]
    of_ties = next(each for each in groups if each["name"] == "Ties")
    assert of_ties["ties_score"] == pytest.approx(score + 0.01 * sum(tanh) / 3)
    calls = sum(len(right) + len(wrong) for *_, right, wrong in CHOICES)
    assert found["roles"][0]["calls"] == calls


def test_agreement_with_people_is_that_of_scipy_and_a_slow_count(
    bench: Any, tmp_path: Path
) -> None:
    votes = ["A>B", "B>A", "tie", "A>B", "B>A", "A>B", "tie", "B>A"]
    texts = [("aaaa", "b"), ("a", "bbbb"), ("aaa", "bbb"), ("a", "bbbbb")]
    texts += [("aaaaa", "b"), ("aaaaaa", "bb"), ("a", "bbbbbb"), ("aa", "bb")]
    rows = [
        {"question": f"Question {n}", "response_A": a, "response_B": b, "label": vote}
        for n, (vote, (a, b)) in enumerate(zip(votes, texts, strict=True))
    ]
    file = tmp_path / "votes.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    (found,) = _measured("longer", "--on", f"judgebench={file}")
    people = found["roles"][0]["groups"][0]["people"]
    voted = [{"A>B": 1.0, "B>A": 0.0, "tie": 0.5}[vote] for vote in votes]
    said, values = [], []
    for a, b in texts:
        orders = preferred(a, b), preferred(b, a)
        said.append({("A", "B"): 1.0, ("B", "A"): 0.0}.get(orders, 0.5))
        of = {"A": 0.9 + 0.025, "B": 0.05 + 0.025, "C": 0.05 + 0.45}
        values.append(round((of[orders[0]] + 1 - of[orders[1]]) / 2, 9))
    count = len(votes)
    same = sum(one == other for one, other in zip(voted, said, strict=True)) / count
    chance = sum(voted.count(one) * said.count(one) for one in (0.0, 0.5, 1.0)) / count**2
    assert people["votes"] == count
    assert people["same"] == pytest.approx(same)
    assert people["kappa"] == pytest.approx((same - chance) / (1 - chance))
    assert people["tau"] == pytest.approx(kendalltau(voted, values).statistic)
    assert people["rho"] == pytest.approx(spearmanr(voted, values).statistic)
    # Votes for neither are no accuracy.
    hits = [1 - abs(v - s) for v, s in zip(voted, said, strict=True) if v != 0.5]
    assert found["roles"][0]["groups"][0]["items"] == len(hits) == 6
    assert found["roles"][0]["groups"][0]["accuracy"] == pytest.approx(sum(hits) / 6)


def test_one_that_writes_more_has_fewer_votes_at_equal_tokens(
    bench: Any, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    on, asked, generate = f"reward-bench={files['reward-bench']}", [], Wordy.generate

    async def counted(self: Wordy, *question: Any) -> Any:
        asked.append(question)
        return await generate(self, *question)

    monkeypatch.setattr(Wordy, "generate", counted)
    (found,) = _measured("longer", "wordy", "--votes", "8", "--on", on)
    # Fewer votes are the first of all: they ask nothing more.
    assert len(asked) == 2 * 8 * len(PAIRS)
    longer, wordy = found["roles"]
    assert longer["calls"] == wordy["calls"] == 2 * 8 * len(PAIRS)
    # Both read as much for a vote; one writes a token, the other nine.
    written = 2 * 8 * len(PAIRS)
    assert wordy["tokens"] - longer["tokens"] == written * (WORDS - 1)
    most = 8 * longer["tokens"] // wordy["tokens"]
    assert 1 <= most < 8
    assert wordy["equal_tokens"]["votes"] == most
    assert longer["equal_tokens"]["votes"] == 8
    assert longer["equal_tokens"]["tokens"] == longer["tokens"]
    assert wordy["equal_tokens"]["tokens"] <= longer["tokens"]
    assert wordy["equal_tokens"]["less_first"]["accuracy"] == pytest.approx(0)
