"""What it costs to say how likely a model is to write given responses: seconds and peak memory.

    python -m benchmarks.scoring
    python -m benchmarks.scoring --device cuda    # on a GPU, in bfloat16

Eight responses to each prompt, which is four times as long as a response, scored by the embedded
engine (the prompt once, no logits kept) and as a script would: one padded batch a prompt,
`model(ids).logits`, log-sum-exps of all of them; or, of the same batch, the logits of the responses
alone. The engine also scores response by response, so that nothing is shared. The model is a random
Llama, the same for all. Responses are equally long, so that padding costs the script nothing. Each
measurement is a process of its own, all sides turn about; the medians of the rounds are told. On a
machine that does other work too, compare processor seconds. On a GPU its memory is told, and the
model has the width of larger ones. Writes ``benchmarks/results/scoring.json``.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import entry, measured, peak, write

COMMAND = " ".join(["python -m benchmarks.scoring", *sys.argv[1:]])
ABOUT = {
    "cpu": "Scoring on the processor, a random Llama of four layers in float32.",
    "cuda": "Scoring on a GPU, a random Llama of four layers in bfloat16.",
}
DTYPES = {"cpu": "float32", "cuda": "bfloat16"}
PEERS = {
    "logits": "Transformers, one padded batch a prompt, full logits",
    "kept": "Transformers, one padded batch a prompt, logits of the responses",
    "apart": "ours, response by response (no shared prefix)",
}
SIDES = ("ours", *PEERS)
SIZES = (
    (32_000, 512, 256),
    (128_000, 512, 256),
    (32_000, 1024, 256),
    (128_000, 1024, 256),
    (32_000, 512, 512),
    (32_000, 1024, 512),
)
"""Vocabulary, hidden size, and tokens of a response. Full logits of 128,000 words take 11 GB."""
GPU_SIZES = ((128_000, 2048, 256), (128_000, 4096, 256), (32_000, 2048, 256), (128_000, 2048, 512))
RESPONSES = 8
PROMPT = 4
"""Times as long as a response, the marks of the chat template included."""
MARKS = 3
"""Tokens of the chat template around a user's words, generation header included."""
MEGABYTE = 1 << 20


