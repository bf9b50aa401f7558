"""The seed of a sample. It depends on the request only, not on time or on other requests."""

import hashlib


def sample_seed(seed: int, row_id: str, call: int | str, sample: int) -> int:
    """63 bits of a BLAKE2b digest.

    Args:
        seed: the run's seed.
        row_id: the row.
        call: the number or name of the call in the row.
        sample: the number of the sample in the call.
    """
    which = f"#{call}" if isinstance(call, int) else f"={call}"
    words = f"{seed}|{sample}|{len(row_id)}:{row_id}{which}"
    digest = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
