"""vLLM's side of `benchmarks.generation`, in vLLM's own environment.

    .venv-vllm/bin/python -P benchmarks/vllm_tokens.py MODEL PROMPTS N TOKENS

PROMPTS is a JSON file of lists of token ids. All are given to ``LLM.generate`` at once, ``N``
samples each. Prints the seconds that took and the tokens it wrote, as JSON.
"""

import json
import sys
import time
from pathlib import Path

from vllm import LLM, SamplingParams


def main(model: str, prompts: str, n: int, tokens: int) -> None:
    asked = [{"prompt_token_ids": ids} for ids in json.loads(Path(prompts).read_text())]
    engine = LLM(model, dtype="float32", max_model_len=1024, max_num_seqs=256)
    # The log-probs of the tokens written, which preference data needs and ours gives too. No seed
    # a request, which ours has: on a CPU vLLM 0.32 dies of one as soon as it reads a prompt in
    # chunks ("CPUGenerator does not use offset").
    sampling = SamplingParams(n=n, temperature=1.0, max_tokens=tokens, logprobs=0)
    engine.generate(asked[:8], sampling, use_tqdm=False)
    started = time.perf_counter()
    answers = engine.generate(asked, sampling, use_tqdm=False)
    seconds = time.perf_counter() - started
    written = sum(len(sample.token_ids) for answer in answers for sample in answer.outputs)
    print(json.dumps({"seconds": seconds, "tokens": written}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
