"""Whether a chat model puts its probability on the options of the shipped questions, and whether it
prefers an answer to the prompt to an answer to another one.

    python -m benchmarks.choice_mass MODEL [QUESTION ...] [--prompts 24] [--templates FOLDER]

``MODEL`` is a folder of weights. It answers ordinary prompts greedily, with at most 48 tokens. Each
question is then asked about its answer and about its answer to another prompt. Prints one line for
each question: the median mass of the options in all spellings, the share of responses with a mass
above a half, the mean value of both answers, the standard deviation of all values, and the share of
prompts whose own answer has the higher value: about a half for a judge that sees no difference. A
pair is compared in both orders; ``flips`` is the share of pairs whose orders name different
winners. ``reworded_grade`` asks for the same grade in other words (``benchmarks/questions``); the
last line then says by how much the margins of both wordings differ, in standard deviations of each
wording's grades. ``--templates`` is a folder of Jinja files in place of the shipped questions.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from annotators import Checklist, Judge, PTrue
from annotators.judge.choosing import ChoosingAnnotator
from assets.rendering.markdown import markdown
from engines.bindings import Binding
from engines.context import Context
from generators import Sample
from schemas import Message, Prompts, content_id, prompt_id, rows

PROMPTS = (
    "Write two sentences about the sea for a postcard.",
    "What is the capital of Australia?",
    "How do I boil an egg so that the yolk stays soft?",
    "Name three countries in South America.",
    "Suggest a name for a bakery that sells only bread.",
    "Summarise in one sentence why the sky looks blue.",
    "How many minutes are there in three hours?",
    "Translate 'good morning' into Spanish.",
    "List four fruits that are yellow.",
    "What is 17 plus 26?",
    "Write a sentence that contains the words river and lantern.",
    "Who wrote Romeo and Juliet?",
    "Explain what photosynthesis is to a ten-year-old.",
    "Give me three tips for sleeping better.",
    "Write a polite email that declines an invitation to a meeting.",
    "What is the difference between a virus and a bacterium?",
    "Write a short poem about autumn.",
    "What should I pack for a weekend of hiking?",
    "Why do we have leap years?",
    "Explain what a budget is and why people make one.",
    "How can I remove a coffee stain from a shirt?",
    "Describe a bicycle to someone who has never seen one.",
    "Give one reason for and one reason against working from home.",
    "Rewrite this sentence in the past tense: She walks to school every day.",
)
ITEM = "Does the answer do what the task asks for?"
TOKENS = 48
GRADES = ("judge_pointwise", "reworded_grade")
QUESTIONS: Mapping[str, ChoosingAnnotator] = {
    **{
        name: Judge(of="responses", mode="pointwise", template=name, probes="off", cut="read")
        for name in GRADES
    },
    "judge_pairwise": Judge(of="responses", mode="pairwise", probes="off", cut="read"),
    "p_true": PTrue(of="responses", model="judge", probes="off", cut="read"),
    "checklist_item": Checklist(
        of="responses", items=(ITEM,), score_by="mean", probes="off", cut="read"
    ),
}
COLUMNS = (
    *("question", "responses", "median mass", "above a half"),
    *("own answer", "other answer", "deviation", "own is higher", "flips"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("questions", nargs="*", choices=[*QUESTIONS, []])
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--templates")
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        binding = Binding(model=given.model, dtype=given.dtype, templates=given.templates)
        context = context_of(binding, Path(folder))
        tables = answered(prompts(PROMPTS[: given.prompts]), context)
        values: dict[str, pl.Series] = {}
        for name in given.questions or QUESTIONS:
            split = QUESTIONS[name].run(tables, context)
            scores = tables["responses"].select("response_id").join(split.kept, on="response_id")
            values[name] = scores["value"]
            flips = split.report.findings.get("flips")
            print(markdown(COLUMNS, [[name, *figures(scores), flips]]), flush=True)
    if values.keys() >= set(GRADES):
        one, other = (standard_margins(values[name]) for name in GRADES)
        print(f"margins of both wordings differ by {(one - other).std(ddof=0):.2f} deviations")


def context_of(binding: Binding, folder: Path) -> Context:
    """A context in which the model writes and judges. ``folder`` is for its journal."""
    return Context(
        recipe="choice_mass",
        stage="questions",
        refresh="2026-01-01",
        roles={"policy": binding, "judge": binding},
        journal=folder / "journal.sqlite",
        models=folder,
        folder=Path(__file__).with_name("questions"),
    )


def prompts(texts: tuple[str, ...]) -> pl.DataFrame:
    """The prompts, without references."""
    about = {"reference": None, "source": "prompts", "source_revision": "1", "licence": "CC0-1.0"}
    turns: list[list[Message]] = [[{"role": "user", "content": text}] for text in texts]
    return rows(
        Prompts, [{"prompt_id": prompt_id(each), "messages": each, **about} for each in turns]
    )


def answered(asked: pl.DataFrame, context: Context) -> dict[str, pl.DataFrame]:
    """The prompts and two responses to each: the model's own, then its answer to the next prompt
    but four, whose id begins with ``other``."""
    own = Sample(temperature=0, max_tokens=TOKENS).run({"prompts": asked}, context).kept
    order = [(at + 5) % own.height for at in range(own.height)]
    other = own[order].with_columns(
        own["prompt_id"],
        pl.Series("response_id", [f"other {content_id(name)}" for name in own["response_id"]]),
    )
    both = pl.concat([own.with_row_index("at"), other.with_row_index("at")])
    return {"prompts": asked, "responses": both.sort("at", maintain_order=True).drop("at")}


def figures(scores: pl.DataFrame) -> list[object]:
    """The figures of one question. ``scores``: of the own and the other answer, in turns."""
    own, other = (scores.gather_every(2, at)["value"] for at in (0, 1))
    mass = scores["mass"]
    return [
        scores.height,
        mass.median(),
        (mass > 0.5).mean(),
        own.mean(),
        other.mean(),
        scores["value"].std(ddof=0),
        (own > other).mean(),
    ]


def standard_margins(values: pl.Series) -> pl.Series:
    """The value of the own answer minus that of the other, in standard deviations of all values."""
    deviation = values.std(ddof=0)
    return (values.gather_every(2) - values.gather_every(2, 1)) / deviation


if __name__ == "__main__":
    main()
