"""Sample: every prompt accounted for, whatever happens to the run."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engines.operators.run_rows import FailureLimitError
from engines.protocol import EngineError
from generators import Sample
from schemas import Checkpoints, rows

SCRIPT = Path(__file__).parents[2] / "engines" / "operators" / "interrupted.py"
WORDS = [f"How many apples are {n} and {n}?" for n in range(40)]


def test_each_response_says_what_made_it(stand: Any) -> None:
    prompts = stand.prompts(*WORDS)
    split = Sample(n=3, temperature=0.5).run({"prompts": prompts}, stand.context())
    assert split.dropped.is_empty()
    assert split.kept["prompt_id"].to_list() == [
        one for one in prompts["prompt_id"] for _ in range(3)
    ]
    assert split.kept["response_id"].is_unique().all()
    first = split.kept.row(0, named=True)
    assert first["tokens"] == 6
    assert first["steps"] is None
    assert set(split.kept["finish"]) == {"stop", "length"}
    assert first["origin"] == {
        "operator": "generators.Sample",
        "model": "answering-policy",
        "parameters": '{"max_tokens":256,"stop":[],"temperature":0.5,"top_k":0,"top_p":1.0}',
        "seed": stand.asked[0][3],
        "parents": [],
    }


def test_with_a_checkpoint_its_weights_answer(stand: Any) -> None:
    trained = {"start": "policy", "trained": True, "rows": 1, "steps": 1, "seconds": 1.0}
    tables = {
        "prompts": stand.prompts(*WORDS[:3]),
        "ahead": rows(Checkpoints, [{"path": "trained", "metrics": "{}", **trained}]),
    }
    kept = Sample(checkpoint="ahead").run(tables, stand.context()).kept
    assert set(kept["origin"].struct.field("model")) == {"answering-trained"}
    assert {read.stage for read in Sample(checkpoint="ahead").inputs()} == {"prompts", "ahead"}


def test_a_template_asks_for_a_response_in_other_words(stand: Any) -> None:
    prompts = stand.prompts(*WORDS[:2])
    kept = Sample(template="cite").run({"prompts": prompts}, stand.context()).kept
    assert kept["prompt_id"].to_list() == prompts["prompt_id"].to_list()
    assert all(
        asked[1].startswith(f"user: {said}") and "By 1 and 2" in asked[1]
        for said, asked in zip(WORDS, stand.asked, strict=False)
    )
    assert kept["origin"].struct.field("parameters").str.contains('"template":"cite"').all()


def test_equal_texts_are_different_responses(stand: Any) -> None:
    split = Sample(n=3, temperature=0).run({"prompts": stand.prompts("Hello")}, stand.context())
    assert split.kept["text"].n_unique() == 1
    assert split.kept["response_id"].n_unique() == 3
    assert split.kept["origin"].struct.field("seed").is_null().all()


def test_more_samples_leave_the_first_as_they_were(stand: Any) -> None:
    tables = {"prompts": stand.prompts(*WORDS[:5])}
    two = Sample(n=2).run(tables, stand.context()).kept
    four = Sample(n=4).run(tables, stand.context()).kept
    first = four.with_columns(at=pl.int_range(pl.len()).over("prompt_id")).filter(pl.col("at") < 2)
    assert_frame_equal(first.drop("at"), two)


def test_seeds_of_its_own_give_a_stage_other_responses(stand: Any) -> None:
    tables = {"prompts": stand.prompts(*WORDS[:5])}
    seeds = [
        set(Sample(n=2, seeds=name).run(tables, stand.context()).kept["origin"].struct["seed"])
        for name in (None, "baseline", "baseline")
    ]
    assert seeds[1] == seeds[2]
    assert not seeds[0] & seeds[1]


def test_a_second_run_asks_nothing(stand: Any) -> None:
    tables = {"prompts": stand.prompts(*WORDS)}
    first = Sample(n=2).run(tables, stand.context())
    asked = len(stand.asked)
    context = stand.context(recipe="another", stage="of another name")
    again = Sample(n=2).run(tables, context)
    assert_frame_equal(again.kept, first.kept)
    assert len(stand.asked) == asked
    usage = again.report.usage
    assert (usage.model_calls, usage.journal_hits) == (0, 80)


def test_the_system_prompt_comes_first(stand: Any) -> None:
    Sample(system="Be brief.").run({"prompts": stand.prompts("Hello")}, stand.context())
    assert stand.asked[0][1] == "system: Be brief.\nuser: Hello"


def test_every_prompt_is_kept_or_dropped_with_its_reason(stand: Any) -> None:
    prompts = stand.prompts("fine", "too long", "say nothing", "half a character", "fine too")
    split = Sample(n=2).run({"prompts": prompts}, stand.context())
    ids = prompts["prompt_id"].to_list()
    assert split.kept["prompt_id"].unique(maintain_order=True).to_list() == [ids[0], ids[4]]
    of_prompts = split.dropped.filter(pl.col("row_id").is_in(ids))
    assert of_prompts.select("row_id", "reason").rows() == [
        (ids[1], "not answered"),
        (ids[3], "ValueError"),
        (ids[2], "no response kept"),
    ]
    assert "900 tokens" in of_prompts["numbers"][0]
    of_responses = split.dropped.filter(~pl.col("row_id").is_in(ids))
    assert of_responses["reason"].to_list() == ["text_not_empty"] * 2


def test_no_prompts_give_no_responses(stand: Any) -> None:
    split = Sample().run({"prompts": stand.prompts()}, stand.context())
    assert split.kept.is_empty()
    assert split.dropped.is_empty()


def test_a_server_that_is_gone_stops_the_run_and_answers_are_kept(stand: Any) -> None:
    prompts = stand.prompts(*WORDS, "no server")
    with pytest.raises(EngineError, match="the server is gone"):
        Sample().run({"prompts": prompts}, stand.context(window=4))
    asked = len(stand.asked)
    Sample().run({"prompts": prompts.head(40)}, stand.context())
    assert asked == 41
    assert len(stand.asked) == 41


def test_too_many_failures_stop_the_run(stand: Any) -> None:
    prompts = stand.prompts(*(f"too long {n}" for n in range(30)))
    with pytest.raises(FailureLimitError, match="20 of 20 rows failed"):
        Sample().run({"prompts": prompts}, stand.context(window=1))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)), window=st.integers(1, 20))
def test_neither_order_nor_window_changes_a_row(stand: Any, order: list[int], window: int) -> None:
    texts = [*WORDS[:10], "too long", "say nothing"]
    journal = stand.folder / f"{random.random()}.sqlite"
    plain = Sample(n=2).run({"prompts": stand.prompts(*texts)}, stand.context())
    prompts = stand.prompts(*(texts[n] for n in order))
    split = Sample(n=2).run({"prompts": prompts}, stand.context(window=window, journal=journal))
    assert_frame_equal(split.kept.sort("response_id"), plain.kept.sort("response_id"))
    assert_frame_equal(split.dropped.sort("row_id"), plain.dropped.sort("row_id"))
    kept = split.kept["prompt_id"].unique(maintain_order=True).to_list()
    assert kept == [one for one in prompts["prompt_id"] if one in set(kept)]


def start(folder: Path) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), "400", "2"], stdout=subprocess.PIPE, text=True
    )


def finish(folder: Path) -> list[str]:
    with start(folder) as process:
        asked = process.communicate(timeout=120)[0].split()
    assert process.returncode == 0
    return asked


def journaled(folder: Path) -> set[str]:
    if not (folder / "journal.sqlite").exists():
        return set()
    with sqlite3.connect(folder / "journal.sqlite") as journal:
        return {key.hex() for (key,) in journal.execute("SELECT key FROM answers")}


def test_a_run_killed_anywhere_resumes_to_the_same_table(tmp_path: Path) -> None:
    """800 answers, killed thrice in the middle: no answer on disk is asked for again."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    everything = finish(undisturbed)
    assert len(set(everything)) == len(everything) == 800
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    for _ in range(3):
        known = journaled(killed)
        with start(killed) as process:
            assert process.stdout is not None
            asked = [process.stdout.readline().strip() for _ in range(moments.randint(1, 250))]
            process.send_signal(signal.SIGKILL)
            asked += process.stdout.read().split()
        assert not known & set(asked), f"asked again, moments of {seed}"
        assert known <= journaled(killed)
    known = journaled(killed)
    asked = finish(killed)
    assert sorted([*known, *asked]) == sorted(everything), f"moments of {seed}"
    assert_frame_equal(
        pl.read_parquet(killed / "table.parquet"), pl.read_parquet(undisturbed / "table.parquet")
    )
    assert finish(killed) == []
