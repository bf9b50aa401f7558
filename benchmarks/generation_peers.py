"""The peers' side of `benchmarks.generation`: Transformers' `generate`, or vLLM; and a limit, the
products of states and weights alone.

    python -P benchmarks/generation_peers.py PEER MODEL QUESTIONS TEMPERATURE TOKENS DEVICE DTYPE

PEER is generate, vllm or products. QUESTIONS is a JSON file of lists of messages. Each gets one
answer of at most TOKENS tokens, drawn at TEMPERATURE from all words, on DEVICE cpu or cuda, in
DTYPE float32 or bfloat16. Prints the seconds of the clock and of the processor, and the tokens
written, as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH = 64
"""Texts that `generate` writes at once. Measured: not faster with more."""


def generate(
    model: str, *, temperature: float, tokens: int, device: str, dtype: str
) -> Callable[[list[Any]], int]:
    """Batches of prompts of similar length, padded on the left."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).to(device).eval()

    def write(asked: list[Any]) -> int:
        rendered = [
            tokenizer.apply_chat_template(one, add_generation_prompt=True, tokenize=False)
            for one in asked
        ]
        rendered.sort(key=lambda text: len(tokenizer(text)["input_ids"]))
        written = 0
        for first in range(0, len(rendered), BATCH):
            batch = tokenizer(
                rendered[first : first + BATCH],
                add_special_tokens=False,
                padding=True,
                padding_side="left",
                return_tensors="pt",
            ).to(device)
            out = loaded.generate(
                **batch, do_sample=True, temperature=temperature, top_k=0, max_new_tokens=tokens
            )
            for answer in out[:, batch["input_ids"].shape[1] :].tolist():
                end = tokenizer.eos_token_id
                written += answer.index(end) + 1 if end in answer else len(answer)
        return written

    return write


def vllm(
    model: str, *, temperature: float, tokens: int, device: str, dtype: str
) -> Callable[[list[Any]], int]:
    """All prompts at once, in this process, so that its processor seconds are counted."""
    os.environ |= {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
    }
    from vllm import LLM, SamplingParams

    if device == "cpu":
        loaded = LLM(model=model, dtype=dtype, max_model_len=2048)
    else:
        # CUDA graphs, without minutes of compilation.
        graphs = {"mode": 0, "cudagraph_mode": "FULL"}
        loaded = LLM(
            model=model,
            dtype=dtype,
            max_model_len=2048,
            gpu_memory_utilization=0.5,
            compilation_config=graphs,
        )
    sampling = SamplingParams(temperature=temperature, max_tokens=tokens)

    def write(asked: list[Any]) -> int:
        answers = loaded.chat(asked, sampling, use_tqdm=False)
        return sum(len(answer.outputs[0].token_ids) for answer in answers)

    return write


def products(
    model: str, *, temperature: float, tokens: int, device: str, dtype: str
) -> Callable[[list[Any]], int]:
    """One product with each weight for each token of all texts at once, and no more: no prompt is
    read, no attention computed, nothing drawn. An engine that multiplies by all weights in this
    type, as torch does on this machine, cannot be faster."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).to(device).eval()
    layers = [layer for layer in loaded.modules() if isinstance(layer, torch.nn.Linear)]
    weights = [layer.weight.detach() for layer in layers]
    packed = device == "cpu" and torch.backends.mkldnn.is_available()
    if packed:
        weights = [torch.ops.mkldnn._reorder_linear_weight(weight, BATCH) for weight in weights]

    def write(asked: list[Any]) -> int:
        where = {"dtype": loaded.dtype, "device": device}
        states = [torch.ones(len(asked), layer.in_features, **where) for layer in layers]
        for _ in range(tokens):
            for each, weight in zip(states, weights, strict=True):
                if packed:
                    torch.ops.mkldnn._linear_pointwise(each, weight, None, "none", [], "")
                else:
                    torch.nn.functional.linear(each, weight)
        if device == "cuda":
            torch.cuda.synchronize()
        return len(asked) * tokens

    return torch.no_grad()(write)


def main() -> None:
    peer, model, questions, temperature, tokens, device, dtype = sys.argv[1:]
    asked = json.loads(Path(questions).read_text())
    opened = {"generate": generate, "vllm": vllm, "products": products}[peer]
    limits = {"temperature": float(temperature), "tokens": int(tokens)}
    write = opened(model, **limits, device=device, dtype=dtype)
    write(asked[:8])
    started, worked = time.perf_counter(), time.process_time()
    written = write(asked)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps({"seconds": seconds, "processor": processor, "tokens": written}))


if __name__ == "__main__":
    main()
