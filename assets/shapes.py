"""How published preference and step-level datasets say what they say, row by row.

| shape | a row | columns read |
|---|---|---|
| `ultrafeedback` | a prompt, four responses, GPT-4's ratings of each (Cui et al. 2023, arXiv:2310.01377) | ``instruction``, ``completions`` [``response``, ``model``, ``annotations`` {aspect: ``Rating``, ``Rationale``}, ``overall_score``, ``fine-grained_score``, ``critique``, ``principle``, ``custom_system_prompt``] |
| `helpsteer2` | a response and people's ratings of it, or two and which they prefer (Wang et al. 2024, arXiv:2406.08673, 2410.01257) | ``prompt``, ``response``, five ratings; or ``prompt``, ``response_1``, ``response_2``, ``preference_strength`` |
| `prm800k` | a labelled solution with alternative steps (Lightman et al. 2023, arXiv:2305.20050) | ``question`` {``problem``, ``ground_truth_answer``}, ``label`` {``steps``, ``finish_reason``}, ``labeler`` |
| `math-shepherd` | a solution whose steps rollouts judged (Wang et al. 2023, arXiv:2312.08935) | ``input``, ``label``, ``task`` |
| `processbench` | a solution and its first wrong step, −1 for none (Zheng et al. 2024, arXiv:2412.06559) | ``problem``, ``steps``, ``label``, ``final_answer_correct``, ``generator`` |

What follows a first error is not labelled in `processbench`: nobody judged it.
"""  # noqa: E501

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import Message

Row = Mapping[str, Any]


class ShapeError(ValueError):
    """A row is not what its shape says; the message says which part."""


@dataclass(frozen=True)
class Score:
    """What ``annotator`` said of a solution, or of its step ``step``; ``value`` None with why."""

    annotator: str
    value: float | None
    step: int | None = None
    raw: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Solution:
    """A response as it was published. ``steps`` joined are its text; one step where it has none.

    ``labels`` (one a step; None: not judged) are of those that come with step labels.
    """

    steps: tuple[str, ...]
    model: str | None = None
    made: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[Score, ...] = ()
    labels: tuple[bool | None, ...] | None = None
    values: tuple[float | None, ...] | None = None

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(self.steps)


@dataclass(frozen=True)
class Sample:
    """What a row holds: a prompt, its responses, and the one of the first two that is preferred
    (0 or 1) by how much, where it says so."""

    prompt: tuple[Message, ...]
    solutions: tuple[Solution, ...]
    reference: str | None = None
    preferred: int | None = None
    margin: float | None = None


def ultrafeedback(row: Row) -> Iterator[Sample]:
    """One sample; a score for each aspect that was rated, ``overall`` and ``fine-grained``."""
    solutions = []
    for number, told in enumerate(_list(row, "completions")):
        if not isinstance(told, Mapping):
            raise ShapeError(f"completion {number} is no mapping")
        scores = [
            _rated(aspect, said.get("Rating"), raw=said.get("Rationale"))
            for aspect, said in (told.get("annotations") or {}).items()
            if isinstance(said, Mapping)
        ]
        overall, fine = told.get("overall_score"), told.get("fine-grained_score")
        if overall is not None:
            scores.append(_rated("overall", overall, raw=told.get("critique")))
        if fine is not None:
            scores.append(_rated("fine-grained", fine))
        made = {"principle": told.get("principle"), "system": told.get("custom_system_prompt")}
        solutions.append(
            Solution(
                (_text(told, "response", of=f"completion {number}"),),
                told.get("model"),
                {name: value for name, value in made.items() if value},
                tuple(scores),
            )
        )
    yield Sample(_asked(_text(row, "instruction")), tuple(solutions))


ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


def helpsteer2(row: Row) -> Iterator[Sample]:
    """One response with a score for each attribute; or two with a preference, of whose strength
    (−3 to 3) the sign says which: above 0 it is the second. At 0 neither is preferred."""
    prompt = _turns(_text(row, "prompt"))
    if "preference_strength" not in row:
        scores = tuple(_rated(name, row[name]) for name in ATTRIBUTES if name in row)
        yield Sample(prompt, (Solution((_text(row, "response"),), scores=scores),))
        return
    strength = row["preference_strength"]
    if not isinstance(strength, int | float):
        raise ShapeError(f"'preference_strength' must be a number, not {strength!r}")
    both = tuple(Solution((_text(row, name),)) for name in ("response_1", "response_2"))
    if strength == 0:
        yield Sample(prompt, both)
    else:
        yield Sample(prompt, both, preferred=int(strength > 0), margin=float(abs(strength)))


def prm800k(row: Row) -> Iterator[Sample]:
    """The solution that was followed, and one more for each alternative step beside it.

    A rating of −1 is an error; 0 ("neither wrong nor progress") is not, as in the paper's tests.
    A step that the labeller wrote is right.
    """
    question, label = row.get("question"), row.get("label")
    if not isinstance(question, Mapping) or not isinstance(label, Mapping):
        raise ShapeError("'question' and 'label' must be mappings")
    if label.get("finish_reason") == "bad_problem":
        raise ShapeError("the labeller called the problem broken")
    trunk: list[tuple[str, float | None]] = []
    found = []
    for number, step in enumerate(_list(label, "steps")):
        offered = step.get("completions") or []
        chosen, own = step.get("chosen_completion"), step.get("human_completion")
        told = [(_text(one, "text", of=f"step {number}"), one.get("rating")) for one in offered]
        found += [[*trunk, one] for place, one in enumerate(told) if place != chosen]
        if chosen is not None:
            if not 0 <= chosen < len(told):
                raise ShapeError(f"step {number} chose completion {chosen} of {len(told)}")
            trunk.append(told[chosen])
        elif own is not None:
            trunk.append((own if isinstance(own, str) else _text(own, "text"), 1.0))
        else:
            break
    else:
        found.insert(0, trunk)
    if not found or not found[0]:
        raise ShapeError("no step was judged")
    answer = question.get("ground_truth_answer")
    yield Sample(
        _asked(_text(question, "problem", of="question")),
        tuple(_judged([text for text, _ in one], [said for _, said in one]) for one in found),
        reference=str(answer) if answer is not None else None,
    )


