"""The figures of an evaluation in words."""

from collections.abc import Mapping
from typing import Any


def change(figures: Mapping[str, Any]) -> str:
    """What was measured, before and after training: "held-out accuracy 35.0% → 52.0%".

    ``figures``: of `trainers.evaluation.metrics.summary`.
    """
    before, after = figures["before"], figures["after"]
    if figures.get("by", "check") == "judge":
        return f"held-out win rate against the start policy {after:.1%} at equal length"
    if figures.get("by") == "pairs":
        return f"chosen side more likely in {before:.1%} → {after:.1%} of held-out pairs, per token"
    if figures.get("by") == "rewards":
        return f"chosen side rewarded more in {before:.1%} → {after:.1%} of held-out pairs"
    if figures.get("by") == "steps":
        return f"balanced accuracy on held-out steps {before:.1%} → {after:.1%}"
    if figures.get("by") == "tasks":
        return f"mean of {', '.join(figures['tasks'])} {before:.1%} → {after:.1%}"
    if figures.get("by") == "reward":
        return f"held-out reward {before:.3g} → {after:.3g}"
    return f"held-out accuracy {before:.1%} → {after:.1%}"


def difference(figures: Mapping[str, Any]) -> str:
    """The difference and its interval: "+17.0 points (95 % interval +12.7 to +21.3)"; of rewards in
    their unit. If there is a tolerance, it is named."""
    values = [figures[name] for name in ("difference", "low", "high")]
    tolerance = figures.get("tolerance")
    if figures.get("by") == "reward":
        text = "{:+.3g} (95 % interval {:+.3g} to {:+.3g})".format(*values)
        return text if tolerance is None else f"{text}, tolerance {tolerance:.3g}"
    points = (100 * value for value in values)
    text = "{:+.1f} points (95 % interval {:+.1f} to {:+.1f})".format(*points)
    return text if tolerance is None else f"{text}, tolerance {100 * tolerance:.3g} points"


def described(figures: Mapping[str, Any]) -> str:
    """The change, the difference with its interval, and the other figures of the measure."""
    text = f"{change(figures)}, difference {difference(figures)}"
    if figures.get("by") == "pairs":
        chosen, rejected = (figures[side]["difference"] for side in ("chosen", "rejected"))
        return (
            f"{text}; reward accuracy {figures['reward_accuracy']['mean']:.1%}, log-prob of chosen "
            f"{chosen:+.2f} and of rejected {rejected:+.2f} nats"
        )
    if figures.get("by") == "rewards":
        margin = figures["reward_margin"]
        return "{}; mean margin {:+.3g} ({:+.3g} to {:+.3g})".format(
            text, *(margin[name] for name in ("mean", "low", "high"))
        )
    if figures.get("by") == "steps":
        text += f"; accuracy on all steps {figures['accuracy']['after']:.1%}"
        first = figures["first_error"]
        if first is None:
            return text
        return "{}, F1 of first errors {:.1%} ({:.1%} to {:.1%})".format(
            text, *(first[name] for name in ("f1", "low", "high"))
        )
    if figures.get("by") != "judge":
        return text
    before, after = figures["length_before"], figures["length_after"]
    return (
        f"{text}; {figures['win_rate']:.1%} at any length "
        f"(answers of {before:,.0f} → {after:,.0f} characters)"
    )
