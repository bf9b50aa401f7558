"""What a benchmark knows of the solutions that it brings."""

from collections.abc import Sequence

from annotators.annotator import Annotator
from engines.model import Models
from engines.opinion import Opinion
from engines.recorded import recorded
from engines.rows import Prompt, Response


class RecordedError(Annotator):
    """Where the first wrong step of a response is, as the benchmark that it comes from says
    (`generators.ProcessBench`): the score of the whole is its index, or -1 where no step is wrong.
    Steps before it score 1 and it scores 0; of those after it nothing is known. Calls no model.

    A response that the prompt's reference does not bring has an error.
    """

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Opinion]:
        """One opinion of the whole, and one of each step up to the first error."""
        known = {one.text: one for one in recorded(prompt.reference)}
        opinions = []
        for response in responses:
            one = known.get(response.text)
            if one is None:
                error = "not among the solutions that the prompt's reference brings"
                opinions.append(Opinion(response.response_id, "recorded", None, error=error))
                continue
            right = len(one.steps) if one.first_error < 0 else one.first_error
            marks = [1.0] * right + [0.0] * (one.first_error >= 0)
            opinions += [
                Opinion(response.response_id, "recorded", mark, step=step)
                for step, mark in enumerate(marks)
            ]
            whole = float(one.first_error)
            opinions.append(Opinion(response.response_id, "recorded", whole))
        return opinions
