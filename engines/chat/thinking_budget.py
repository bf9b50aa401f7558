"""Budgets of tokens for the thought and for the answer.

The thought is generated up to its budget. If the model has not closed it by then, the chat
template's mark closes it, and the model writes its answer after it: two requests, both journaled.
So it works with every engine that applies the template here. Source: Qwen3 Technical Report
(arXiv:2505.09388), section 4.3, which closes the thought with a sentence; s1 (Muennighoff et al.
2025, arXiv:2501.19393) calls it budget forcing and needs the mark alone.
"""

from collections.abc import Sequence
from dataclasses import replace

from engines.chat.thinking import open_thought
from engines.protocol import Generation, Rendered, Sampling
from schemas import Message

NO_BUDGET = (
    "max_thinking_tokens needs an engine that applies the chat template itself (transformers, "
    "vllm). Set a server's own budget in its binding, vLLM's for example: options: "
    "{body: {thinking_token_budget: 1024}}"
)


def of_thought(sampling: Sampling, prompt: Rendered) -> Sampling:
    """The sampling of a thought: it stops where the thought closes."""
    marks = open_thought(prompt.text) or prompt.thought
    closes = [] if marks is None else [marks.closes.strip()]
    return replace(
        sampling,
        max_tokens=sampling.max_thinking_tokens or sampling.max_tokens,
        max_thinking_tokens=None,
        pattern=None,
        stop=(*sampling.stop, *closes),
    )


def tokens_left(thought: Generation, sampling: Sampling) -> int:
    """How many tokens of an answer may follow ``thought``; 0 if it already has the answer.

    A model that did not think has begun its answer with the tokens of the thought.
    """
    if thought.reasoning is None:
        ended = thought.finish == "stop"
        return 0 if ended else max(0, sampling.max_tokens - thought.tokens)
    answered = thought.finish == "stop" and thought.text.strip()
    return 0 if answered else sampling.max_tokens


def joined(thought: Generation, answer: Generation) -> Generation:
    """One text of a thought and the answer that followed it."""
    both = (thought, answer)
    reasons = [one.reasoning for one in both if one.reasoning]
    complete = all(one.logprobs or not one.tokens for one in both)
    return Generation(
        thought.text + answer.text,
        thought.token_ids + answer.token_ids,
        thought.logprobs + answer.logprobs if complete else (),
        answer.finish,
        reasoning="\n\n".join(reasons) or None,
        counted=sum(one.tokens for one in both),
    )


def thinking_before(
    messages: Sequence[Message], thought: str | None, begins: str = ""
) -> tuple[Message, ...]:
    """``messages`` with a thought, and then the beginning of an answer, for a model to go on from.
    Without them, they are unchanged."""
    if thought is None and not begins:
        return tuple(messages)
    *before, last = messages
    if last["role"] != "assistant":
        before, last = [*messages], {"role": "assistant", "content": ""}
    answer: Message = {**last, "content": last["content"] + begins}
    return (*before, answer if thought is None else {**answer, "reasoning": thought})
