"""The interface of an engine: generate, score, choose and reward. The journal, seeds and retries
build on these four methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from schemas import Message, Need
from schemas.parameters import Parameters
from schemas.printable import printable


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a text is sampled. ``temperature`` 0 is greedy; ``top_k`` 0 and ``top_p`` 1 are off.

    ``pattern`` is a regular expression that the full text must match, if the engine supports it
    (`Engine.constrains`). Otherwise it has no effect.

    ``max_thinking_tokens`` limits the thought, and ``max_tokens`` then the answer alone: a longer
    thought is closed, and the answer follows. None: ``max_tokens`` limits both together. An engine
    never sees it: `engines.model.Model` asks for the thought and the answer separately.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    pattern: str | None = None
    max_thinking_tokens: int | None = None


class Marks(NamedTuple):
    """What opens and closes a thought."""

    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as its model reads it.

    Attributes:
        messages: the conversation.
        text: the identity: the messages with template and generation header. For a server that
            applies the template itself, the messages' canonical JSON.
        marked: decodes a generation with the marks of its thoughts, if these are special tokens,
            which ``Generation.text`` leaves out (`engines.chat.thinking`).
        thought: what the template writes around a thought of the answer; None if the model does not
            think, or if a server applies the template.
    """

    messages: tuple[Message, ...]
    text: str
    marked: "Callable[[Generation], str] | None" = field(default=None, compare=False, repr=False)
    thought: Marks | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Generation:
    """One sampled text.

    Attributes:
        text: the text, without the token that ends the turn.
        token_ids: its tokens. If a token ends the turn, it is the last one.
        logprobs: natural log, one per token of ``token_ids``, under the model at temperature 1;
            empty if a server gives none.
        finish: "stop" if the text ended, "length" if it was cut off.
        reasoning: the thought before the text; None if there is none. An engine sets it only if a
            server separates it; `engines.model.Model` always does.
        counted: the number of generated tokens, if a server gives it without ``token_ids``.
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Literal["stop", "length"]
    reasoning: str | None = field(default=None, kw_only=True)
    counted: int | None = field(default=None, kw_only=True)

    @property
    def tokens(self) -> int:
        """The number of generated tokens, with those of the thought and of the turn's end."""
        return len(self.token_ids) or self.counted or 0


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-probs (natural log) of each token of one continuation under one context."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The probabilities of a few options as the answer.

    Attributes:
        logprobs: one per option (natural log), normalised over the options.
        log_mass: the natural log of the probability of all options together, at most 0; None if it
            is not known.
    """

    logprobs: tuple[float, ...]
    log_mass: float | None

    @property
    def mass(self) -> float | None:
        """The probability of all options together, in [0, 1]; None if it is not known."""
        return None if self.log_mass is None else math.exp(self.log_mass)


@dataclass(frozen=True, slots=True)
class Dropout:
    """Monte Carlo dropout of a reward model: the ``share`` of activations in (0, 1) that are set to
    0. ``seed`` selects them."""

    share: float
    seed: int


@dataclass(frozen=True, slots=True)
class Rewards:
    """The rewards of one answer: one value, or one value per step. Of a model with several heads:
    their means, then the logarithms of their variances. ``tokens``: the number of tokens that the
    model read."""

    values: tuple[float, ...]
    tokens: int


class EngineError(RuntimeError):
    """A request failed. The message says why and what to do. It is safe to print on a terminal,
    even with text of a server or a model in it."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class UnavailableError(EngineError):
    """A temporary failure: a server that is down or busy, a journal that another process holds. A
    later retry may succeed. After any other `EngineError` it will not."""


class DeadEngineError(EngineError):
    """The engine's process ended. A new engine of the same model may answer."""


class UntrainedHeadError(EngineError):
    """The weights have no trained reward head."""


class RowError(EngineError):
    """One row cannot be answered (a prompt that is too long or that the server refuses). Others
    can."""


