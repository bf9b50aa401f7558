"""The engine for OpenAI-compatible servers: ``vllm serve``, or a provider. Uses chat completions;
and rewards, if vLLM serves a classification model.

The server applies the chat template, so a prompt's identity is the canonical JSON of its messages.
`revision` covers all else that is known and can change the answer:

* the served name, and the server's entry for it in ``GET /models`` (on vLLM: ``root``, the served
  folder, ``parent`` and ``max_model_len``), without fields that change for the same model
  (`_VOLATILE`);
* ``body`` and ``top_logprobs`` of the binding's options, and its ``template_arguments`` if it has
  any, since they are in every request;
* the digest of the weights if the binding names them (``model``), otherwise the url. With the
  digest, a server may move to another host or port and nothing is paid for twice. Without it, one
  name at two addresses may be two models.

Parts of a request that the server refuses are left out of the request (`engines.openai.parameters`)
but stay in the identity.

A number type, quantization or chat template chosen on the server's command line is not known, so it
is not in the revision. Serve such a model under another name.
"""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from engines.bindings import Binding
from engines.chat.spelling import spelled_apart, spelled_together
from engines.chat.turns import tools_of
from engines.choices import Spelling, choice, next_tokens, option_logprobs, tokenised, total
from engines.openai.client import GREETING, Server, ServerOptions
from engines.openai.listed_choice import listed_choice, without_logprobs
from engines.openai.responses import ChatChoice, ChatReply
from engines.openai.rewards import ServedRewards
from engines.protocol import (
    Choice,
    Dropout,
    Engine,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
)
from schemas import Message, canonical, content_id, messages_of

_VOLATILE = frozenset(
    {"created", "permission", "pricing", "description", "top_provider", "per_request_limits"}
    | {"shutdown_date", "expiration_date"}
)
"""Fields of a model's entry that change for the same model. vLLM's ``created`` is the time of the
request and its ``permission`` has a random id; the others are a provider's catalogue data."""

_LISTING = ("logprobs", "top_logprobs")
_WITHHELD = frozenset(
    {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
    | {"refusal", "tool_calls", "tool_use", "function_call"}
)
"""Finish reasons without an answer: the provider's filter cut it, or the model called a tool whose
name is not known."""
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "max_new_tokens", "model_length"})
"""Finish reasons of truncated answers, for several servers."""

_OLD = "choosing needs vLLM 0.32 or newer, or bind the role to weights"


