"""A person decides about pairs: without a hint, for good, and for others to be measured by."""

import os
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from annotators import Reviewed
from assets.cli import app
from assets.config.errors import FactoryError
from assets.review.agreement import LABELS, WithPeople, with_people
from assets.review.decisions import Decisions
from assets.review.items import to_review
from assets.review.reviewing import reviewing
from assets.review.server import TOKEN, application
from assets.review.session import Session
from assets.storage.tables import Tables
from engines.context import Context
from filters import PreferenceStrength
from schemas import Pairs, Scores
from tests.assets.reported import REFRESH, SCRIPT, write_solutions
from tests.assets.review.conftest import NAME


@lru_cache(maxsize=1)
def floor_of(workshop: Any) -> Any:
    """Loaded once a test: nothing that the test does changes it."""
    return workshop.project()


def session(workshop: Any, person: str = "ann", seed: int = 0) -> Session:
    project = floor_of(workshop)
    items = to_review(project, NAME, seed=seed)
    return Session(
        items, dataset=NAME, person=person, reviews=project.settings.reviews_path, seed=seed
    )


def kept(workshop: Any, person: str = "ann") -> pl.DataFrame:
    return pl.read_parquet(workshop.folder / "data" / "reviews" / NAME / f"{person}.parquet")


def rightly(session: Session, count: int) -> None:
    """Decide on ``count`` pairs as the verifier would: the answer that adds up is better."""
    for _ in range(count):
        item = session.state()["item"]
        truth = _sum(item["prompt"][-1]["content"])
        text = "".join(part for part, _ in item["left"]["own"])
        left = f"Answer: {truth}" in text or "<script>" in text or text.startswith("a very long")
        session.decide(item["pair"], "left" if left else "right")


def _sum(text: str) -> int:
    words = text.split()
    return int(words[3]) + int(words[8])


def test_neither_the_order_nor_the_sides_tell_the_label(reviewed: Any) -> None:
    project = floor_of(reviewed)
    first, again, other = (to_review(project, NAME, seed=seed) for seed in (0, 0, 1))
    assert [item.pair_id for item in first] == [item.pair_id for item in again]
    assert [item.pair_id for item in first] != [item.pair_id for item in other]
    assert sorted(item.pair_id for item in first) == sorted(item.pair_id for item in other)
    lefts = [item.left for item in first]
    assert {lefts.count("chosen"), lefts.count("rejected")} <= set(range(4, 17))
    # What the page is sent is the same whichever side was chosen, but for the texts' places.
    shown = session(reviewed).state()
    assert set(shown["item"]) == {"pair", "recipe", "refresh", "prompt", "left", "right", "comment"}
    assert shown["last"] is None


def test_decisions_are_scores_of_both_responses(reviewed: Any) -> None:
    reading = session(reviewed)
    rightly(reading, 3)
    reading.decide(reading.state()["item"]["pair"], "reject")
    scores = kept(reviewed)
    assert Scores.is_valid(scores)
    assert set(scores["annotator"]) == {"person:ann"}
    by_pair = scores.group_by(pl.col("origin").struct.field("parents").list.first()).agg(
        pl.col("value").sort(), pl.col("raw").first()
    )
    assert by_pair.height == 4
    assert by_pair.filter(pl.col("raw") == "reject")["value"].to_list() == [[None, None]]
    assert by_pair.filter(pl.col("raw") != "reject")["value"].to_list() == [[0.0, 1.0]] * 3


def test_a_tie_is_half_a_point_each_and_a_skip_no_review(reviewed: Any) -> None:
    reading = session(reviewed)
    pairs = [reading.state()["item"]["pair"]]
    reading.decide(pairs[0], "tie", " both add up \n")
    assert reading.state()["last"]["verdict"] == "tie"
    pairs.append(reading.state()["item"]["pair"])
    reading.decide(pairs[1], "skip")
    # A skipped pair may be shown again: its label is not told.
    assert reading.state()["last"] == {"verdict": "skip"}
    scores = kept(reviewed)
    assert Scores.is_valid(scores)
    assert scores["value"].to_list() == [0.5, 0.5, None, None]
    assert [made.comment for made in session(reviewed)._decided.values()] == ["both add up", ""]
    people = Reviewed().run({"responses": _responses(reviewed)}, _context(reviewed))
    assert people.kept["value"].to_list() == [0.5, 0.5]


def test_the_comment_of_a_decision_that_is_taken_back_is_shown_again(reviewed: Any) -> None:
    reading = session(reviewed)
    reading.decide(reading.state()["item"]["pair"], "left", "too long")
    assert reading.state()["item"]["comment"] == ""
    assert reading.state(reading.undo())["item"]["comment"] == "too long"


