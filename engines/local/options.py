"""The options of the Transformers engine."""

from pydantic import Field

from schemas.parameters import Parameters


class Options(Parameters):
    """``Binding.options`` of this engine. What is left out follows from the device.

    ``batch_size``: texts written at once. ``cache_tokens``: positions of key-value cache reserved
    for them. ``score_tokens``: tokens, padding included, of one pass that scores or rewards.
    """

    batch_size: int = Field(default=256, ge=1)
    cache_tokens: int | None = Field(default=None, ge=1)
    score_tokens: int | None = Field(default=None, ge=1)
