"""The lasting decisions about the rows of a dataset, so that only new rows are decided about.

    datasets/<name>/decisions/<digest>.parquet    those about the rows of a part

The name of a file is a digest of all that the decisions in it depend on: the rules, the part and
all parts before it. So the first file that is missing tells where to begin again. Nothing else is
stored here, so files that cannot be used are made again and removed.
"""

import io
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import polars as pl
from upath import UPath

from assets.datasets.decide import prompts_of_decisions
from assets.datasets.gather import Part
from assets.datasets.rules import Rules
from assets.execution.part_identity import code_digest, table_version
from assets.storage.tables import write_whole
from filters.curation.candidates import PERMUTATIONS, SEED
from filters.curation.ngrams import TOKENS
from schemas import content_id

FOLDER = "decisions"
"""The folder of these files, in the folder of the dataset."""
FORMER = "clusters"
"""The folder of what an earlier version stored in place of decisions. Nothing reads it."""
VERSION = 1
"""Another number for another way to decide, or to store what is decided."""


def names(parts: Sequence[Part], rules: Rules) -> list[str]:
    """The name of the file of each part."""
    libraries = [f"{name} {version(name)}" for name in ("rensa", "polars")]
    # Polars' hashes may differ between processors.
    probe = int(pl.Series(["probe"]).hash().item())
    how = [VERSION, TOKENS, PERMUTATIONS, SEED, *libraries, probe, rules.table.__name__]
    applied = [
        f"{type(each).__module__}.{type(each).__qualname__} {each.model_dump_json()}"
        for each in rules.lasting
    ]
    packages = {"filters", *(type(each).__module__.partition(".")[0] for each in rules.lasting)}
    evaluations = {name: table_version(frame) for name, frame in sorted(rules.evaluations.items())}
    digest = content_id(how, applied, code_digest(packages), evaluations)
    found = []
    for part in parts:
        digest = content_id(digest, part.digest)
        found.append(f"{digest}.parquet")
    return found


def load_decisions(
    folder: UPath, files: Sequence[str], remembered: pl.DataFrame
) -> list[pl.DataFrame]:
    """The stored decisions about the first parts, as far as there are any.

    Args:
        folder: The folder of the dataset.
        files: What `names` gives.
        remembered: The stored splits. Without those of all prompts, no decision can be used.
    """
    found: list[pl.DataFrame] = []
    for name in files:
        frame = _read(folder / FOLDER / name)
        if frame is None:
            break
        found.append(frame)
    known = remembered["key"].implode()
    lacking = any(not prompts_of_decisions(each)["key"].is_in(known).all() for each in found)
    return [] if lacking else found


def store_decisions(
    folder: UPath, files: Sequence[str], decisions: Sequence[pl.DataFrame], *, known: int
) -> None:
    """Store the decisions about all parts but the first ``known``, and remove all other files, also
    those of an earlier version."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    for name, frame in zip(files[known:], decisions[known:], strict=True):
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="lz4")
        write_whole(place / name, buffer.getvalue())
    for path in place.iterdir():
        if path.name not in files:
            path.unlink()
    former = folder / FORMER
    for path in former.iterdir() if former.is_dir() else ():
        path.unlink()
    # An object store has no folders.
    if isinstance(former, Path) and former.is_dir():
        former.rmdir()


def _read(path: UPath) -> pl.DataFrame | None:
    """The content of a file; None if it is unusable."""
    try:
        return pl.read_parquet(io.BytesIO(path.read_bytes()))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None
