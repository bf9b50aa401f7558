"""A model's judgement of what a model wrote: by grade, by comparison, or by ranking."""

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
    """Scores responses by what the role ``model`` says of them (LLM as a judge).

    ``pointwise``: a grade on ``scale`` for each response. ``pairwise``: which of two is better,
    asked in both orders unless ``both_orders`` is false; a response's value is its mean share of
    the win, in [0, 1], against all others of its prompt or ``opponents`` of them. ``listwise``:
    all responses of a prompt ranked at once; the best has 1, the worst 0.

    ``verdict: probability`` takes the expectation over the answers allowed, by the model's own
    probability of each (`engines.model.Model.choose`: nothing else can be answered), one
    forward pass a question. ``sampled`` draws ``votes`` answers of up to ``max_tokens``, reads
    them (`annotators.judge.parsing.verdicts`, or ``parse``, a regular expression with one group)
    and aggregates what could be read. Engines that can hold it to a form (vLLM, in process or
    served) do: to the verdict that the template asks for, or to ``pattern``, a regular
    expression. A vote that cannot be read is no score: it is counted, and a response of which
    no vote could be read has an error and the judge's words. A judge that thinks is read after its
    thought.

    A response that was cut off is not judged, and is not shown beside others: its score is an
    error, unless ``cut: read``. A vote that was itself cut off is not read, unless
    ``cut_verdicts: read``.

    The question is template ``template`` (by default ``judge_<mode>``), with ``criteria`` as its
    variable where given. With ``checkpoint``, the weights that this stage trained judge in the
    place of the role's. Where responses are shown together, which comes first is drawn from their
    ids. `annotators.judge.metrics` says what the stage shows of its judge.

    Source: Zheng et al. 2023, Judging LLM-as-a-Judge (arXiv:2306.05685), for the modes and for
    both orders; the expected grade is G-Eval's (Liu et al. 2023, arXiv:2303.16634).
    """

    def findings(self, counts: Mapping[str, int]) -> Findings:
        """Figures about the judge (`annotators.judge.metrics`)."""
        return figures(counts)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response."""
        judged = {"pointwise": graded, "pairwise": compared, "listwise": ranked}[self.mode]
        refused = {one.response_id: cut_off(one, self.cut) for one in responses}
        whole = [one for one in responses if refused[one.response_id] is None]
        model = models[self.model]
        return [
            *(await judged(self, prompt, whole, models)),
            *(
                self.opinion(one, model, None, None, error)
                for one in responses
                if (error := refused[one.response_id]) is not None
            ),
        ]

    async def keeps_order(
        self, prompt: Prompt, first: Response, second: Response, models: Models
    ) -> bool:
        """Whether both orders of a pair can be read and do not name different winners."""
        return await keeps_order(self, prompt, first, second, models)
