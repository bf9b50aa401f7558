"""What `benchmarks.runtime` does with instant models, done by distilabel 1.5.3's own steps.

    .venv-bench/bin/python -P benchmarks/distilabel_pairs.py PROMPTS BATCH

Four responses a prompt, one judgement of the four, a pair of the best and the worst. Prints the
seconds that ``Pipeline.run`` took, those it used processors for, and the number of pairs, as JSON.
Nothing is cached.
"""

import json
import resource
import sys
import time

from distilabel.models.llms.base import LLM
from distilabel.pipeline import Pipeline
from distilabel.steps import FormatTextGenerationDPO, LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration, UltraFeedback

SENTENCE = "The cat sat on the mat, then it slept beside the warm stove until evening."
RATINGS = "\n\n".join(f"Rating: {rating}\nRationale: It says enough." for rating in (2, 5, 3, 1))


class Writer(LLM):
    """Writes a sentence with a number in it, at once."""

    @property
    def model_name(self) -> str:
        return "writer"

    def generate(self, inputs, num_generations=1):
        statistics = {"input_tokens": [10], "output_tokens": [24] * num_generations}
        return [
            {
                "generations": [f"{SENTENCE} {n}" for n in range(num_generations)],
                "statistics": statistics,
            }
            for _ in inputs
        ]


class Judge(Writer):
    """Gives four ratings, at once."""

    @property
    def model_name(self) -> str:
        return "judge"

    def generate(self, inputs, num_generations=1):
        statistics = {"input_tokens": [100], "output_tokens": [24]}
        return [{"generations": [RATINGS], "statistics": statistics} for _ in inputs]


def processor_seconds() -> float:
    """What this process and those that it has ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(count: int, batch: int) -> None:
    with Pipeline(name="pairs") as pipeline:
        load = LoadDataFromDicts(
            data=[
                {"instruction": f"Question {n}: how many apples are in {n} bags of {n}?"}
                for n in range(count)
            ],
            batch_size=batch,
        )
        write = TextGeneration(
            llm=Writer(),
            num_generations=4,
            group_generations=True,
            input_batch_size=batch,
            output_mappings={"generation": "generations", "model_name": "generation_models"},
        )
        judge = UltraFeedback(llm=Judge(), aspect="overall-rating", input_batch_size=batch)
        load >> write >> judge >> FormatTextGenerationDPO(input_batch_size=batch)
    started, worked = time.perf_counter(), processor_seconds()
    made = pipeline.run(use_cache=False)
    seconds, worked = time.perf_counter() - started, processor_seconds() - worked
    pairs = made["default"]["train"]
    complete = sum(1 for row in pairs if row["chosen"] and row["rejected"])
    print(json.dumps({"seconds": seconds, "processor": worked, "pairs": complete}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
