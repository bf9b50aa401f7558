"""Tables of before open as those of today."""

import polars as pl

from schemas import Pairs, Responses, columns, empty, migrated


def test_responses_of_before_there_were_thoughts() -> None:
    before = empty(Responses).drop("reasoning")
    assert migrated(before).schema == columns(Responses)


def test_other_frames_stay_as_they_are() -> None:
    for frame in (empty(Responses), empty(Pairs), pl.DataFrame({"text": ["a"]})):
        assert migrated(frame) is frame
