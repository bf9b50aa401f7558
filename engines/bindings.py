"""Bindings: the model of each role. A binding names weights, an engine, a server, or a server with
weights that score in its place. Bindings are in ``factory.yaml``, never in a recipe."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from engines.profiles import Profile
from engines.protocol import Engine
from engines.registry import IN_PROCESS, VERBS, engine_class
from schemas import Price
from schemas.parameters import Parameters
from schemas.wrong_values import wrong_values

_RESERVED = frozenset(
    {"add_generation_prompt", "chat_template", "conversation", "continue_final_message"}
    | {"documents", "messages", "return_dict", "tokenize", "tools"}
)
"""Reserved template arguments: the factory sets them, or they would change the request."""

_KEY = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{16}")
"""Capital letters and digits, 16 in a row: keys of some providers have this, names do not."""


def _variable(name: str) -> str:
    usual = re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", name) and not _KEY.search(name)
    if not usual and not (name.isidentifier() and name in os.environ):
        raise ValueError(
            "must be the name of an environment variable (in capitals, as MY_API_KEY), not its "
            "value. If you wrote a key here, others may have read it: replace the key"
        )
    return name


VariableName = Annotated[str, AfterValidator(_variable)]
"""The name of the environment variable that holds a key. The key itself is refused."""


PLACEMENT = frozenset({"replicas", "gpus", "cpus", "in_flight", "resources"})
"""Fields that say where and how fast a model runs. They are part of no revision or identity."""

_MEANING = {
    "model": ": a folder or a Hub id",
    "url": " (…/v1)",
    "served_as": " (the model's name)",
}


class Binding(Parameters):
    """The model of one role.

    Attributes:
        model: a folder of safetensors with a tokenizer, a Hub id (then set ``revision``), or
            ``models/NAME``: the newest promoted version of a downstream model of the project.
        initial: the folder or Hub id of the weights until ``models/NAME`` has a promoted version.
        revision: the revision of a Hub id.
        profile: the profile of the model: ``chat``, ``reasoning``, ``pocket`` or one of
            ``profiles:`` in the same file. It has the defaults of operators' parameters that depend
            on the model, such as ``max_tokens`` and learning rates (`engines.profiles`).
        defaults: values of this role in place of those of the profile.
        engine: what generates: ``transformers``, ``vllm``, ``openai``, or the import path of an
            `engines.protocol.Engine`. ``openai`` needs ``url`` and ``served_as``. It needs
            ``model`` only if the role is scored in process or trained.
        dtype: the number type of the weights.
        sums_spellings: whether the model may write an option in several ways, whose probabilities
            are then summed (`engines.choices.spellings`).
        device: the torch device of the weights: ``cpu``, ``cuda`` or one GPU, as ``cuda:1``.
        url: the address of a server.
        served_as: the model's name on that server.
        api_key_env: the environment variable that holds a key. The key is never written.
        concurrency: the most requests in flight to a server. A server that takes fewer gets fewer.
        templates: a folder of Jinja files with the prompts for this model
            (`engines.operators.prompt_templates`).
        template_arguments: arguments of the chat template, such as ``{enable_thinking: false}``.
        licence: the model's licence, for the cards of its data. By default, that of its own card.
        price: what its provider takes for a million tokens: ``{prompt: 0.15, answer: 0.60}``.
        options: options of the engine.
        replicas: how many replicas of the engine run, as actors of a Ray cluster or, without one,
            in processes of this machine (docs/production.md). None: one, in this process.
        gpus: the GPUs of each replica, a share if several have one GPU; 0 for a model on the CPU.
        cpus: the processor cores of each replica.
        in_flight: the most requests at one replica. The others wait for the next that has room.
        resources: what else each replica takes of Ray's resources, by name.
    """

    model_config = ConfigDict(protected_namespaces=())

    model: str | None = None
    initial: str | None = None
    revision: str | None = None
    profile: str = "chat"
    defaults: Profile = Profile()
    engine: str = IN_PROCESS
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    sums_spellings: bool = True
    device: str | None = None
    url: str | None = None
    served_as: str | None = None
    api_key_env: VariableName | None = None
    concurrency: int = Field(default=64, ge=1, le=100_000)
    templates: str | None = None
    template_arguments: Mapping[str, Any] = Field(default_factory=dict)
    licence: str | None = None
    price: Price | None = None
    options: Mapping[str, Any] = Field(default_factory=dict)
    replicas: int | None = Field(default=None, ge=1, le=10_000)
    gpus: float | None = Field(default=None, ge=0)
    cpus: float = Field(default=1, ge=0)
    in_flight: int = Field(default=256, ge=1)
    resources: Mapping[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    @field_validator("gpus")
    @classmethod
    def _whole_or_a_share(cls, gpus: float | None) -> float | None:
        if gpus is not None and gpus > 1 and not gpus.is_integer():
            raise ValueError("above 1 it must be a whole number")
        return gpus

    @field_validator("device")
    @classmethod
    def _a_device(cls, device: str | None) -> str | None:
        if device is not None and not re.fullmatch(r"[a-z]+(:\d+)?", device):
            raise ValueError("must be a torch device, such as cpu, cuda or cuda:1")
        return device

    @field_validator("template_arguments")
    @classmethod
    def _not_ours(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        taken = sorted(_RESERVED & arguments.keys())
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
        if model and model.lower().endswith(".gguf"):
            raise ValueError(
                "is a GGUF file, which the factory does not read. Convert it once: transformers "
                "loads it with from_pretrained(folder, gguf_file=name, quantization_config="
                "GgufConfig(dequantize=True)), and save_pretrained(folder) writes safetensors. Or "
                "serve it with llama.cpp or vLLM, and bind the role with engine: openai, url and "
                "served_as"
            )
        return model

    @field_validator("engine")
    @classmethod
    def _an_engine(cls, engine: str) -> str:
        engine_class(engine)
        return engine

    @model_validator(mode="after")
    def _as_its_engine_needs(self) -> "Binding":
        missing = [name for name in self.engine_class.requires if not getattr(self, name)]
        if missing:
            needed = " and ".join(f"{name!r}{_MEANING.get(name, '')}" for name in missing)
            raise ValueError(f"engine {self.engine!r} needs {needed}")
        options = self.engine_class.options
        if options is not None:
            try:
                options.model_validate(dict(self.options))
            except ValidationError as error:
                raise ValueError(_wrong_options(error, self.engine, options)) from None
        if self.device is not None:
            if self.model is None:
                raise ValueError(
                    f"device is that of weights: set 'model'{_MEANING['model']}, or leave device "
                    f"out, since the model of engine {self.engine!r} runs elsewhere"
                )
            try:
                self.engine_class.check_device(self.device, self.options)
            except ValueError as error:
                raise ValueError(f"device {error}") from None
        return self

    @model_validator(mode="after")
    def _replicas_as_they_can_run(self) -> "Binding":
        if self.replicas is None:
            given = sorted(PLACEMENT & self.model_fields_set - {"replicas"})
            if given:
                raise ValueError(
                    f"{', '.join(given)}: only replicas have these: set replicas too, 1 for a "
                    "single one"
                )
            return self
        if not self.engine_class.local_weights:
            raise ValueError(
                f"replicas are for engines that load weights: the server of engine {self.engine!r} "
                "has its own"
            )
        if self.gpus is None:
            raise ValueError("replicas need gpus, the GPUs of each; 0 for a model on the CPU")
        if self.device is not None or "device_ids" in self.options:
            raise ValueError("leave device and device_ids out: Ray gives each replica its GPUs")
        needed = self.engine_class.gpus(self.options)
        if needed is not None and self.gpus and (self.gpus > needed or self.gpus < needed > 1):
            raise ValueError(
                f"gpus is {self.gpus:g}, but engine {self.engine!r} with these options runs a "
                f"model on {needed}"
            )
        return self

    @property
    def engine_class(self) -> type[Engine]:
        """The class that ``engine`` names."""
        return engine_class(self.engine)

    def journal_name(self, role: str) -> str:
        """The model's name in the journal if it is bound to ``role``."""
        return self.served_as or self.model or role

    def can(self, need: str) -> bool:
        """Whether this binding can ``generate``, ``choose``, ``score``, ``reward`` or give
        ``weights``."""
        return self.model is not None if need == "weights" else self.answering(need) is not None

    def answering(self, verb: str) -> "Binding | None":
        """The binding that answers ``verb``: this one if its engine does. Otherwise its weights in
        this process, except for ``generate``. None if neither can."""
        if getattr(self.engine_class, VERBS[verb]):
            return self
        return None if verb == "generate" or self.model is None else self.in_process()

    def lacking(self, need: str) -> str:
        """The end of an error message: why the binding cannot do ``need``, and what to do."""
        add = "(model: a folder or a Hub id) to the role in factory.yaml"
        if need == "weights":
            return f"which takes its weights: add them {add}"
        server = f" ({self.served_as!r} at {self.url})" if self.url else ""
        engine = f"which its engine {self.engine!r}{server} does not"
        if need == "generate":
            return f"{engine}: bind the role to one that does in factory.yaml"
        return f"{engine}: add weights {add}, or bind it to an engine that does"

    def in_process(self) -> "Binding":
        """Its weights in the engine of this process. Options of another engine are left out."""
        if self.engine == IN_PROCESS:
            return self
        return Binding(
            model=self.model,
            revision=self.revision,
            profile=self.profile,
            defaults=self.defaults,
            dtype=self.dtype,
            sums_spellings=self.sums_spellings,
            device=self.device,
            templates=self.templates,
            template_arguments=self.template_arguments,
            licence=self.licence,
            **self._placement(),
        )

    def without_replicas(self) -> "Binding":
        """The same model once, in this process, as for a training."""
        return self.model_copy(update={"replicas": None, "gpus": None})

    def _placement(self) -> dict[str, Any]:
        """The fields of replicas for the engine `IN_PROCESS`, which has one GPU at most."""
        if self.replicas is None or self.gpus is None:
            return {}
        given = {name: getattr(self, name) for name in PLACEMENT}
        return {**given, "gpus": min(self.gpus, 1)}


def open_local(binding: Binding) -> Engine:
    """Open the binding's engine in this process. Weights may be loaded later, at the first request.

    Raises:
        EngineError: there is no such model or no such server.
    """
    # The constructor of every engine takes its binding: see the protocol's docstring.
    opened: Callable[[Binding], Engine] = binding.engine_class
    return opened(binding)


def _wrong_options(error: ValidationError, engine: str, kind: type[Parameters]) -> str:
    """Describes wrong options of ``engine``."""
    wrong = "; ".join(
        f"{'.'.join(('options', *each.place))}: {each.text}" for each in wrong_values(error)
    )
    known = ", ".join(kind.model_fields)
    takes = f" (engine {engine!r} takes {known})" if known else ""
    return wrong + takes
