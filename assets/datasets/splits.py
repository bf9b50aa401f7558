"""Assigns prompts to the train and held-out splits, so that no near duplicates are in both.

Near duplicates, and near duplicates of near duplicates, form a cluster. A question to a judge
counts as the task that it is about. A cluster belongs to one
split, which the hash of its first prompt decides. Later prompts join the split of their cluster. If
a new prompt joins two clusters of different splits, the joined cluster is trained on. Its held-out
prompts are then in neither split.

Splits are stored by prompt: a prompt that was in one split is never in the other. Without the
stored splits, a split depends on the order of refreshes. It then changes only if an earlier refresh
is added later.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.datasets.clusters import Clusters, heads_of
from assets.storage.dataset_versions import HELD_OUT, TRAIN
from filters.curation.ngrams import folded

_KEY_TOKEN = r"\w+|[^\w\s]"
"""The tokens of a text that `keys` hashes. Keys are stored, so this must never change: with another
key, a stored prompt could be assigned to the other split."""


REMEMBERED = pl.Schema({"key": pl.String, "split": pl.String})
"""The split of every prompt so far, by its key. It is stored, and never changes."""


@dataclass(frozen=True)
class Added:
    """Prompts that were added to the splits.

    Attributes:
        keys: String[texts]: the key of each text (`keys`).
        prompts: The new prompts, in order: ``place``, their first text; ``key``; and
            `assets.datasets.clusters.KEPT`.
        remembered: `REMEMBERED` with these prompts.
    """

    keys: pl.Series
    prompts: pl.DataFrame
    remembered: pl.DataFrame


def add_prompts(
    texts: pl.Series,
    held_out: float,
    remembered: pl.DataFrame,
    before: pl.DataFrame | None = None,
    read: Callable[[pl.Series], pl.Series] | None = None,
) -> Added:
    """Assign a split to each text.

    Args:
        texts: String[texts]: the texts of prompts, oldest first.
        held_out: The share of clusters to hold out, in [0, 1).
        remembered: `REMEMBERED`, with all prompts of ``before``. Stored splits do not change.
        before: The prompts that were added before these: ``key`` and
            `assets.datasets.clusters.KEPT`.
        read: Reads the texts of some prompts of ``before``, by their numbers.
    """
    text_keys = keys(texts)
    distinct = pl.DataFrame({"key": text_keys, "text": texts}).with_row_index("place")
    distinct = distinct.unique("key", keep="first", maintain_order=True)
    if before is not None:
        distinct = distinct.filter(~pl.col("key").is_in(before["key"].implode()))
    clusters = Clusters(distinct["text"], before, read)
    # Whether the cluster of each head is trained on.
    trained = np.zeros(clusters.known + distinct.height, dtype=np.bool_)
    if before is not None:
        known = split_by_key(before, remembered).filter("trained")
        trained[known["cluster"].to_numpy()] = True
    stored = distinct.join(remembered, on="key", how="left", maintain_order="left")["split"]
    own: list[str] = []
    by_hash = shares(distinct["key"]) < held_out
    for row, (split, hash_holds_out) in enumerate(zip(stored, by_hash, strict=True)):
        joined = [trained[head] for head in clusters.add(clusters.known + row)]
        if split is None:
            split = TRAIN if (any(joined) if joined else not hash_holds_out) else HELD_OUT
        own.append(split)
        trained[clusters.head(clusters.known + row)] = any(joined) or split == TRAIN
    prompts = distinct.select("place", "key").hstack(clusters.kept())
    new = distinct.select("key", split=pl.Series(own, dtype=pl.String)).filter(stored.is_null())
    return Added(text_keys, prompts, pl.concat([remembered, new]))


def split_by_key(prompts: pl.DataFrame, remembered: pl.DataFrame) -> pl.DataFrame:
    """The split of each prompt.

    Args:
        prompts: All prompts in order: ``key`` and ``joined`` (`assets.datasets.clusters.KEPT`).
        remembered: `REMEMBERED`.

    Returns:
        ``key``; ``cluster``, a number; ``own``, the stored split; whether the cluster is
        ``trained`` on; ``split``, the split to use, which is null for a held-out prompt whose
        cluster is trained on.
    """
    return (
        prompts.select("key", cluster=heads_of(prompts["joined"]))
        .join(remembered.rename({"split": "own"}), on="key", how="left", maintain_order="left")
        .with_columns(trained=(pl.col("own") == TRAIN).any().over("cluster"))
        .with_columns(split=pl.when(~(pl.col("trained") & (pl.col("own") == HELD_OUT))).then("own"))
    )


def keys(texts: pl.Series) -> pl.Series:
    """The key of each text: a hash of its words and punctuation. Case and white space are ignored.

    Returns:
        String[texts]: 32 hexadecimal digits, the same on every machine.
    """
    normalized = folded(texts).str.extract_all(_KEY_TOKEN).list.join(" ")
    digests = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in normalized]
    return pl.Series("key", digests, dtype=pl.String)


def shares(keys: pl.Series) -> pl.Series:
    """A number in [0, 1) for each key, distributed uniformly over texts."""
    numerators = np.array([int(key[:13], 16) for key in keys], dtype=np.float64)
    return pl.Series("share", numerators / 2**52, dtype=pl.Float64)
