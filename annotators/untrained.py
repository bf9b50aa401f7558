"""Scores by a head that was not trained, because a refresh had no row for it."""

import polars as pl

from schemas import Scores, Split, dropped, empty


def unscored(responses: pl.DataFrame, checkpoints: pl.DataFrame, *, stage: str) -> Split | None:
    """No scores and every response dropped, if the stage of ``checkpoints`` trained nothing; None
    if it trained."""
    if checkpoints["trained"].all():
        return None
    ids = responses["response_id"].to_list()
    numbers = {"why": checkpoints["reason"][0]}
    refused = dropped(stage, "nothing was trained", ids, [numbers] * len(ids))
    return Split(empty(Scores), refused)
