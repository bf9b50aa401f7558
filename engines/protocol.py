"""What an engine does: generate, score, choose and reward. Everything else (journal, seeds, retries
of a run) is built on these four."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from schemas import Message
from schemas.parameters import Parameters
from schemas.printable import printable


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a text is drawn. ``temperature`` 0 is greedy; ``top_k`` 0 and ``top_p`` 1 are off.

    ``pattern`` is a regular expression that the whole text is made to match where the engine can
    (`Engine.constrains`); where it cannot, the text is drawn freely.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as its model reads it. ``text`` is the identity: template, generation header and
    all (for a provider that templates out of sight, the messages' canonical JSON).

    ``marked`` gives what the model wrote with the marks of its thoughts, where these are special
    tokens, which the text of a generation leaves out (`engines.chat.thinking`)."""

    messages: tuple[Message, ...]
    text: str
    marked: "Callable[[Generation], str] | None" = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Generation:
    """One sampled text. ``logprobs``: natural log, one a token of ``token_ids``, under the model at
    temperature 1; empty where a server does not give them. A token that ends the turn is the last
    of ``token_ids`` and is not in ``text``.

    ``reasoning`` is the thought before the text, None where there is none. An engine gives it where
    a server does, `engines.model.Model` wherever the model thought. ``counted``: tokens written,
    where a server tells their number but not which they are."""

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Literal["stop", "length"]
    reasoning: str | None = field(default=None, kw_only=True)
    counted: int | None = field(default=None, kw_only=True)

    @property
    def tokens(self) -> int:
        """How many tokens were written, those of the thought and of the turn's end included."""
        return len(self.token_ids) or self.counted or 0


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-probs (natural log) of each token of one continuation under one context."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Dropout:
    """Monte Carlo dropout of a reward model: the ``share`` of activations, in (0, 1), that are set
    to 0; which ones follows from ``seed``."""

    share: float
    seed: int


@dataclass(frozen=True, slots=True)
class Rewards:
    """The rewards of one answer: one value of the answer, or one value a step. ``tokens``: how many
    tokens the model read."""

    values: tuple[float, ...]
    tokens: int


class EngineError(RuntimeError):
    """An engine cannot do what was asked, in the user's terms and with what to do. What a server
    or a model said in it is fit for a terminal."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class UnavailableError(EngineError):
    """What was asked for cannot be had now, and may be in a while: a server that is down or busy, a
    journal that another run writes to. Trying again later is worth it; after any other, it is not.
    """


class UntrainedHeadError(EngineError):
    """The weights have no trained reward head."""


class RowError(EngineError):
    """This one row cannot be answered (too long a prompt, refused by the server); others can."""


class Engine(Protocol):
    """A running model. Safe to call from many coroutines of one event loop; calls that are in
    flight together are batched by the engine.

    A class derives from this one and is called with its `engines.bindings.Binding`;
    ``factory.yaml`` names it by import path. ``generates``, ``scores``, ``chooses`` and ``rewards``
    say which of the methods of these names it has; the others raise `EngineError`. Configuration
    that names the class imports its module, so heavy libraries are imported when an engine is
    opened.
    """

    generates: ClassVar[bool] = False
    scores: ClassVar[bool] = False
    chooses: ClassVar[bool] = False
    rewards: ClassVar[bool] = False

    local_weights: ClassVar[bool] = False
    """Whether it loads the safetensors of ``Binding.model`` itself, so that it can be given those
    that a stage has trained. Its revision then begins with `engines.weights.weights_revision`, and
    a blank where more follows. Other engines are taken for servers of a fixed model."""
    float32_on_cpu: ClassVar[bool] = True
    """Whether ``dtype: auto`` is float32 on a CPU; else it is the checkpoint's own there too."""
    requires: ClassVar[tuple[str, ...]] = ()
    """The fields of the binding that it cannot do without."""
    options: ClassVar[type[Parameters] | None] = None
    """What ``Binding.options`` are read as when the configuration is; None leaves them unread."""

    name: str
    """Part of every journal key, so no two engines have the same."""
    revision: str
    """What is loaded: digest of weights, tokenizer, chat template and number type; or, for a
    served model, all that the server says of it. Part of every journal key."""
    constrains: bool = False
    """Whether `generate` can hold a text to `Sampling.pattern`."""

    def render(self, messages: Sequence[Message]) -> Rendered:
        """Apply the chat template, generation header included. Raises `RowError` if the prompt is
        longer than the model."""
        ...

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """Draw one text. The same arguments give the same text, whatever else is in flight."""
        raise EngineError(f"engine {self.name!r} does not generate")

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        """Log-probs of each continuation's tokens after the prompt, never of the prompt's or the
        generation header's. ``end`` says, for each, whether the turn's end token is scored too."""
        raise EngineError(f"engine {self.name!r} does not score")

    async def choose(self, prompt: Rendered, options: Sequence[str]) -> list[float]:
        """Log-probs of ``options`` as the answer, normalised over the options (natural log)."""
        raise EngineError(f"engine {self.name!r} does not choose")

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
    ) -> Rewards:
        """Rewards of ``text`` as the answer to the prompt, by a model with a trained reward head.

        Args:
            prompt: what `render` gave.
            text: the answer. Without ``step_ends`` it is read as ended: its turn's end is added.
            step_ends: after how many characters each step ends; None asks for one reward of the
                answer. A step's reward is read at its last token.
            dropout: leaves activations out; only of the reward of an answer.

        Returns:
            One value, or one a step, each in the unit of the model: a logit of the answer; of
            a step a probability, or the value of the begun answer where the head is one of values.

        Raises:
            RowError: the answer is longer than the model takes.
            UntrainedHeadError: the model has no such head.
            EngineError: the engine gives no such rewards.
        """
        raise EngineError(f"engine {self.name!r} gives no rewards: bind the role to one that does")

    async def close(self) -> None:
        """Free the model's memory. No call is made after this."""
        ...