def test_undo_takes_back_the_last_and_shows_it_again(reviewed: Any) -> None:
    reading = session(reviewed)
    rightly(reading, 2)
    last = [decision.pair_id for decision in Decisions(_reviews(reviewed), NAME, "ann")][-1]
    assert reading.undo() == last
    assert reading.state(last)["item"]["pair"] == last
    assert kept(reviewed).height == 2
    same = reading.state()["agreement"]
    assert (same["same"], same["decided"]) == (1, 1)
    low, high = same["interval"]
    assert 0 < low < high == 1
    assert reading.undo() is not None
    assert reading.undo() is None
    assert reading.state()["done"] == 0
    assert reading.state()["agreement"] is None


def test_a_later_session_goes_on_and_others_begin_for_themselves(reviewed: Any) -> None:
    rightly(session(reviewed), 5)
    again = session(reviewed, seed=3)
    assert again.state()["done"] == 5
    done = {decision.pair_id for decision in Decisions(_reviews(reviewed), NAME, "ann")}
    assert again.state()["item"]["pair"] not in done
    assert again.undo() in done
    assert session(reviewed, "bob").state()["done"] == 0
    rightly(session(reviewed), 16)
    finished = session(reviewed).state()
    assert (finished["done"], finished["all"], finished["item"]) == (20, 20, None)