TAG = "ки"
"""What stands in ``input`` of Math-Shepherd where a step ends and ``label`` has + or −."""


def math_shepherd(row: Row) -> Iterator[Sample]:
    """The problem, which ends where "Step 1:" begins, and the steps; + is 1, − is 0."""
    whole, told = _text(row, "input"), _text(row, "label")
    parts = whole.split(TAG)
    begins = re.search(r"step 1\s*:", parts[0], flags=re.IGNORECASE)
    if begins is None:
        raise ShapeError(f"no 'Step 1:' before the first {TAG!r} says where the solution begins")
    if len(parts) < 2:
        raise ShapeError(f"no {TAG!r} marks the end of a step in 'input'")
    steps = [parts[0][begins.start() :], *parts[1:-1]]
    # The label has one sign where the input has the tag, so all after it lie closer by one.
    place, signs = -1, []
    for part in parts[:-1]:
        place += len(part) + 1
        signs.append(told[place : place + 1])
    if not set(signs) <= {"+", "-"}:
        raise ShapeError("'label' has something else than + or - where 'input' marks a step's end")
    values = [1.0 if sign == "+" else 0.0 for sign in signs]
    solution = _labelled(
        [step.strip() for step in steps],
        values,
        [value == 1.0 for value in values],
        annotator="rollouts",
    )
    yield Sample(_asked(parts[0][: begins.start()].strip()), (solution,))


def processbench(row: Row) -> Iterator[Sample]:
    """The solution; each step up to the first error, the index of that (−1: none), and whether the
    final answer is right, as scores of ``human`` and of ``final_answer``."""
    steps = [step for step in _list(row, "steps") if isinstance(step, str)]
    label = row.get("label")
    if len(steps) != len(row["steps"]) or not isinstance(label, int):
        raise ShapeError("'steps' must be texts and 'label' a whole number")
    if not -1 <= label < len(steps):
        raise ShapeError(f"'label' {label} is no step: there are {len(steps)}")
    judged = len(steps) if label < 0 else label + 1
    labels = [place != label for place in range(judged)]
    unknown: list[None] = [None] * (len(steps) - judged)
    solution = _labelled(
        steps,
        [*map(float, labels), *unknown],
        [*labels, *unknown],
        annotator="human",
        join="\n\n",
        whole=(Score("human", float(label)),),
        outcome=row.get("final_answer_correct"),
        model=row.get("generator"),
    )
    yield Sample(_asked(_text(row, "problem")), (solution,))


SHAPES: Mapping[str, Callable[[Row], Iterator[Sample]]] = {
    "ultrafeedback": ultrafeedback,
    "helpsteer2": helpsteer2,
    "prm800k": prm800k,
    "math-shepherd": math_shepherd,
    "processbench": processbench,
}


def _judged(steps: Sequence[str], ratings: Sequence[Any]) -> Solution:
    values = [None if rating is None else float(rating) for rating in ratings]
    labels = [None if value is None else value >= 0 for value in values]
    return _labelled(steps, values, labels, annotator="human")


def _labelled(
    steps: Sequence[str],
    values: Sequence[float | None],
    labels: Sequence[bool | None],
    *,
    annotator: str,
    join: str = "\n",
    whole: tuple[Score, ...] = (),
    outcome: Any = None,
    model: str | None = None,
) -> Solution:
    """A solution whose steps have labels; a step ends with what joins it to the next."""
    for number, step in enumerate(steps):
        if not step.strip():
            raise ShapeError(f"step {number} is empty")
    each = [Score(annotator, value, step) for step, value in enumerate(values) if value is not None]
    answered = [] if outcome is None else [Score("final_answer", float(bool(outcome)))]
    return Solution(
        tuple([f"{step}{join}" for step in steps[:-1]] + [steps[-1]]),
        model,
        scores=(*whole, *each, *answered),
        labels=tuple(labels),
        values=tuple(values),
    )


def _rated(annotator: str, value: Any, *, raw: Any = None) -> Score:
    said = raw if isinstance(raw, str) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number):
        return Score(annotator, number, raw=said)
    return Score(annotator, None, raw=said, error=f"no rating: {value}")


_TURN = re.compile(r"<extra_id_1>(Assistant|User)\n")


def _turns(prompt: str) -> tuple[Message, ...]:
    """A conversation of HelpSteer2: turns after the user's first are told by a tag each."""
    first, *rest = _TURN.split(prompt)
    turns = [
        ("user", first),
        *((who.lower(), text) for who, text in zip(rest[::2], rest[1::2], strict=True)),
    ]
    if turns[-1][0] != "user":
        raise ShapeError("the conversation does not end with the user, who asks")
    return tuple({"role": who, "content": text.strip()} for who, text in turns)


def _asked(text: str) -> tuple[Message, ...]:
    return ({"role": "user", "content": text},)


def _text(row: Row, column: str, *, of: str | None = None) -> str:
    where = f"{column!r} of {of}" if of else repr(column)
    if column not in row:
        raise ShapeError(f"no column {where}; there is {', '.join(map(repr, row))}")
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise ShapeError(f"{where} is no text or empty: {str(value)[:60]!r}")
    return value


def _list(row: Row, column: str) -> Sequence[Any]:
    value = row.get(column)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ShapeError(f"{column!r} must be a list that is not empty")
    return value
