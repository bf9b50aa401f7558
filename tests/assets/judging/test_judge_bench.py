"""``factory judge-bench``: its figures are those of a plain script over the same files."""

import json
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest

from assets.factory import Factory
from assets.judging.items import drawn, read_benchmark
from assets.judging.page import judged_page
from tests.assets.cli.test_cli import factory
from tests.assets.judging.longer import MASS, first_odd, preferred

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
    roles = {name: {"engine": f"{HERE}.{name.capitalize()}"} for name in ("longer", "first")}
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
    assert found.refused["neither response is preferred"] == 1
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
