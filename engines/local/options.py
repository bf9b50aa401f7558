"""The options of the Transformers engine."""

from pydantic import Field

from schemas.parameters import Parameters


class Options(Parameters):
    """``Binding.options`` of this engine. Defaults of None depend on the device.

    Attributes:
        batch_size: the most texts generated at once.
        cache_tokens: the positions of key-value cache reserved for them.
        score_tokens: the tokens of one scoring or reward pass, padding included.
    """

    batch_size: int = Field(default=256, ge=1)
    cache_tokens: int | None = Field(default=None, ge=1)
    score_tokens: int | None = Field(default=None, ge=1)

    def pass_tokens(self, device: str) -> int:
        """The tokens of one pass over prompts or continuations on ``device``."""
        # Measured on one CPU thread: 22,000 tokens/s at 2,048, 18,000 at 8,192, 12,000 at 16,384,
        # where activations no longer fit the CPU's cache. A GPU needs far more in flight.
        return self.score_tokens or (2048 if device.startswith("cpu") else 65536)
