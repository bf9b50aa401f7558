"""The journal's binary format of answers: little-endian, no field names, log-probs in single
precision, as models compute them.

An answer is always read back from these bytes. So a new answer and a journaled one are equal to the
last bit.
"""

import struct
from collections.abc import Sequence

from engines.protocol import Choice, Generation, Rewards, Scored

_TOKENS = struct.Struct("<BII")
_NUMBER = struct.Struct("<I")
_MASS = struct.Struct("<f")
_CUT_OFF, _REASONING, _COUNTED = 1, 2, 4
"""Bits of the first byte. An answer without a separate thought has the format of old versions."""


def pack_generation(generation: Generation) -> bytes:
    """Flags, token ids (u32), log-probs (f32), the count of tokens if there is one (u32), the
    thought if there is one (its length in bytes, u32, and UTF-8), the text (UTF-8)."""
    ids, logprobs = generation.token_ids, generation.logprobs
    thought = None if generation.reasoning is None else _encoded(generation.reasoning)
    head = struct.pack(
        f"<BII{len(ids)}I{len(logprobs)}f",
        _CUT_OFF * (generation.finish == "length")
        | _REASONING * (thought is not None)
        | _COUNTED * (generation.counted is not None),
        len(ids),
        len(logprobs),
        *ids,
        *logprobs,
    )
    counted = b"" if generation.counted is None else _NUMBER.pack(generation.counted)
    reasoning = b"" if thought is None else _NUMBER.pack(len(thought)) + thought
    return head + counted + reasoning + _encoded(generation.text)


def unpack_generation(answer: bytes) -> Generation:
    """The inverse of `pack_generation`."""
    flags, ids, logprobs = _TOKENS.unpack_from(answer)
    numbers = struct.unpack_from(f"<{ids}I{logprobs}f", answer, _TOKENS.size)
    at = _TOKENS.size + 4 * (ids + logprobs)
    counted = reasoning = None
    if flags & _COUNTED:
        (counted,) = _NUMBER.unpack_from(answer, at)
        at += _NUMBER.size
    if flags & _REASONING:
        (length,) = _NUMBER.unpack_from(answer, at)
        at += _NUMBER.size + length
        reasoning = _decoded(answer[at - length : at])
    return Generation(
        _decoded(answer[at:]),
        numbers[:ids],
        numbers[ids:],
        "length" if flags & _CUT_OFF else "stop",
        reasoning=reasoning,
        counted=counted,
    )


def pack_scored(scored: Scored) -> bytes:
    """Token ids (u32), then as many log-probs (f32)."""
    count = len(scored.token_ids)
    return struct.pack(f"<{count}I{count}f", *scored.token_ids, *scored.logprobs)


def unpack_scored(answer: bytes) -> Scored:
    """The inverse of `pack_scored`."""
    count = len(answer) // 8
    numbers = struct.unpack(f"<{count}I{count}f", answer)
    return Scored(numbers[:count], numbers[count:])


def pack_choice(choice: Choice) -> bytes:
    """Log-probs (f64), in the sorted order of the options; then the log of their mass (f32), if it
    is known. Old versions kept none: the length tells."""
    mass = b"" if choice.log_mass is None else _MASS.pack(choice.log_mass)
    return _packed(choice.logprobs) + mass


def unpack_choice(answer: bytes) -> Choice:
    """The inverse of `pack_choice`."""
    end = len(answer) - len(answer) % 8
    (log_mass,) = _MASS.unpack_from(answer, end) if end < len(answer) else (None,)
    return Choice(_unpacked(answer[:end]), log_mass)


def pack_rewards(rewards: Rewards) -> bytes:
    """The number of tokens read (u32), then the values (f64)."""
    return _NUMBER.pack(rewards.tokens) + _packed(rewards.values)


def unpack_rewards(answer: bytes) -> Rewards:
    """What `pack_rewards` packed."""
    (tokens,) = _NUMBER.unpack_from(answer)
    return Rewards(_unpacked(answer[_NUMBER.size :]), tokens)


def _packed(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def _unpacked(values: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(values) // 8}d", values)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")
