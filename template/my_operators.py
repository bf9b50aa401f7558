"""Operators of this project. A recipe names one by import path: ``use: my_operators.Brevity``."""

from collections.abc import Sequence

from annotators import Annotator, Score
from engines.model import Models
from engines.rows import Prompt, Response


class Brevity(Annotator):
    """How short a response is: from 1 for an empty text down to 0 for an endless one.

    ``scale``: the number of characters that gives 0.5.
    """

    scale: int = 100

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        return [
            Score(each.response_id, "brevity", self.scale / (self.scale + len(each.text)))
            for each in responses
        ]
