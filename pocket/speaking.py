"""The answers of a checkpoint."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

_ROWS = 200


def reply(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    *,
    sample: bool = False,
    seed: int = 0,
) -> list[str]:
    """One answer to each user's turn: greedy, or sampled at temperature 1 from all tokens."""
    chats = [[{"role": "user", "content": turn}] for turn in prompts]
    return go_on(model, tokenizer, chats, sample=sample, seed=seed)


def go_on(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    chats: Sequence[Sequence[dict[str, Any]]],
    *,
    sample: bool = False,
    seed: int = 0,
    thinking: bool = False,
) -> list[str]:
    """The assistant's next turn in each chat. thinking: without the thought that comes first."""
    torch.manual_seed(seed)
    texts: list[str] = []
    for begin in range(0, len(chats), _ROWS):
        prompts: Any = tokenizer.apply_chat_template(
            [list(chat) for chat in chats[begin : begin + _ROWS]],
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            padding=True,
            enable_thinking=thinking,
        )
        with torch.inference_mode():
            tokens = model.generate(  # type: ignore[misc]
                **prompts,
                max_new_tokens=1024 if thinking else 256,
                do_sample=sample,
                temperature=1.0 if sample else None,
                top_k=0 if sample else None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        completions = tokens[:, prompts["input_ids"].shape[1] :]
        texts += tokenizer.batch_decode(completions, skip_special_tokens=True)
    return [text.partition("</think>")[2].strip() for text in texts] if thinking else texts
