"""How the answers of each verb are kept in the journal, and what they cost."""

from engines.journal.codec import (
    pack_choice,
    pack_generation,
    pack_rewards,
    pack_scored,
    unpack_choice,
    unpack_generation,
    unpack_rewards,
    unpack_scored,
)
from engines.runtime.session import Codec
from schemas import Cost

GENERATION = Codec(
    pack_generation,
    unpack_generation,
    lambda answer: answer.tokens,
    lambda answer, prompt: Cost(1, prompt, answer.tokens),
)
SCORED = Codec(
    pack_scored,
    unpack_scored,
    lambda answer: len(answer.token_ids),
    lambda answer, prompt: Cost(1, prompt + len(answer.token_ids)),
)
CHOICE = Codec(pack_choice, unpack_choice, lambda answer: 0, lambda answer, prompt: Cost(1, prompt))
REWARDS = Codec(
    pack_rewards,
    unpack_rewards,
    lambda answer: answer.tokens,
    lambda answer, prompt: Cost(1, answer.tokens),
)
