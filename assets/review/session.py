"""A person's review: the next pair, the decisions, and undo."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from upath import UPath

from assets.review.decisions import VERDICTS, Decision, Decisions
from assets.review.differences import Part, differences
from assets.review.items import Item
from engines.operators.prompt_templates import message_text
from kernels.intervals import wilson_interval
from schemas import Message

LONGEST = 2_000
"""The most characters of a comment."""


class Session:
    """The review of ``items``, in order, by ``person``. Pairs that were decided in an earlier
    session are not shown again, but `undo` can take those decisions back too."""

    def __init__(
        self, items: Sequence[Item], *, dataset: str, person: str, reviews: UPath, seed: int
    ) -> None:
        self.dataset = dataset
        self.person = person
        self._seed = seed
        self._items = {item.pair_id: item for item in items}
        recipes = dict.fromkeys(item.recipe for item in items)
        self._kept = {recipe: Decisions(reviews, recipe, person) for recipe in recipes}
        self._comments: dict[str, str] = {}
        self._decided = {
            decision.pair_id: decision
            for decision in sorted(
                (each for kept in self._kept.values() for each in kept),
                key=lambda each: each.at,
            )
            if decision.pair_id in self._items
        }

    def decide(self, pair_id: str, choice: str, comment: str = "") -> None:
        """Save a decision.

        Args:
            choice: See `Item.verdict`.
            comment: At most `LONGEST` characters.

        Raises:
            KeyError: There is no such pair.
            ValueError: There is no such choice, or the comment is too long or no text.
        """
        item = self._items[pair_id]
        verdict = item.verdict(choice)
        if not isinstance(comment, str) or len(comment) > LONGEST:
            raise ValueError(f"a comment is a text of at most {LONGEST:,} characters")
        decision = Decision(
            pair_id=pair_id,
            chosen_id=item.row["chosen_id"],
            rejected_id=item.row["rejected_id"],
            verdict=verdict,
            dataset=self.dataset,
            refresh=item.refresh,
            left=item.left,
            seed=self._seed,
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
            comment=comment.strip(),
        )
        self._kept[item.recipe].add(decision)
        # The newest decision is last, so that `undo` takes it back first.
        self._decided.pop(pair_id, None)
        self._decided[pair_id] = decision

    def undo(self) -> str | None:
        """Take the last decision back. Returns the pair's id, or None if there is no decision. The
        state of the pair has the comment still."""
        if not self._decided:
            return None
        pair_id, undone = self._decided.popitem()
        self._comments[pair_id] = undone.comment
        self._kept[self._items[pair_id].recipe].remove(pair_id)
        return pair_id

    def state(self, pair_id: str | None = None) -> dict[str, Any]:
        """The state that the page shows: a pair, the counts of decisions, and the last decision.

        Args:
            pair_id: The pair to show; by default the first without a decision, null if there is
                none.
        """
        undecided = (name for name in self._items if name not in self._decided)
        pair_shown = pair_id or next(undecided, None)
        return {
            "item": None if pair_shown is None else self._pair(pair_shown),
            "done": len(self._decided),
            "all": len(self._items),
            "verdicts": self.verdicts(),
            "agreement": self._agreement(),
            "last": self._last(),
        }

    def verdicts(self) -> Mapping[str, int]:
        """The number of decisions by verdict."""
        counts = Counter(decision.verdict for decision in self._decided.values())
        return {verdict: counts[verdict] for verdict in VERDICTS}

    def _agreement(self) -> dict[str, Any] | None:
        """How often the person agrees with the labels, with the interval; None before a decision
        for a side."""
        counts = self.verdicts()
        decided = counts["accept"] + counts["flip"]
        if not decided:
            return None
        interval = wilson_interval(counts["accept"], decided)
        return {"same": counts["accept"], "decided": decided, "interval": interval}

    def _pair(self, pair_id: str) -> dict[str, Any]:
        return _blind(self._items[pair_id]) | {"comment": self._comments.get(pair_id, "")}

    def _last(self) -> dict[str, Any] | None:
        if not self._decided:
            return None
        decision = next(reversed(self._decided.values()))
        if decision.verdict == "skip":
            # The person may come back to the pair.
            return {"verdict": decision.verdict}
        item = self._items[decision.pair_id]
        return {
            "verdict": decision.verdict,
            "label": "left" if item.left == "chosen" else "right",
            "margin": item.row["margin"],
        }


def _blind(item: Item) -> dict[str, Any]:
    """A pair without its label: nothing here shows which side was chosen."""
    shared = item.row["shared_prefix"] or 0
    sides = [item.row[item.side(place)] for place in ("left", "right")]
    differing = differences(*(message_text(side[-1])[shared:] for side in sides))
    left, right = (_side(side, shared, own) for side, own in zip(sides, differing, strict=True))
    return {
        "pair": item.pair_id,
        "recipe": item.recipe,
        "refresh": item.refresh,
        "prompt": list(map(_turn, item.row["prompt"])),
        "left": left,
        "right": right,
    }


def _turn(message: Message) -> dict[str, str]:
    return {"role": message["role"], "content": message_text(message)}


def _side(messages: Sequence[Message], shared: int, own: Sequence[Part]) -> dict[str, Any]:
    """A side: the turns before the last, and the last turn in two parts: the prefix that both sides
    share, and the rest, with the words that differ marked."""
    return {
        "before": list(map(_turn, messages[:-1])),
        "shared": message_text(messages[-1])[:shared],
        "own": own,
    }
