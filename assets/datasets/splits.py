"""Which rows are trained on and which are held out: no held-out prompt resembles a trained one.

Prompts that are near duplicates, directly or through others, form a cluster. A cluster belongs to
one split, which the hash of its first prompt decides. Later prompts join the split of their
cluster. If a new prompt joins two clusters of different splits, the joined cluster is trained on,
and its held-out prompts are in neither split from then on.

Splits are stored by prompt: a prompt that was ever in one split is never in the other. Computed
anew, splits depend on the order of refreshes, so they change only if an earlier refresh was added
later.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from assets.datasets.clusters import Clusters
from assets.storage.dataset_versions import HELD_OUT, TRAIN
from filters.curation.ngrams import folded

_SAID = r"\w+|[^\w\s]"
"""What `keys` are made of. They are kept on disk, so it never changes, however texts are compared
elsewhere: another key would let a prompt that is remembered be drawn anew."""


def splits(
    texts: pl.Series, held_out: float, remembered: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """For each text of a prompt, oldest first: its ``key``, its ``own`` split, which is what is to
    be remembered by that key, and its ``split``: the same, or null where it is held out and its
    cluster is trained on.

    ``held_out``: the share of clusters to hold out, in [0, 1). What is ``remembered`` stays.
    """
    known = keys(texts)
    once = pl.DataFrame({"key": known, "text": texts}).unique(
        "key", keep="first", maintain_order=True
    )
    clusters = Clusters(once["text"])
    own: list[str] = []
    trained: dict[int, bool] = {}
    by_hash = shares(once["key"]) < held_out
    for row, (key, inclined) in enumerate(zip(once["key"], by_hash, strict=True)):
        # Whether the clusters that this prompt joins to one are trained on.
        joined = [trained.pop(head) for head in clusters.add(row)]
        split = (remembered or {}).get(key)
        if split is None:
            split = TRAIN if (any(joined) if joined else not inclined) else HELD_OUT
        own.append(split)
        trained[clusters.head(row)] = any(joined) or split == TRAIN
    told = once.select("key", own=pl.Series(own, dtype=pl.String)).with_columns(
        trained=pl.Series(
            [trained[clusters.head(row)] for row in range(len(own))], dtype=pl.Boolean
        )
    )
    leaves = pl.col("trained") & (pl.col("own") == HELD_OUT)
    return (
        pl.DataFrame({"key": known})
        .join(told, on="key", how="left", maintain_order="left")
        .select("key", "own", split=pl.when(~leaves).then("own"))
    )


def keys(texts: pl.Series) -> pl.Series:
    """What each text is remembered by: a hash of its words and signs, whatever their case and the
    space between them; the same on every machine."""
    said = folded(texts).str.extract_all(_SAID).list.join(" ")
    digests = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in said]
    return pl.Series("key", digests, dtype=pl.String)


def shares(keys: pl.Series) -> pl.Series:
    """A number in [0, 1) for each of `keys`, even over texts."""
    whole = np.array([int(key[:13], 16) for key in keys], dtype=np.float64)
    return pl.Series("share", whole / 2**52, dtype=pl.Float64)
