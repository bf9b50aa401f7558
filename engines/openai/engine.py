"""Any OpenAI-compatible server: ``vllm serve``, or a provider. Over HTTP, chat completions; and
rewards, where vLLM serves a classification model.

The server applies the chat template out of sight, so a prompt's identity is the canonical JSON of
its messages, and `revision` holds everything else that can change the answer, as far as it can be
known:

* the name it is served as, and the server's own entry for it in ``GET /models`` (on vLLM: ``root``,
  the folder served, ``parent`` and ``max_model_len``), without what changes though the model does
  not (`_VOLATILE`);
* ``body`` and ``top_logprobs`` of the binding's options, and its ``template_arguments`` if it has
  any, since they are in every request;
* the digest of the weights where the binding names them (``model``), otherwise the url. Weights say
  what the model is wherever it is served, so a server may move to another host or port and nothing
  is paid for twice; without them, one name at two addresses may be two models.

Parts of a request that the server refuses are left out of it (`engines.openai.parameters`) and stay
in the identity, which is that of what was asked for.

Not known, so not in it: a number type, quantization or chat template chosen on the server's command
line. Serve such a model under a name of its own.
"""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from engines.bindings import Binding
from engines.chat.spelling import spelled_apart, spelled_together
from engines.choice_logprobs import Spelling, next_tokens, spelled_choice
from engines.openai.client import GREETING, Server, ServerOptions
from engines.openai.listed_choice import listed_choice, without_logprobs
from engines.openai.responses import ChatChoice, ChatReply
from engines.openai.rewards import ServedRewards
from engines.protocol import (
    Dropout,
    Engine,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
)
from schemas import Message, canonical, content_id

_VOLATILE = frozenset(
    {"created", "permission", "pricing", "description", "top_provider", "per_request_limits"}
    | {"shutdown_date", "expiration_date"}
)
"""What servers say of a model that changes though the model does not: vLLM's ``created`` is the
time of asking and its ``permission`` has a random id; the others are a provider's shop window."""

_LISTING = ("logprobs", "top_logprobs")
_WITHHELD = frozenset(
    {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
    | {"refusal", "tool_calls", "tool_use", "function_call"}
)
"""Ends of what is no answer: the provider's filter cut it, or the model called a tool."""
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "max_new_tokens", "model_length"})
"""Ends of what was cut off, in the words of several servers."""

_OLD = "choosing needs vLLM 0.32 or newer, or bind the role to weights"


