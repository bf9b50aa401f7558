"""Scores of responses by a model as judge: grades, comparisons or rankings."""

from collections.abc import Mapping, Sequence

from annotators.judge.listwise import ranked
from annotators.judge.metrics import figures
from annotators.judge.pairwise import compared, keeps_order
from annotators.judge.pointwise import graded
from annotators.judge.questions import JudgeQuestions
from engines.model import Models
from engines.operators.cut_off import cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Findings


class Judge(JudgeQuestions):
    """Scores responses by the verdicts of the role ``model`` (LLM as a judge).

    ``mode: pointwise``: a grade on ``scale`` for each response. ``pairwise``: which of two
    responses is better, asked in both orders unless ``both_orders`` is false. The value of a
    response is its mean share of the wins, in [0, 1], against all other responses to its prompt, or
    ``opponents`` of them. ``listwise``: all responses to a prompt are ranked at once; the best has
    1, the worst 0.

    ``verdict: probability`` takes the expected value over the allowed answers, weighted by the
    model's probabilities (`engines.model.Model.choose`); it costs one forward pass per question.
    ``sampled`` draws ``votes`` answers of up to ``max_tokens`` tokens, reads them
    (`annotators.judge.parsing.verdicts`, or ``parse``, a regular expression with one group) and
    aggregates those that could be read. Engines that can constrain the output (vLLM, in process or
    as a server) constrain it to the verdict that the template asks for, or to the regular
    expression ``pattern``. A vote that cannot be read is counted and gives no score. If no vote can
    be read, the score is an error with the judge's text. For a judge with reasoning, only the text
    after the reasoning is read. With ``max_thinking_tokens``, a judge by probability first writes a
    thought of at most so many tokens, and chooses after it.

    A response that was cut off is not judged and not shown with others; its score is an error,
    unless ``cut: read``. A vote that was cut off is not read, unless ``cut_verdicts: read``.

    The question is the template ``template`` (default ``judge_<mode>``), with ``criteria`` as its
    variable if given. ``judge_reference`` grades with the prompt's reference in view. With
    ``checkpoint``, the weights that this stage trained judge instead of the
    role's. The order in which responses are shown is drawn from their ids.
    `annotators.judge.metrics` describes the findings.

    Source: Zheng et al. 2023, Judging LLM-as-a-Judge (arXiv:2306.05685), for the modes and for both
    orders; the expected grade is that of G-Eval (Liu et al. 2023, arXiv:2303.16634).
    """

    def findings(self, counts: Mapping[str, int]) -> Findings:
        """Figures about the judge (`annotators.judge.metrics`)."""
        return figures(counts)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        score_by_mode = {"pointwise": graded, "pairwise": compared, "listwise": ranked}[self.mode]
        cut_errors = {one.response_id: cut_off(one, self.cut) for one in responses}
        complete = [one for one in responses if cut_errors[one.response_id] is None]
        model = models[self.model]
        return [
            *(await score_by_mode(self, prompt, complete, models)),
            *(
                self.opinion(one, model, None, None, error)
                for one in responses
                if (error := cut_errors[one.response_id]) is not None
            ),
        ]

    async def keeps_order(
        self, prompt: Prompt, first: Response, second: Response, models: Models
    ) -> bool:
        """Whether both orders of a pair can be read and do not name different winners."""
        return await keeps_order(self, prompt, first, second, models)
