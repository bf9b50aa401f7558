"""Draws of principles that label a pair of responses, stated or turned into their contraries."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

_ONE_MORE = 0.8
"""The probability that one more principle is stated: the number is geometric, cut at a most."""

Values = Mapping[str, Mapping[str, float]]
"""By response, its scores by principle, each divided by the variance of the principle's scores."""


class Draw(NamedTuple):
    """A label: ``texts`` are what the drawn principles ask for, ``margin`` the difference of the
    ``principle`` that decided."""

    chosen_id: str
    rejected_id: str
    texts: tuple[str, ...]
    margin: float
    principle: str


def decided_draws(
    prompt_id: str,
    values: Values,
    both_ways: Mapping[str, tuple[str, str]],
    *,
    draws: int,
    most: int,
    noise: float,
) -> Iterator[Draw]:
    """The draws of a prompt that some principle decides, the same label with the same texts once.

    Args:
        prompt_id: the prompt, on which alone the draws depend.
        values: of its scored responses.
        both_ways: what each principle asks for, and its contrary, by name.
        draws: how often is drawn.
        most: the most principles of a draw.
        noise: the share of labels that are flipped.
    """
    ids, yielded = sorted(values), set()
    for number in range(draws if len(ids) > 1 else 0):
        lot = Random(f"principles {prompt_id} {number}")
        one, other = lot.sample(ids, 2)
        shared = sorted(values[one].keys() & values[other].keys() & both_ways.keys())
        if not shared:
            continue
        counts = range(1, min(most, len(shared)) + 1)
        (count,) = lot.choices(counts, [_ONE_MORE**count for count in counts])
        names = lot.sample(shared, count)
        turned = {name: lot.random() < 0.5 for name in names}
        flipped = lot.random() < noise
        differences = {name: values[one][name] - values[other][name] for name in names}
        decides = max(names, key=lambda name: abs(differences[name]))
        if differences[decides] == 0:
            continue
        first_wins = (differences[decides] > 0) != (turned[decides] != flipped)
        sides = (one, other) if first_wins else (other, one)
        texts = tuple(both_ways[name][turned[name]] for name in names)
        if (sides, texts) not in yielded:
            yielded.add((sides, texts))
            yield Draw(*sides, texts, abs(differences[decides]), decides)
