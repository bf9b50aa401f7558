"""How alike texts are, by the words that they share."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, partial
from statistics import fmean
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import model_validator

from annotators.annotator import Annotator
from engines.model import Models
from engines.operators.scores import Score, ScorerSession
from engines.rows import Prompt, Response
from schemas import Responses, Split, Takes, Truth, canonical

By = Literal["bleu", "rouge_l"]


class Overlap(Annotator):
    """Similarity of a response to other texts, in [0, 1]. Calls no model.

    ``against: reference`` compares with the prompt's reference; with ``references``, with all
    responses of that stage to the prompt. ``against: others``: the mean similarity to each of the
    prompt's other responses. If it rises from one policy to the next, the policy collapses to few
    answers.

    ``by: bleu`` is sacreBLEU's BLEU of sentences: up to four-grams, tokens of mteval-v13a,
    exponential smoothing, no orders longer than the text; several references count together.
    ``rouge_l`` is F1 of the longest common subsequence of words, in lower case without punctuation;
    of several references the nearest counts. A language without spaces needs another measure.

    The scores of a prompt that has nothing to compare with are errors.

    Source: Papineni et al. 2002, BLEU, and Post 2018 (arXiv:1804.08771); Lin 2004, ROUGE. Mukobi et
    al. 2023, SuperHF (arXiv:2310.16763), for the similarity among a policy's outputs as a sign of
    collapse; there it is METEOR.
    """

    by: By = "rouge_l"
    against: Literal["reference", "others"] = "reference"
    references: Annotated[str | None, Takes(Responses)] = None

    instead_of_truth: ClassVar[str] = "references: a stage of responses"

    @model_validator(mode="after")
    def _references_are_used(self) -> "Overlap":
        if self.references is not None and self.against == "others":
            raise ValueError("against: others compares with no references: leave them out")
        return self

    def needs_truth(self) -> Truth | None:
        has_texts = self.against == "others" or self.references is not None
        return None if has_texts else "reference"

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        if self.references is None:
            return super().rows_of(tables, session)
        texts: dict[str, list[str]] = defaultdict(list)
        for prompt_id, text in tables[self.references].select("prompt_id", "text").iter_rows():
            texts[prompt_id].append(text)
        score = partial(self._scores, texts=texts)
        return super().rows_of(tables, ScorerSession(score, session.context))

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        references = {} if prompt.reference is None else {prompt.prompt_id: [prompt.reference]}
        return await self._scores(prompt, responses, models, texts=references)

    async def _scores(
        self,
        prompt: Prompt,
        responses: Sequence[Response],
        models: Models,
        *,
        texts: Mapping[str, Sequence[str]],
    ) -> list[Score]:
        values: list[float | None]
        if self.against == "others":
            missing = "the prompt has no other response"
            values = [
                fmean(self._similarity(one.text, [other.text]) for other in others)
                if (others := [*responses[:place], *responses[place + 1 :]])
                else None
                for place, one in enumerate(responses)
            ]
        else:
            missing = "the prompt has no reference"
            references = texts.get(prompt.prompt_id)
            values = [
                self._similarity(one.text, references) if references else None for one in responses
            ]
        parameters = canonical({"against": self.against})
        return [
            Score(
                one.response_id,
                self.by,
                value,
                error=missing if value is None else None,
                parameters=parameters,
            )
            for one, value in zip(responses, values, strict=True)
        ]

    def _similarity(self, text: str, references: Sequence[str]) -> float:
        if self.by == "bleu":
            return float(_bleu().sentence_score(text, references).score) / 100
        return max(rouge_l(text, reference) for reference in references)


@cache
def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)


def rouge_l(text: str, reference: str) -> float:
    """2·c/(m + n), with c the length of the longest common subsequence of the m and n words of two
    texts; 0 if neither has a word. Precision is c/m and recall c/n, so it is their F1."""
    one, other = (re.findall(r"\w+", each.lower()) for each in (text, reference))
    return 2 * common_length(one, other) / (len(one) + len(other)) if one or other else 0.0


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence: one addition of whole numbers for each word of
    ``other`` (Hyyrö 2004, Bit-parallel LCS-length computation revisited)."""
    places: dict[str, int] = defaultdict(int)
    for place, word in enumerate(one):
        places[word] |= 1 << place
    # Bit i is 0 where the length grows from the first i to the first i + 1 words of ``one``.
    every = (1 << len(one)) - 1
    flat = every
    for word in other:
        grown = flat & places[word]
        flat = ((flat + grown) | (flat - grown)) & every
    return len(one) - flat.bit_count()
