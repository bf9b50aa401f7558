"""What a model role is bound to: weights, an engine, or a server that generates and weights that
score. Bindings live in configuration (``factory.yaml``), never in a recipe."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from engines.protocol import EngineError
from schemas.parameters import Parameters

Options = TypeVar("Options", bound=Parameters)

_GIVEN = frozenset(
    {"add_generation_prompt", "chat_template", "conversation", "continue_final_message"}
    | {"documents", "messages", "return_dict", "tokenize", "tools"}
)
"""What no template argument may be: the factory says it, or it changes what is asked for."""

_KEY = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{16}")
"""A run of letters and digits that no name of a variable has, and keys of some providers do."""


def _variable(name: str) -> str:
    usual = re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", name) and not _KEY.search(name)
    if not usual and not (name.isidentifier() and name in os.environ):
        raise ValueError(
            "must be the name of an environment variable (in capitals, as MY_API_KEY), not what it "
            "holds. If a key stood here, take it for known to others, and replace it"
        )
    return name


VariableName = Annotated[str, AfterValidator(_variable)]
"""The name of the environment variable that holds a key. A key typed in its place is refused."""


class Binding(Parameters):
    """One role's model.

    ``model``: a folder of safetensors with a tokenizer, or a Hub id (then name a ``revision``).
    ``engine``: what generates. ``openai`` needs ``url`` and ``served_as``, and ``model`` only where
    something scores or trains the role. ``api_key_env`` names the environment variable that holds
    a key; the key itself is never written anywhere. ``options`` go to the engine as they are.
    ``concurrency`` is the most requests in flight to a server, which is sent fewer where it takes
    fewer.
    ``templates`` is a folder of Jinja files in which this model is asked
    (`engines.operators.prompt_templates`). ``template_arguments`` go to the model's own chat
    template, as ``{enable_thinking: false}``. ``licence`` is the model's, for the cards of data it
    made; by default what its own card says.
    """

    model_config = ConfigDict(protected_namespaces=())

    model: str | None = None
    revision: str | None = None
    engine: Literal["transformers", "vllm", "openai"] = "transformers"
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    device: str | None = None
    url: str | None = None
    served_as: str | None = None
    api_key_env: VariableName | None = None
    concurrency: int = Field(default=64, ge=1, le=100_000)
    templates: str | None = None
    template_arguments: Mapping[str, Any] = Field(default_factory=dict)
    licence: str | None = None
    options: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("template_arguments")
    @classmethod
    def _not_ours(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        taken = sorted(_GIVEN & arguments.keys())
        if taken:
            raise ValueError(f"{', '.join(taken)}: the factory sets these itself")
        return arguments

    @field_validator("url")
    @classmethod
    def _of_a_server(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            raise ValueError(
                "must be an address such as http://localhost:8000/v1, without user, key or query "
                "(api_key_env names the variable that holds a key)"
            )
        return url

    @field_validator("model")
    @classmethod
    def _no_address(cls, model: str | None) -> str | None:
        if model and "://" in model:
            raise ValueError("must be a folder or a Hub id, not an address")
        return model

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


def read_options(binding: Binding, kind: type[Options]) -> Options:
    """``binding.options`` as its engine takes them. Raises `EngineError`, naming the option."""
    try:
        return kind.model_validate(dict(binding.options))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise EngineError(
            f"options of engine {binding.engine!r} for {binding.served_as or binding.model}: "
            f"{wrong}. It takes {', '.join(kind.model_fields)}"
        ) from None
