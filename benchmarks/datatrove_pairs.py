"""What `benchmarks.runtime` does with instant models, done by datatrove's inference runner.

    .venv-bench/bin/python -P benchmarks/datatrove_pairs.py PROMPTS

Four responses a prompt, one judgement of the four, a pair of the best and the worst, in one rollout
a document. The server is replaced by one that answers at once in this process; requests are kept
in the runner's own cache and documents in its checkpoints, since ours are journaled too. Prints
the seconds that ``run`` took, those it used processors for, and the pairs, as JSON.
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger

SENTENCE = "The cat sat on the mat, then it slept beside the warm stove until evening."
RATINGS = "\n\n".join(f"Rating: {rating}\nRationale: It says enough." for rating in (2, 5, 3, 1))


class Instant:
    """A server in this process: writes a sentence with the seed in it, or four ratings."""

    async def __aenter__(self) -> "Instant":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def make_request(self, payload: dict[str, Any]) -> dict[str, Any]:
        judged = payload["messages"][0]["role"] == "system"
        text = RATINGS if judged else f"{SENTENCE} {payload['seed']}"
        usage = {"prompt_tokens": 10, "completion_tokens": 24}
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return {"choices": [choice], "usage": usage}


class Runner(InferenceRunner):
    def _init_server(self, rank: int) -> Instant:
        return Instant()


async def rollout(document: Document, generate: Any) -> dict[str, str]:
    """The pair of one document."""
    asked = [{"role": "user", "content": document.text}]
    answers = await asyncio.gather(
        *(generate({"messages": asked, "seed": seed}) for seed in range(4))
    )
    texts = "\n\n".join(f"<text {n}> {one.text}" for n, one in enumerate(answers, 1))
    judged = await generate(
        {
            "messages": [
                {"role": "system", "content": "Rate each text from 1 to 5, and say why."},
                {"role": "user", "content": f"## Instruction\n{document.text}\n\n{texts}"},
            ]
        }
    )
    ratings = [float(one) for one in re.findall(r"Rating: (\d)\nRationale: .+", judged.text)]
    ranked = sorted(zip(ratings, (one.text for one in answers), strict=True))
    return {"chosen": ranked[-1][1], "rejected": ranked[0][1]}


def documents(count: int) -> Iterator[Document]:
    for number in range(count):
        text = f"Question {number}: how many apples are in {number} bags of {number}?"
        yield Document(text=text, id=str(number))


def main(count: int) -> None:
    logger.remove()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(
            rollout,
            InferenceConfig("custom", "instant", max_concurrent_generations=4096),
            JsonlWriter(folder, "${rank}_${chunk_index}.jsonl", compression=None),
            checkpoints_local_dir=f"{folder}/checkpoints",
        )
        started, worked = time.perf_counter(), time.process_time()
        runner.run(documents(count))
        seconds, processor = time.perf_counter() - started, time.process_time() - worked
        pairs = sum(len(path.read_text().splitlines()) for path in Path(folder).glob("*.jsonl"))
    print(json.dumps({"seconds": seconds, "processor": processor, "pairs": pairs}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
