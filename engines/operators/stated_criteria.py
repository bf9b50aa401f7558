"""The system turn that states criteria to a reward model.

`filters.PrinciplePairs` puts it before the prompts that a reward learns from, and
`annotators.CriteriaReward` before those that it is asked about.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

_PLACE = "{principles}"
STATED = f"A good answer keeps to these principles:\n{_PLACE}"


def _with_place(template: str) -> str:
    if _PLACE not in template:
        raise ValueError(f"template has no {_PLACE}, so nothing would be stated")
    return template


StatementTemplate = Annotated[str, AfterValidator(_with_place)]


def stated(texts: Sequence[str], template: str) -> str:
    """The statement of ``texts``, a line each."""
    return template.replace(_PLACE, "\n".join(texts))


def worded(criterion: Mapping[str, Any], *, contrary: bool = False) -> str:
    """What a row of `schemas.Criteria` asks for; with ``contrary``, the contrary of that."""
    text: str = criterion["text"]
    return f"Not: {text}" if criterion["negated"] != contrary else text