class Engine(Protocol):
    """A running model. Many coroutines of one event loop may call it; the engine batches their
    requests.

    An engine derives from this class, and its constructor takes an `engines.bindings.Binding`.
    ``factory.yaml`` names the class by import path. ``generates``, ``scores``, ``chooses`` and
    ``rewards`` say which methods it has; the others raise `EngineError`. Loading the configuration
    imports the module, so import heavy libraries in the constructor.
    """

    generates: ClassVar[bool] = False
    scores: ClassVar[bool] = False
    chooses: ClassVar[bool] = False
    rewards: ClassVar[bool] = False

    local_weights: ClassVar[bool] = False
    """Whether it loads the safetensors of ``Binding.model`` itself, so that it can load those that
    a stage has trained. Its revision then begins with `engines.weights.weights_revision`; a blank
    separates what follows. Other engines count as servers of a fixed model."""
    float32_on_cpu: ClassVar[bool] = True
    """Whether ``dtype: auto`` is float32 on a CPU. Otherwise it is the checkpoint's dtype."""
    requires: ClassVar[tuple[str, ...]] = ()
    """The required fields of the binding."""
    options: ClassVar[type[Parameters] | None] = None
    """The class that checks ``Binding.options`` when the configuration is loaded, if any."""

    name: str
    """A unique name. It is part of each journal key."""
    revision: str
    """The identity of the model: a digest of weights, tokenizer, chat template and number type; for
    a served model, of the server's description. It is part of each journal key."""
    constrains: bool = False
    """Whether `generate` supports `Sampling.pattern`."""
    continues: bool = True
    """Whether it continues the last message if that is the assistant's. Some servers cannot."""

    def render(self, messages: Sequence[Message]) -> Rendered:
        """Apply the chat template, with the generation header.

        Raises:
            RowError: the prompt is longer than the model takes.
        """
        ...

    def prompt_tokens(self, prompt: Rendered) -> int:
        """The number of tokens of a prompt. By default an estimate: a token has 4 characters."""
        return math.ceil(len(prompt.text) / 4)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """Sample one text. The same arguments give the same text, regardless of other requests."""
        raise EngineError(f"engine {self.name!r} does not generate")

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        """Log-probs (natural log) of each continuation's tokens after the prompt. ``end``: for each
        continuation, whether the token that ends the turn is scored too."""
        raise EngineError(f"engine {self.name!r} does not score")

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        """The probabilities of ``options`` as the beginning of the answer.

        Args:
            prompt: the output of `render`.
            options: for each option its spellings, the plain one first
                (`engines.choices.spellings`). The probability of an option is the sum over its
                spellings; no text counts twice (`engines.choices.probabilities`).

        Raises:
            RowError: two options cannot be told apart.
        """
        raise EngineError(f"engine {self.name!r} does not choose")

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> Rewards:
        """Rewards of ``text`` as the answer to the prompt, by a model with a trained reward head.

        Args:
            prompt: the output of `render`.
            text: the answer.
            step_ends: the end of each step, in characters. A step's reward is read at its last
                token. None: one reward of the full answer.
            dropout: dropout of the reward of a full answer.
            end: whether the end of the turn is added to a full answer, which is then read there.
                False for an answer that was cut off: it is read at its last token.

        Returns:
            One value, or one per step, in the model's unit. For an answer, a logit. For a step, a
            probability, or the value of the prefix if the head gives values.

        Raises:
            RowError: the answer is longer than the model takes.
            UntrainedHeadError: the model has no such head.
            EngineError: the engine does not give such rewards.
        """
        raise EngineError(
            f"engine {self.name!r} gives no rewards: bind the role to an engine that does"
        )

    @classmethod
    def gpus(cls, options: Mapping[str, Any]) -> int | None:
        """How many GPUs an engine with these options runs a model on; None if that is not known."""
        return None

    @classmethod
    def check_device(cls, device: str, options: Mapping[str, Any]) -> None:
        """Check ``Binding.device`` when the configuration is loaded. By default any is taken.

        Raises:
            ValueError: an engine with these options cannot run a model there.
        """
        return

    @classmethod
    def memory(cls, binding: Any) -> Need | None:
        """What an engine of ``binding`` needs in this machine's memory; None if its model runs
        elsewhere or the need is not known."""
        return None

    async def close(self) -> None:
        """Free the model's memory. No other call may follow."""
        ...
