"""Models that answer at once, so that what is measured is everything around them."""

from collections.abc import Sequence

from engines.bindings import Binding
from engines.protocol import Engine, Generation, Rendered, Sampling, Scored
from schemas import Message

SENTENCE = "The cat sat on the mat, then it slept beside the warm stove until evening."
RATINGS = "\n\n".join(f"Rating: {rating}\nRationale: It says enough." for rating in (2, 5, 3, 1))
_TOKENS = tuple(range(100, 124))
_LOGPROBS = (-0.5,) * len(_TOKENS)


class InstantEngine(Engine):
    """Writes a sentence with the seed in it, or as ``judge`` four ratings: 24 tokens with their
    log-probs either way."""

    def __init__(self, binding: Binding) -> None:
        self.name = "instant"
        self.revision = f"instant-{binding.model}"
        self._judges = binding.model == "judge"

    def render(self, messages: Sequence[Message]) -> Rendered:
        """Each message behind its role."""
        said = [f"<|{message['role']}|>{message['content']}" for message in messages]
        return Rendered(tuple(messages), "\n".join([*said, "<|assistant|>"]))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """The answer."""
        text = RATINGS if self._judges else f"{SENTENCE} {seed}"
        return Generation(text, _TOKENS, _LOGPROBS, "stop")

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        """24 tokens, whatever is scored."""
        return [Scored(_TOKENS, _LOGPROBS) for _ in continuations]

    async def choose(self, prompt: Rendered, options: Sequence[str]) -> list[float]:
        """All alike, not normalised."""
        return [-1.0] * len(options)

    async def close(self) -> None:
        """Nothing to free."""