class OpenAIEngine(Engine):
    """A model on a server. The constructor requests the list of models and blocks until then."""

    name = "openai"
    generates = chooses = rewards = True
    requires = ("url", "served_as")
    options = ServerOptions

    def __init__(self, binding: Binding) -> None:
        """Raises `EngineError` if the server is down, refuses the key or serves another model."""
        self.server = Server(binding)
        entry = self.server.entry()
        self._is_vllm = self.constrains = self.continues = entry.get("owned_by") == "vllm"
        # vLLM refuses a request for more tokens than its context length.
        self._longest = int(entry.get("max_model_len") or sys.maxsize)
        self._spellings: dict[str, Spelling] = {}
        self._arguments = dict(binding.template_arguments)
        self.revision = _revision(binding, self.server, entry)
        self._rewards = ServedRewards(self.server, binding)

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.server})"

    def render(self, messages: Sequence[Message]) -> Rendered:
        """The messages as they are sent. The server applies the template, and refuses a prompt that
        is too long. Control tokens in messages are changed to text (`engines.chat.spelling`)."""
        sent = tuple(spelled_apart(message) for message in messages_of(messages))
        return Rendered(sent, canonical([dict(message) for message in sent]))

    def prompt_tokens(self, prompt: Rendered) -> int:
        """An estimate, by the server's own counts for the prompts up to now."""
        endpoint = self.server.endpoint
        if not endpoint.characters:
            return super().prompt_tokens(prompt)
        return round(len(prompt.text) * endpoint.prompt_tokens / endpoint.characters)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """Sample one text. It has log-probs if the server gives them, and token ids from vLLM."""
        body: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": min(sampling.max_tokens, self._longest),
            # Some providers take at most 31 bits. Two samples of a prompt are then equal with
            # probability 2**-31.
            "seed": seed % 2**31,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if self._is_vllm:
            # For parameters that are left out, vLLM uses the model's generation_config.json.
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
        if choice.message.called:
            named = ", ".join(choice.message.called)
            raise RowError(
                f"{self.server} calls tools ({named}) and does not give the text of it: bind the "
                "role to vLLM or to weights, whose answer is the text of the call"
            )
        if reason.lower() in _WITHHELD or (choice.message.tool_calls and not text):
            raise RowError(f"{self.server} ended its answer with {reason or 'a tool call'!r}")
        logprobs, finish = choice.token_logprobs, _finish(reply, body["max_tokens"])
        if "stop" in self.server.endpoint.refused:
            full_text, text = text, _before(text, sampling.stop)
            if text != full_text:
                logprobs, finish = (), "stop"
        return Generation(
            text=text,
            token_ids=tuple(choice.token_ids or ()),
            logprobs=logprobs,
            finish=finish,
            reasoning=choice.message.reasoning,
            counted=None if choice.token_ids else reply.written,
        )

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        """The probabilities of the options: by all their tokens with vLLM, else by the first token.

        vLLM gives the log-probs of requested tokens (``logprob_token_ids``): one request if each
        spelling is a single token. Other servers list their most likely first tokens, which
        `engines.openai.listed_choice` reads.
        """
        names = [option[0] for option in options]
        if len(set(names)) != len(names) or not all(names):
            raise RowError(f"options must differ and none may be empty: {names}")
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
        end: bool = True,
    ) -> Rewards:
        """By vLLM's server of a classification model (`engines.openai.rewards`)."""
        if dropout is not None:
            raise EngineError(
                f"{self.server} has no dropout: name the weights in the binding ('model': a "
                "folder or a Hub id), which are then run in this process"
            )
        return await self._rewards.reward(prompt.messages, text, step_ends, end=end)

    async def close(self) -> None:
        """Close the connections. The server keeps running."""
        await self.server.close()

    async def _first(self, prompt: Rendered, body: Mapping[str, Any]) -> ChatChoice:
        """The first token of the answer, with a list of the most likely first tokens.

        If the list is missing, a greeting is sent once to find out whether the server ever gives
        one.

        Raises:
            EngineError: the server gives no such list for any prompt.
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

    async def _spelled_choice(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        texts = [text for option in options for text in option]
        tokens = dict(zip(texts, await asyncio.gather(*map(self._spelling, texts)), strict=True))
        spelled = tokenised(options, tokens.__getitem__)
        flat = [spelling for own in spelled for spelling in own]
        following = next_tokens(flat)
        body = {**_likelihoods(following.pop(())), "logprobs": True}
        start = await self._ask(prompt, body, needs=("logprobs", "return_token_ids"))
        answers: dict[Spelling, dict[int, float]] = {(): start.first_logprobs()}
        if following:
            prompt_tokens = start.prompt_token_ids
            if not prompt_tokens:
                raise EngineError(f"{self.server} does not return the prompt's tokens: {_OLD}")
            replies = await asyncio.gather(
                *(
                    self.server.complete(
                        prompt_tokens + list(prefix), {**_likelihoods(tokens), "logprobs": 1}
                    )
                    for prefix, tokens in following.items()
                )
            )
            answers |= zip(following, (reply.first_logprobs() for reply in replies), strict=True)
        endpoint = self.server.endpoint
        if not all(answers.values()):
            if endpoint.lists:
                raise RowError(f"{self.server} gives no log-probs for this prompt")
            raise without_logprobs(str(self.server))
        endpoint.lists = True
        return choice(option_logprobs(spelled, {each: total(each, answers) for each in flat}))

    async def _spelling(self, option: str) -> Spelling:
        """The option's tokens. One request per option: a completion returns its prompt's tokens."""
        if option not in self._spellings:
            body = {"add_special_tokens": False, "return_token_ids": True, "max_tokens": 1}
            reply = await self.server.complete(option, body)
            tokens = reply.choices[0].prompt_token_ids
            if not tokens:
                raise EngineError(f"{self.server} does not return the tokens of {option!r}: {_OLD}")
            self._spellings[option] = tuple(tokens)
        return self._spellings[option]

    async def _ask(
        self, prompt: Rendered, body: Mapping[str, Any], *, needs: Collection[str] = ()
    ) -> ChatReply:
        if prompt.messages and prompt.messages[-1]["role"] == "assistant":
            # The model continues the assistant's text. Servers other than vLLM start a new turn.
            if not self._is_vllm:
                raise EngineError(
                    f"{self.server} cannot continue an answer (the last message is the "
                    "assistant's): bind the role to vLLM's server or to weights"
                )
            body = {**body, "add_generation_prompt": False, "continue_final_message": True}
        if (tools := tools_of(prompt.messages)) is not None:
            body, needs = {**body, "tools": tools}, (*needs, "tools")
            if self._is_vllm:
                # The tools are in the prompt, and the text of a call is not taken out of the
                # answer. By default vLLM needs a parser of calls.
                body, needs = {**body, "tool_choice": "none"}, (*needs, "tool_choice")
        if self._arguments:
            body = {**body, "chat_template_kwargs": self._arguments}
        reply = await self.server.chat(prompt.messages, body, needs=needs)
        self.server.endpoint.counted(len(prompt.text), reply.read)
        return reply


def _finish(reply: ChatReply, most: int) -> Literal["stop", "length"]:
    """Whether the text ended or was cut off. If the server gives no known reason, it was cut off if
    it has the ``most`` tokens that were allowed."""
    reason = (reply.choices[0].finish_reason or "").lower()
    full = reason != "stop" and reply.written is not None and reply.written >= most
    return "length" if reason in _CUT or full else "stop"


def _before(text: str, stop: Sequence[str]) -> str:
    """``text`` up to the first of ``stop``."""
    places = (at for string in stop if (at := text.find(string)) >= 0)
    return text[: min(places, default=len(text))]


def _likelihoods(tokens: Sequence[int]) -> dict[str, Any]:
    """The fields that request the log-probs of ``tokens`` at the next position from vLLM."""
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

        # The binding's dtype is for scoring on this machine; the server's is not known.
        weights = binding.model_copy(update={"dtype": "float32"})
        where = {"weights": weights_revision(weights)}
    else:
        where = {"url": server.url}
    described = {key: value for key, value in entry.items() if key not in _VOLATILE}
    options = server.options.model_dump(mode="json", include={"body", "top_logprobs"})
    if binding.template_arguments:
        options["template_arguments"] = dict(binding.template_arguments)
    return f"{server.model}@{content_id(server.model, described, options, where)}"
