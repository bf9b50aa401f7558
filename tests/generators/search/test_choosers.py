"""Best of n and beams over steps, with a scorer that counts what is plain."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import polars as pl
import pytest
from pydantic import ValidationError

from annotators import Annotator
from engines.context import Context
from engines.model import Models
from engines.operators.scores import Score, Scorer, verdict_of
from engines.protocol import Generation, Rendered, Sampling
from engines.rows import Prompt, Response
from generators import BestOfN, Guided, Sample, StepBeam, TreeSearch
from tests.generators.searched import searching

Says = Callable[[str, int], str]


class Counting(Annotator):
    """How often ``letter`` is in the last line; a text with a question mark cannot be scored."""

    letter: str = "a"
    asked: ClassVar[list[str]] = []
    ready: ClassVar[list[str]] = []

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        self.ready.append(self.letter)
        assert tables[self.prompts].height
        return context

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        Counting.asked += [one.text for one in responses]
        return [
            Score(one.response_id, "counting", None, error="a question")
            if "?" in one.text
            else Score(
                one.response_id,
                "counting",
                float((one.text.splitlines() or [""])[-1].count(self.letter)),
            )
            for one in responses
        ]


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    Counting.asked.clear()
    Counting.ready.clear()


@pytest.fixture
def saying(stand: Any) -> Callable[[Says], Context]:
    """A context whose model goes on as ``says`` tells for the text it is asked, and the number of
    the sample among those of one question."""

    def context(says: Says) -> Context:
        def opened(binding: Any) -> Any:
            engine = stand.open(binding)
            seen: dict[tuple[str, int], int] = {}
            numbers: dict[str, Any] = {}

            async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
                stand.asked.append((prompt.text, seed))
                counter = numbers.setdefault(prompt.text, itertools.count())
                number = seen.setdefault((prompt.text, seed), next(counter))
                text = says(prompt.text, number)
                return Generation(text, tuple(range(len(text) + 1)), (), "stop")

            engine.generate = generate
            return engine

        made: Context = stand.context(open_engine=opened)
        return made

    return context


def drafts(split: Any) -> list[str]:
    return list(split.kept["text"])


def of_answers(*texts: str) -> Says:
    return lambda asked, number: texts[number]


COUNTED = {"use": f"{__name__}.Counting"}


def test_the_best_rated_answer_is_kept_and_of_equals_the_first(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    tables = {"prompts": stand.prompts("q")}
    context = saying(of_answers("a b", "aa first", "aa second", "aa first"))
    split = BestOfN(n=4, scorer=Counting()).run(tables, context)
    assert drafts(split) == ["aa first"]
    assert Counting.asked == ["a b", "aa first", "aa second"]  # what says the same is scored once
    assert Counting.ready == ["a"]


def test_its_answers_are_those_of_sample_and_paid_for_once(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    tables = {"prompts": stand.prompts("q", "r")}
    says: Says = lambda asked, number: f"{asked} {'a' * number}"  # noqa: E731  # a value
    sampled = Sample(n=3).run(tables, saying(says))
    paid = len(stand.asked)
    split = BestOfN(n=3, scorer=Counting()).run(tables, saying(says))
    assert len(stand.asked) == paid
    longest = sampled.kept.group_by("prompt_id", maintain_order=True).agg(
        pl.col("text").sort_by(pl.col("text").str.count_matches("a")).last()
    )
    assert drafts(split) == longest["text"].to_list()


def test_what_cannot_be_scored_is_passed_over_or_drops_the_prompt(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    tables = {"prompts": stand.prompts("q")}
    assert drafts(
        BestOfN(n=2, scorer=Counting()).run(tables, saying(of_answers("aaa?", "none")))
    ) == ["none"]
    split = BestOfN(n=2, scorer=Counting(letter="b")).run(
        {"prompts": stand.prompts("other")}, saying(of_answers("?", "??"))
    )
    assert split.dropped["reason"].to_list() == ["no answer could be scored"]
    assert "a question" in split.dropped["numbers"][0]


@pytest.mark.parametrize("kind", [BestOfN, StepBeam, Guided])
def test_what_scores_nothing_is_refused_when_the_recipe_loads(kind: Any) -> None:
    with pytest.raises(ValidationError, match="is not a scorer: name an annotator"):
        kind(scorer={"use": "generators.Sample"})


@pytest.mark.parametrize("kind", [BestOfN, StepBeam, Guided])
def test_the_scorer_is_handed_the_rows_and_reads_its_other_stages(kind: Any) -> None:
    made = kind(of="asked", scorer={"use": "annotators.Reward", "checkpoint": "trained"})
    assert [read.stage for read in made.inputs()] == ["asked", "trained"]
    assert {use.role for use in made.roles()} == {"policy", "reward"}
    assert isinstance(made.scorer, Scorer)


@pytest.mark.parametrize("kind", [BestOfN, StepBeam, Guided, TreeSearch])
def test_a_scorer_with_weights_of_its_own_does_not_write(stand: Any, kind: Any) -> None:
    made = kind(scorer={"use": "tests.generators.searched.Valued"})
    kept = made.run({"prompts": stand.prompts("a", "b")}, searching(stand)).kept
    writers = kept["origin"].struct.field("model").drop_nulls().unique().to_list()
    assert writers == ["answering-policy"]


TREE = {
    "": ["a\nx", "b\nx", "b\nx"],
    "a\n": ["-\nx", "-\nx", "-\nx"],
    "a\n-\n": ["--", "--", "--"],
    "b\n": ["aa\nx", "aaa", "?"],
    "b\naa\n": ["a", "-", "-"],
}
"""How each beginning may go on."""


def grown(asked: str, number: int) -> str:
    _, _, said = asked.partition("assistant: ")
    return TREE[said][number]


def test_guided_takes_the_best_next_step_each_time(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    split = Guided(width=3, scorer=Counting()).run({"prompts": stand.prompts("q")}, saying(grown))
    assert drafts(split) == ["a\n-\n--"]
    assert split.kept["finish"].to_list() == ["stop"]


def test_a_beam_finds_what_a_greedy_search_does_not(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    split = StepBeam(width=3, beams=2, scorer=Counting()).run(
        {"prompts": stand.prompts("q")}, saying(grown)
    )
    # It ended, and nothing that goes on is valued more.
    assert drafts(split) == ["b\naaa"]
    # What three samples propose twice is one beginning, scored once.
    assert Counting.asked.count("b\n") == 1


def test_as_many_steps_as_asked_for_and_no_more(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    split = Guided(width=2, max_steps=3, scorer=Counting()).run(
        {"prompts": stand.prompts("q")}, saying(lambda asked, number: "a\n" * 9)
    )
    assert drafts(split) == ["a\na\na\n"]
    assert split.kept["finish"].to_list() == ["length"]


def test_an_answer_that_says_nothing_drops_its_prompt(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    split = StepBeam(scorer=Counting()).run(
        {"prompts": stand.prompts("q")}, saying(lambda asked, number: "?")
    )
    assert split.dropped["reason"].to_list() == ["no beginning could be scored"]


def test_where_nothing_comes_next_an_answer_has_ended_or_was_never_begun(
    saying: Callable[[Says], Context], stand: Any
) -> None:
    context = saying(lambda asked, number: "" if asked.endswith("a\n") else "a\nx")
    split = Guided(scorer=Counting()).run({"prompts": stand.prompts("q")}, context)
    assert split.kept.select("text", "finish").rows() == [("a\n", "stop")]
    split = Guided(scorer=Counting()).run(
        {"prompts": stand.prompts("r")}, saying(lambda asked, number: " ")
    )
    assert split.dropped["reason"].to_list() == ["no step was proposed"]


def test_the_same_beginnings_go_on_in_the_same_way_whatever_the_beam(stand: Any) -> None:
    """On an engine that answers from a hash of what it is asked, after as many turns as that."""
    tables = {"prompts": stand.prompts(*"abcdef")}
    one = StepBeam(width=3, beams=2, max_steps=3, scorer=Counting()).run(tables, stand.context())
    again = StepBeam(width=3, beams=2, max_steps=3, scorer=Counting()).run(
        {"prompts": tables["prompts"].reverse()}, stand.context(journal=stand.folder / "other")
    )
    assert one.kept.sort("prompt_id").equals(again.kept.sort("prompt_id"))


def test_a_verdict_is_of_the_whole_or_of_the_last_step() -> None:
    steps = [Score("r", "s", 0.9, step=0), Score("r", "s", 0.2, step=1)]
    assert verdict_of(steps, "r") == 0.2
    assert verdict_of([*steps, Score("r", "s", 0.1)], "r") == 0.1
    assert verdict_of([Score("r", "s", None, error="?")], "r") is None
