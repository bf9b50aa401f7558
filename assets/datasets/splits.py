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
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.datasets.clusters import Clusters
from assets.datasets.stored_clusters import StoredClusters
from assets.storage.dataset_versions import HELD_OUT, TRAIN
from filters.curation.ngrams import folded

_KEY_TOKEN = r"\w+|[^\w\s]"
"""The tokens of a text that `keys` hashes. Keys are stored, so this must never change: with another
key, a stored prompt could be assigned to the other split."""


@dataclass(frozen=True)
class Splits:
    """The splits of texts.

    Attributes:
        rows: One row for each text: ``key``; ``cluster``, a number; ``own``, the split to store;
            ``split``, the split to use. ``split`` equals ``own``, but is null for a held-out prompt
            whose cluster is trained on.
        clusters: The clusters, to be stored.
        known: How many of their prompts were stored before.
    """

    rows: pl.DataFrame
    clusters: StoredClusters
    known: int


def splits(
    texts: pl.Series,
    held_out: float,
    remembered: Mapping[str, str] | None = None,
    stored: StoredClusters | None = None,
) -> Splits:
    """Assign a split to each text.

    Args:
        texts: String[texts]: the texts of prompts, oldest first.
        held_out: The share of clusters to hold out, in [0, 1).
        remembered: The stored split of earlier prompts, by key. Stored splits do not change.
        stored: The stored clusters of earlier prompts. They change no split.
    """
    text_keys = keys(texts)
    distinct = pl.DataFrame({"key": text_keys, "text": texts}).unique(
        "key", keep="first", maintain_order=True
    )
    clusters = Clusters(distinct["text"], distinct["key"], stored)
    own: list[str] = []
    trained: dict[int, bool] = {}
    by_hash = shares(distinct["key"]) < held_out
    for row, (key, hash_holds_out) in enumerate(zip(distinct["key"], by_hash, strict=True)):
        # Whether each cluster that this prompt joins is trained on.
        joined = [trained.pop(head) for head in clusters.add(row)]
        split = (remembered or {}).get(key)
        if split is None:
            split = TRAIN if (any(joined) if joined else not hash_holds_out) else HELD_OUT
        own.append(split)
        trained[clusters.head(row)] = any(joined) or split == TRAIN
    heads = [clusters.head(row) for row in range(len(own))]
    by_key = distinct.select(
        "key",
        cluster=pl.Series(heads, dtype=pl.Int64),
        own=pl.Series(own, dtype=pl.String),
        trained=pl.Series([trained[head] for head in heads], dtype=pl.Boolean),
    )
    excluded = pl.col("trained") & (pl.col("own") == HELD_OUT)
    rows = (
        pl.DataFrame({"key": text_keys})
        .join(by_key, on="key", how="left", maintain_order="left")
        .select("key", "cluster", "own", split=pl.when(~excluded).then("own"))
    )
    return Splits(rows, clusters.stored(), clusters.known)


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