def test_what_was_decided_survives_a_kill(reviewed: Any) -> None:
    code = (
        "import os, signal\n"
        "from assets.project.project import load_project\n"
        "from assets.review.reviewing import reviewing\n"
        f"with reviewing(load_project(), {NAME!r}, 'ann') as reading:\n"
        "    for _ in range(3):\n"
        "        reading.decide(reading.state()['item']['pair'], 'left')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    with reviewing(floor_of(reviewed), NAME, "ann") as reading:
        assert reading.state()["done"] == 3


def test_nobody_decides_under_a_name_that_is_taken(reviewed: Any) -> None:
    project = floor_of(reviewed)
    with (
        reviewing(project, NAME, "ann"),
        pytest.raises(FactoryError, match="ann is reviewing already"),
        reviewing(project, NAME, "ann"),
    ):
        pass
    with reviewing(project, NAME, "ann"), reviewing(project, NAME, "bob"):
        pass


def test_decisions_are_an_annotator_of_the_recipe(reviewed: Any) -> None:
    reading = session(reviewed)
    rightly(reading, 20)
    tables = Tables(reviewed.folder / "data")
    pairs, likely = (tables.read((NAME, stage), REFRESH) for stage in ("pairs", "likely"))
    responses = _responses(reviewed)
    people = Reviewed().run({"responses": responses}, _context(reviewed))
    assert people.kept.height == 40
    # Of the responses to the prompts without a pair nobody was asked.
    assert set(people.dropped["reason"]) == {"not reviewed"}
    assert people.dropped.height == responses.height - 40
    strength = PreferenceStrength(of="pairs", by=("people", "likely"), wrong="flip")
    mended = strength.run({"pairs": pairs, "people": people.kept, "likely": likely})
    assert Pairs.is_valid(mended.kept)
    assert mended.kept.height == 20


def test_labels_and_annotators_are_measured_by_people(reviewed: Any) -> None:
    assert with_people(floor_of(reviewed), NAME) == []
    nothing = CliRunner().invoke(app, ["review", NAME, "--agreement"])
    assert nothing.output == f"nobody has reviewed {NAME}: factory review {NAME} begins\n"
    reading = session(reviewed)
    rightly(reading, 20)
    found = {one.annotator: one for one in with_people(floor_of(reviewed), NAME)}
    assert set(found) == {LABELS, "right", "likely"}
    # Every tenth label is false, and the verifier knows the truth.
    assert (found[LABELS].same, found[LABELS].other) == (18, 2)
    assert (found["right"].same, found["right"].other, found["right"].ties) == (20, 0, 0)
    assert found["likely"].decided == 20
    assert 0 < found["likely"].same < 20
    printed = CliRunner().invoke(app, ["review", NAME, "--agreement"])
    assert printed.exit_code == 0, printed.output
    assert "90.0%" in printed.stdout
    # A tie neither agrees nor disagrees, and what was skipped or rejected is not measured.
    shown = list(Decisions(_reviews(reviewed), NAME, "ann"))
    labels = {decision.pair_id: decision.verdict for decision in shown}
    right = [pair for pair, verdict in labels.items() if verdict == "accept"]
    for pair, choice in zip(right, ("tie", "skip", "reject"), strict=False):
        reading.decide(pair, choice)
    found = {one.annotator: one for one in with_people(floor_of(reviewed), NAME)}
    assert found[LABELS] == WithPeople(NAME, LABELS, 15, 2, 1, 2)
    assert found["right"] == WithPeople(NAME, "right", 17, 0, 1, 2)
    assert found["likely"].decided == 17


def test_the_interval_is_wilsons() -> None:
    # Brown, Cai and DasGupta 2001: at 18 of 20 it is [0.699, 0.972]; at 0 of 10 [0, 0.278].
    low, high = WithPeople("r", "a", 18, 2, 0).interval or (0, 0)
    assert (round(low, 3), round(high, 3)) == (0.699, 0.972)
    low, high = WithPeople("r", "a", 0, 10, 0).interval or (1, 1)
    assert (low, round(high, 3)) == (0, 0.278)
    assert WithPeople("r", "a", 0, 0, 3).rate is None


@pytest.fixture
def client(reviewed: Any) -> TestClient:
    pages = application(session(reviewed), port=8123, token="secret")
    return TestClient(pages, base_url="http://127.0.0.1:8123")


def test_nothing_is_told_or_kept_without_the_token(client: TestClient, reviewed: Any) -> None:
    assert client.get("/").status_code == 403
    assert client.get("/?token=guess").status_code == 403
    assert client.get("/?token=secret").status_code == 200
    for wrong in ({}, {TOKEN: "guess"}):
        assert client.get("/state", headers=wrong).status_code == 403
        assert client.post("/undo", headers=wrong, json={}).status_code == 403
    right = {TOKEN: "secret"}
    state = client.get("/state", headers=right).json()
    asked = {"pair": state["item"]["pair"], "choice": "left"}
    # Another site's page, and another name for this machine, are not answered.
    for stranger in ({"Origin": "http://evil.example"}, {"Host": "evil.example:8123"}):
        assert client.post("/decide", headers=right | stranger, json=asked).status_code == 403
    assert client.get("/decide", headers=right).status_code == 405
    assert not (reviewed.folder / "data" / "reviews" / NAME).exists()
    own = right | {"Origin": "http://127.0.0.1:8123"}
    assert client.post("/decide", headers=own, json=asked).json()["done"] == 1


def test_what_is_not_understood_changes_nothing(client: TestClient) -> None:
    right = {TOKEN: "secret"}
    pair = client.get("/state", headers=right).json()["item"]["pair"]
    long = {"pair": pair, "choice": "left", "comment": "so " * 1000}
    for asked in ({}, [], {"pair": "none", "choice": "left"}, {"pair": pair, "choice": "up"}, long):
        assert client.post("/decide", headers=right, json=asked).status_code == 400
    assert client.post("/decide", headers=right, content=b"{").status_code == 400
    assert client.get("/state", headers=right).json()["done"] == 0


def test_the_page_lets_no_other_script_in(client: TestClient) -> None:
    answer = client.get("/?token=secret")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert SCRIPT not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("review", "read_by"), "there is no recipe 'read_by'; did you mean 'read_by_people'"),
        (("review", f"{NAME}/right"), "read_by_people/right holds Scores; only pairs"),
        (("review", f"{NAME}/paris"), "has no stage 'paris'; did you mean 'pairs'?"),
        (("review", "solved_by_people"), "holds StepLabels; only pairs can be reviewed"),
        (("review", "online_dpo"), "has no rows yet; make them: factory run online_dpo"),
        (("review", f"datasets/{NAME}"), "has no rows yet"),
        (("review", "datasets/none_such"), "there is no dataset 'none_such'"),
        (("review", NAME, "--refresh", "2026-11-02"), "has no pairs of 2026-11-02"),
        (("review", NAME, "--name", "../ann"), "cannot be a reviewer's name"),
    ],
)
def test_what_cannot_be_reviewed_is_told(
    reviewed: Any, arguments: tuple[str, ...], told: str
) -> None:
    write_solutions(reviewed, "solved_by_people", 2)
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 1
    assert told in done.stderr


def _responses(workshop: Any) -> pl.DataFrame:
    return Tables(workshop.folder / "data").read((NAME, "responses"), REFRESH)


def _context(workshop: Any) -> Context:
    return Context(
        recipe=NAME,
        stage="people",
        refresh=REFRESH,
        roles={},
        journal=Path("unused"),
        models=Path("unused"),
        reviews=_reviews(workshop) / NAME,
    )


def _reviews(workshop: Any) -> Any:
    return floor_of(workshop).settings.reviews_path
