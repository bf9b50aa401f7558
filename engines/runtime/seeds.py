"""The seed of a sample: a function of what is asked, never of when or beside what it is asked."""

import hashlib


def sample_seed(seed: int, row_id: str, call: int | str, sample: int) -> int:
    """63 bits of BLAKE2b over the run's seed, the row, the call within the row (its number, or the
    name its author gave it) and which of the call's samples this is."""
    which = f"#{call}" if isinstance(call, int) else f"={call}"
    words = f"{seed}|{sample}|{len(row_id)}:{row_id}{which}"
    digest = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
