"""What a model role is bound to: weights, an engine, or a server that generates and weights that
score. Bindings live in configuration (``factory.yaml``), never in a recipe."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Binding(BaseModel):
    """One role's model.

    ``model``: a folder of safetensors with a tokenizer, or a Hub id (then name a ``revision``).
    ``engine``: what generates. ``openai`` needs ``url`` and ``served_as``, and ``model`` only where
    something scores or trains the role. ``api_key_env`` names the environment variable that holds
    a key; the key itself is never written anywhere. ``options`` go to the engine as they are.
    ``templates`` is a folder of Jinja files in which this model is asked (`engines.templates`).
    ``licence`` is the model's, for the cards of data it made; by default what its own card says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str | None = None
    revision: str | None = None
    engine: Literal["transformers", "vllm", "openai"] = "transformers"
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    device: str | None = None
    url: str | None = None
    served_as: str | None = None
    api_key_env: str | None = None
    concurrency: int = Field(default=64, ge=1)
    templates: str | None = None
    licence: str | None = None
    options: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> "Binding":
        if self.engine == "openai" and not (self.url and self.served_as):
            raise ValueError(
                "engine 'openai' needs 'url' (…/v1) and 'served_as' (the model's name)"
            )
        if self.engine != "openai" and not self.model:
            raise ValueError(f"engine {self.engine!r} needs 'model': a folder or a Hub id")
        return self

    def can(self, need: str) -> bool:
        """Whether this binding can ``generate``, ``choose``, ``score`` or give ``weights``."""
        return need in ("generate", "choose") or self.model is not None
