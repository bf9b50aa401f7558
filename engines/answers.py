"""How answers lie in the journal: little-endian, no field names, log-probs in single precision.

Single precision is what models compute. What is returned is always read back from these bytes, so
a fresh answer and a journaled one are equal to the last bit.
"""

import struct
from collections.abc import Sequence

from engines.protocol import Generation, Scored

_TOKENS = struct.Struct("<BII")


def pack_generation(generation: Generation) -> bytes:
    """Finish, token ids (u32), log-probs (f32), text (UTF-8)."""
    ids, logprobs = generation.token_ids, generation.logprobs
    head = struct.pack(
        f"<BII{len(ids)}I{len(logprobs)}f",
        generation.finish == "length",
        len(ids),
        len(logprobs),
        *ids,
        *logprobs,
    )
    return head + generation.text.encode("utf-8", "surrogatepass")


def unpack_generation(answer: bytes) -> Generation:
    """What `pack_generation` packed."""
    cut_off, ids, logprobs = _TOKENS.unpack_from(answer)
    numbers = struct.unpack_from(f"<{ids}I{logprobs}f", answer, _TOKENS.size)
    text = answer[_TOKENS.size + 4 * (ids + logprobs) :].decode("utf-8", "surrogatepass")
    return Generation(text, numbers[:ids], numbers[ids:], "length" if cut_off else "stop")


def pack_scored(scored: Scored) -> bytes:
    """Token ids (u32), then as many log-probs (f32)."""
    count = len(scored.token_ids)
    return struct.pack(f"<{count}I{count}f", *scored.token_ids, *scored.logprobs)


def unpack_scored(answer: bytes) -> Scored:
    """What `pack_scored` packed."""
    count = len(answer) // 8
    numbers = struct.unpack(f"<{count}I{count}f", answer)
    return Scored(numbers[:count], numbers[count:])


def pack_choice(logprobs: Sequence[float]) -> bytes:
    """Log-probs (f64), in the sorted order of the options."""
    return struct.pack(f"<{len(logprobs)}d", *logprobs)


def unpack_choice(answer: bytes) -> tuple[float, ...]:
    """What `pack_choice` packed."""
    return struct.unpack(f"<{len(answer) // 8}d", answer)