class OpenAIEngine(Engine):
    """A served model. Opening it asks the server what it serves, and blocks until it answers."""

    name = "openai"
    generates = chooses = rewards = True
    requires = ("url", "served_as")
    options = ServerOptions

    def __init__(self, binding: Binding) -> None:
        """Raises `EngineError` if the server is down, refuses the key or serves another model."""
        self.server = Server(binding)
        entry = self.server.entry()
        self._is_vllm = self.constrains = entry.get("owned_by") == "vllm"
        # vLLM writes as far as its context goes, but refuses to be asked for more than that.
        self._longest = int(entry.get("max_model_len") or sys.maxsize)
        self._spellings: dict[str, Spelling] = {}
        self._arguments = dict(binding.template_arguments)
        self.revision = _revision(binding, self.server, entry)
        self._rewards = ServedRewards(self.server, binding)

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.server})"

    def render(self, messages: Sequence[Message]) -> Rendered:
        """The messages as they are sent: the server applies the template and refuses what is too
        long. Control tokens in them are spelled apart (`engines.chat.spelling`)."""
        sent = tuple(spelled_apart(message) for message in messages)
        return Rendered(sent, canonical([dict(message) for message in sent]))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """Draw one text. Log-probs are those the server gives; token ids, vLLM's only."""
        body: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": min(sampling.max_tokens, self._longest),
            # Some providers take no more than 31 bits. Samples of one prompt whose seeds then
            # agree are equal: one pair in 2**31.
            "seed": seed % 2**31,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if self._is_vllm:
            # Whatever is left out, vLLM takes from the model's generation_config.json.
            body |= {"top_k": sampling.top_k, "min_p": 0.0, "repetition_penalty": 1.0}
            body["return_token_ids"] = True
            if sampling.pattern is not None:
                body["structured_outputs"] = {"regex": sampling.pattern}
        body["logprobs"] = True
        reply = await self._ask(prompt, body)
        choice = reply.choices[0]
        text = spelled_together(choice.message.content or "")
        reason = choice.finish_reason or ""
        if choice.message.refusal:
            raise RowError(f"{self.server} refuses to answer: {choice.message.refusal[:500]}")
        if reason.lower() in _WITHHELD or (choice.message.tool_calls and not text):
            raise RowError(f"{self.server} ended its answer with {reason or 'a tool call'!r}")
        logprobs, finish = choice.token_logprobs, _finish(reply, body["max_tokens"])
        if "stop" in self.server.endpoint.refused:
            whole, text = text, _before(text, sampling.stop)
            if text != whole:
                logprobs, finish = (), "stop"
        return Generation(
            text=text,
            token_ids=tuple(choice.token_ids or ()),
            logprobs=logprobs,
            finish=finish,
            reasoning=choice.message.reasoning,
            counted=None if choice.token_ids else reply.written,
        )

    async def choose(self, prompt: Rendered, options: Sequence[str]) -> list[float]:
        """Log-probs of the options: whole from vLLM, by the first token from others.

        vLLM is asked for the log-probs of given tokens (``logprob_token_ids``): one request where
        each option is a single token. Other servers list their likeliest first tokens, which
        `engines.choice_logprobs.listed_choice` reads.
        """
        if len(set(options)) != len(options) or not all(options):
            raise RowError(f"options must differ and none may be empty: {list(options)}")
        if self._is_vllm:
            return await self._spelled_choice(prompt, options)
        body = {"temperature": 0.0, "max_tokens": 1, "seed": 0, "logprobs": True}
        body["top_logprobs"] = self.server.options.top_logprobs
        first = await self._first(prompt, body)
        return listed_choice(first, options, server=str(self.server))

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
    ) -> Rewards:
        """By vLLM's server of a classification model (`engines.openai.rewards`)."""
        if dropout is not None:
            raise EngineError(
                f"{self.server} leaves no activations out: name the weights in the binding "
                "('model': a folder or a Hub id), and they are run in this process for that"
            )
        return await self._rewards.reward(prompt.messages, text, step_ends)

    async def close(self) -> None:
        """Close the connections; the server runs on."""
        await self.server.close()

    async def _first(self, prompt: Rendered, body: Mapping[str, Any]) -> ChatChoice:
        """One token with the likeliest in its place.

        Raises `EngineError` where the server lists them for no prompt; one that has none for this
        prompt alone is asked for those of a greeting, once.
        """
        endpoint = self.server.endpoint
        try:
            choice = (await self._ask(prompt, body, needs=_LISTING)).choices[0]
            endpoint.lists = endpoint.lists or choice.lists
            if not endpoint.lists:
                greeted = await self.server.chat(GREETING, body, needs=_LISTING)
                endpoint.lists = greeted.choices[0].lists
        except RowError as refusal:
            if endpoint.lists or "logprob" not in str(refusal):
                raise
            raise without_logprobs(str(self.server), str(refusal)) from None
        if not endpoint.lists:
            raise without_logprobs(str(self.server))
        return choice

    async def _spelled_choice(self, prompt: Rendered, options: Sequence[str]) -> list[float]:
        spelled = await asyncio.gather(*map(self._spelling, options))
        asked = next_tokens(spelled)
        body = {**_likelihoods(asked.pop(())), "logprobs": True}
        start = await self._ask(prompt, body, needs=("logprobs", "return_token_ids"))
        answers: dict[Spelling, dict[int, float]] = {(): start.first_logprobs()}
        if asked:
            begun = start.prompt_token_ids
            if not begun:
                raise EngineError(f"{self.server} does not say how it reads a prompt: {_OLD}")
            replies = await asyncio.gather(
                *(
                    self.server.complete(
                        begun + list(said), {**_likelihoods(tokens), "logprobs": 1}
                    )
                    for said, tokens in asked.items()
                )
            )
            answers |= zip(asked, (reply.first_logprobs() for reply in replies), strict=True)
        endpoint = self.server.endpoint
        if not all(answers.values()):
            if endpoint.lists:
                raise RowError(f"{self.server} gives no log-probs for this prompt")
            raise without_logprobs(str(self.server))
        endpoint.lists = True
        return spelled_choice(spelled, answers)

    async def _spelling(self, option: str) -> Spelling:
        """The option's tokens. Asked of the server once: a completion repeats its prompt's."""
        if option not in self._spellings:
            body = {"add_special_tokens": False, "return_token_ids": True, "max_tokens": 1}
            reply = await self.server.complete(option, body)
            tokens = reply.choices[0].prompt_token_ids
            if not tokens:
                raise EngineError(f"{self.server} does not say how it spells {option!r}: {_OLD}")
            self._spellings[option] = tuple(tokens)
        return self._spellings[option]

    async def _ask(
        self, prompt: Rendered, body: Mapping[str, Any], *, needs: Collection[str] = ()
    ) -> ChatReply:
        if prompt.messages and prompt.messages[-1]["role"] == "assistant":
            # The answer is begun: the model goes on from there. Others would start a new turn.
            if not self._is_vllm:
                raise EngineError(
                    f"{self.server} cannot go on from a begun answer (its last message is the "
                    "assistant's): only vLLM's server can, or bind the role to weights"
                )
            body = {**body, "add_generation_prompt": False, "continue_final_message": True}
        if self._arguments:
            body = {**body, "chat_template_kwargs": self._arguments}
        return await self.server.chat(prompt.messages, body, needs=needs)


def _finish(reply: ChatReply, most: int) -> Literal["stop", "length"]:
    """Whether the text ended by itself. Where the server says neither (no reason, or one of its
    own), it was cut off if it has the ``most`` tokens that it may have."""
    reason = (reply.choices[0].finish_reason or "").lower()
    full = reason != "stop" and reply.written is not None and reply.written >= most
    return "length" if reason in _CUT or full else "stop"


def _before(text: str, stop: Sequence[str]) -> str:
    """``text`` up to the first of ``stop``."""
    return text[: min((at for one in stop if (at := text.find(one)) >= 0), default=len(text))]


def _likelihoods(tokens: Sequence[int]) -> dict[str, Any]:
    """What asks vLLM for the log-probs of ``tokens`` in the next place."""
    return {
        "temperature": 0.0,
        "max_tokens": 1,
        "logprob_token_ids": list(tokens),
        "return_tokens_as_token_ids": True,
        "return_token_ids": True,
    }


def _revision(binding: Binding, server: Server, entry: Mapping[str, Any]) -> str:
    if binding.model:
        from engines.weights import weights_revision

        # The binding's dtype is that of scoring on this machine; the server's is not known.
        weights = binding.model_copy(update={"dtype": "float32"})
        where = {"weights": weights_revision(weights)}
    else:
        where = {"url": server.url}
    said = {key: value for key, value in entry.items() if key not in _VOLATILE}
    asked = server.options.model_dump(mode="json", include={"body", "top_logprobs"})
    if binding.template_arguments:
        asked["template_arguments"] = dict(binding.template_arguments)
    return f"{server.model}@{content_id(server.model, said, asked, where)}"
