"""The log-likelihood ratio of a strong (better aligned) model to a weak one."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from annotators.probes.probed import ProbedAnnotator
from annotators.rewards.log_ratio import Normalise, log_ratios, thoughts_scored
from engines.model import Models
from engines.operators.scores import Score, opinions
from engines.rows import Prompt, Response
from schemas import ModelDefault, ScoringRole, TemplateName


class Exemplar(BaseModel):
    """An example of the preference: a prompt, a good answer and a worse one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    chosen: str
    rejected: str


CRITERIA = (
    "It is correct, and it does all that was asked and nothing else. It follows every instruction "
    "on form and length. It says what it does not know, invents nothing, and harms nobody. It is "
    "clear, and no longer than it needs to be."
)
"""What a good answer is, for a model whose profile says nothing of it."""


class DensityRatio(ProbedAnnotator):
    """r(x, y) = log π_strong(y | x, c) − log π_weak(y | x), in nats.

    The context c is ``criteria`` and ``exemplars``; ``template`` puts it before the prompt. The
    weak model never sees it. Without both, both models see the prompt alone. ``by_criteria`` is for
    a recipe that has neither: both are then those of the model's profile, or else general criteria.
    ``normalise: token`` divides each model's sum by its number of tokens (the annotator name is
    then ``density_ratio_per_token``). The tokenizers of the models may differ.
    ``after_thoughts``: as for `annotators.Likelihood`.

    Source: Xu et al. 2024, CDR (arXiv:2411.02481). The formula and the default sum are those of the
    paper and its code (RewardHub). Here every token of the response counts; that code leaves out
    line breaks. It was not confirmed there that only the strong model sees c.
    """

    strong: ScoringRole = "strong"
    weak: ScoringRole = "weak"
    normalise: Normalise = "sum"
    by_criteria: bool = False
    after_thoughts: bool = False
    criteria: Annotated[str | None, ModelDefault()] = Field(
        default_factory=lambda given: CRITERIA if given.get("by_criteria") else None
    )
    exemplars: Annotated[tuple[Exemplar, ...], ModelDefault()] = ()
    template: TemplateName = "with_criteria"

    def model_defaults(self) -> dict[str, str]:
        """Criteria and exemplars, if the recipe wants some and has none."""
        set_fields = self.model_fields_set & {"criteria", "exemplars"}
        return super().model_defaults() if self.by_criteria and not set_fields else {}

    @model_validator(mode="after")
    def _two_models(self) -> "DensityRatio":
        if self.strong == self.weak and not self._customised:
            raise ValueError(
                f"'strong' and 'weak' are both {self.strong!r}: without criteria or exemplars the "
                "ratio of a model to itself is always 0"
            )
        return self

    @property
    def _customised(self) -> bool:
        return bool(self.criteria or self.exemplars)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        strong, weak = models[self.strong], models[self.weak]
        messages = prompt.messages
        if self._customised:
            messages = self.ask(
                strong,
                self.template,
                prompt=prompt,
                criteria=self.criteria,
                exemplars=[exemplar.model_dump() for exemplar in self.exemplars],
            )
        ratios = await log_ratios(
            responses,
            (strong, messages),
            (weak, prompt.messages),
            normalise=self.normalise,
            after_thoughts=self.after_thoughts,
        )
        name = "density_ratio" if self.normalise == "sum" else "density_ratio_per_token"
        revisions = f"{strong.scoring_revision} over {weak.scoring_revision}"
        parameters = {
            "normalise": self.normalise,
            "criteria": self.criteria,
            "exemplars": len(self.exemplars),
            **thoughts_scored(self.after_thoughts),
        }
        return opinions(name, responses, ratios, model=revisions, parameters=parameters)