def make_model(folder: Path, *, vocabulary: int, hidden: int) -> None:
    """A random Llama of four layers whose tokens are the words ``w0``, ``w1``, …"""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    marks = ["<pad>", "<end>", "<user>", "<assistant>"]
    words = [*marks, *(f"w{number}" for number in range(vocabulary - len(marks)))]
    tokens = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, "<pad>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        pad_token="<pad>",
        eos_token="<end>",
        additional_special_tokens=marks[2:],
    )
    tokenizer.chat_template = (
        "{% for message in messages %}<{{ message['role'] }}> {{ message['content'] }} <end> "
        "{% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=hidden * 11 // 4,
            num_hidden_layers=4,
            num_attention_heads=hidden // 64,
            num_key_value_heads=hidden // 64,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def texts(prompts: int, *, vocabulary: int, response: int) -> list[tuple[str, list[str]]]:
    """``prompts`` prompts with their responses, of ``response`` tokens each."""
    rng = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{rng.randrange(vocabulary - 4)}" for _ in range(count))

    return [
        (words(PROMPT * response - MARKS), [words(response) for _ in range(RESPONSES)])
        for _ in range(prompts)
    ]


@dataclass(frozen=True)
class Scored:
    """What scoring took, in seconds of the clock and of the processor; megabytes held at most
    before it began; and the log-probs of the first prompt's responses."""

    seconds: float
    processor: float
    loaded: float
    logprobs: list[list[float]]


def ours(folder: Path, asked: list[tuple[str, list[str]]], *, apart: bool, device: str) -> Scored:
    """By the embedded engine, which packs and batches as it does for any recipe; ``apart``: asked
    for one response after the other."""
    from engines.bindings import Binding
    from engines.local.engine import TransformersEngine

    engine = TransformersEngine(Binding(model=str(folder), dtype=DTYPES[device], device=device))

    def score(prompt: str, said: list[str]) -> Any:
        rendered = engine.render([{"role": "user", "content": prompt}])
        return engine.score(rendered, said, end=[False] * len(said))

    async def scored(questions: list[tuple[str, list[str]]]) -> list[Any]:
        if apart:
            return [
                [(await score(prompt, [text]))[0] for text in said] for prompt, said in questions
            ]
        return await asyncio.gather(*(score(prompt, said) for prompt, said in questions))

    # Threads and allocators start before the clock does, and kernels are compiled.
    asyncio.run(scored(asked[:1] if device == "cuda" else [("w1", ["w2"])]))
    loaded, started, worked = begun(device), time.perf_counter(), time.process_time()
    found = asyncio.run(scored(asked))
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    return Scored(seconds, processor, loaded, [list(one.logprobs) for one in found[0]])


def theirs(folder: Path, asked: list[tuple[str, list[str]]], *, kept: bool, device: str) -> Scored:
    """By the logits of one padded batch a prompt: all of them, or those ``kept`` of the
    responses."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    dtype = getattr(torch, DTYPES[device])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()

    @torch.inference_mode()
    def scored(prompt: str, said: list[str]) -> list[list[float]]:
        turns = [{"role": "user", "content": prompt}]
        before = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        start = len(tokenizer(before, add_special_tokens=False)["input_ids"])
        batch = tokenizer(
            [before + text for text in said],
            add_special_tokens=False,
            padding=True,
            padding_side="right",
            return_tensors="pt",
        ).to(device)
        first = start - 1 if kept else 0
        ids = batch["input_ids"][:, first + 1 :, None]
        logits = model(**batch, logits_to_keep=ids.shape[1] + 1 if kept else 0).logits[:, :-1]
        # Measured: a quarter faster than a log-softmax of all, and half the memory.
        likely = (logits.gather(2, ids) - logits.logsumexp(-1, keepdim=True))[:, :, 0].float()
        spoken = batch["attention_mask"][:, start:].bool()
        return [
            row[mask].tolist()
            for row, mask in zip(likely[:, start - 1 - first :], spoken, strict=True)
        ]

    scored(*(asked[0] if device == "cuda" else ("w1", ["w2"])))
    loaded, started, worked = begun(device), time.perf_counter(), time.process_time()
    found = [scored(prompt, said) for prompt, said in asked]
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    return Scored(seconds, processor, loaded, found[0])


def megabytes(device: str) -> float:
    """The most memory that this process ever held, of a GPU if it is there."""
    if device == "cpu":
        return peak() * 1e9 / MEGABYTE
    import torch

    return torch.cuda.max_memory_allocated() / MEGABYTE


def begun(device: str) -> float:
    """The memory of the loaded model; what comes after it on a GPU is counted from here."""
    if device == "cpu":
        return megabytes(device)
    import torch

    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated() / MEGABYTE


def one(
    side: str, folder: Path, *, prompts: int, vocabulary: int, response: int, device: str
) -> dict[str, Any]:
    """One measurement, in this process."""
    asked = texts(prompts, vocabulary=vocabulary, response=response)
    if side in ("ours", "apart"):
        found = ours(folder, asked, apart=side == "apart", device=device)
    else:
        found = theirs(folder, asked, kept=side == "kept", device=device)
    return {
        "seconds": found.seconds,
        "processor": found.processor,
        "megabytes": megabytes(device),
        "above": megabytes(device) - found.loaded,
        "logprobs": found.logprobs,
    }


def compare(
    vocabulary: int, hidden: int, response: int, *, prompts: int, rounds: int, device: str
) -> list[dict[str, Any]]:
    """All sides, turn about; the medians of ``rounds``."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), vocabulary=vocabulary, hidden=hidden)
        for _ in range(rounds):
            for side, done in runs.items():
                command = [sys.executable, "-m", "benchmarks.scoring", "--only", side]
                command += ["--model", folder, "--prompts", str(prompts), "--device", device]
                done.append(measured([*command, "--size", f"{vocabulary}x{hidden}x{response}"]))
                print(side, {name: done[-1][name] for name in ("seconds", "processor", "above")})
    for side in SIDES:
        agree(runs["ours"][0]["logprobs"], runs[side][0]["logprobs"], DTYPES[device])

    def median(side: str, figure: str) -> float:
        return statistics.median(run[figure] for run in runs[side])

    work = f"{RESPONSES} responses of {response} tokens to a prompt of {PROMPT * response:,}, "
    work += f"{vocabulary:,} words, {hidden:,} wide"
    done = prompts * RESPONSES
    found = []
    for side, peer in PEERS.items():
        for figure, unit in (
            ("seconds", "responses/s"),
            ("processor", "responses a processor second"),
        ):
            mine, other = done / median("ours", figure), done / median(side, figure)
            found.append(entry(work, mine, unit, other, peer=peer, command=COMMAND))
        if side == "apart":
            continue
        for figure, of in (
            ("megabytes", "peak memory of the process"),
            ("above", "peak memory above the loaded model"),
        ):
            mine, other = median("ours", figure), median(side, figure)
            found.append(entry(f"{work}: {of}", mine, "MB", other, peer=peer, command=COMMAND))
    return found


def agree(ours: list[list[float]], theirs: list[list[float]], dtype: str) -> None:
    """Raises AssertionError where two sides do not say the same of the same tokens: each of them
    in float32, on average in bfloat16."""
    assert [len(values) for values in ours] == [len(values) for values in theirs]
    off = [
        abs(a - b)
        for mine, other in zip(ours, theirs, strict=True)
        for a, b in zip(mine, other, strict=True)
    ]
    if dtype == "float32":
        assert max(off) < 1e-3, f"log-probs differ by {max(off)}"
    else:
        assert statistics.mean(off) < 0.02, f"log-probs differ by {statistics.mean(off)} on average"


def size(text: str) -> tuple[int, int, int]:
    """``32000x512`` or ``32000x512x256`` as numbers."""
    vocabulary, hidden, response = map(int, f"{text}x256".split("x")[:3])
    return vocabulary, hidden, response


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SIDES)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", type=size, action="append", help="vocabulary x width x tokens")
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=list(DTYPES), default="cpu")
    given = parser.parse_args()
    sizes = given.size or (SIZES if given.device == "cpu" else GPU_SIZES)
    if given.only:
        words, _, response = sizes[0]
        of = {"prompts": given.prompts, "vocabulary": words, "response": response}
        print(json.dumps(one(given.only, given.model, **of, device=given.device)))
        return
    entries: list[dict[str, Any]] = []
    for vocabulary, hidden, response in sizes:
        counts = {"prompts": given.prompts, "rounds": given.rounds}
        entries += compare(vocabulary, hidden, response, **counts, device=given.device)
        said = write("scoring", ABOUT[given.device], entries)
    print(said)


if __name__ == "__main__":
    main()
