"""What is told of a judge that was probed, and how one that failed stops its recipe."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from assets.claims.reward_accuracy import ranked_rightly
from assets.errors import FactoryError
from assets.look import markdown, plain
from schemas import Operator

CHECK = "probes"
QUOTED = 60
CHECKED = 1000
"""Prompts on whose responses a judge's accuracy is known, at most: a check may take long."""


class ProbesFailed(FactoryError):
    """A judge or reward fell for probes, so the stages after it are not run."""


def probes_spec(key: list[str], operator: Operator) -> list[dg.AssetCheckSpec]:
    """The check of a stage whose opinions are probed; none of any other."""
    from annotators.probes.probed import ProbedAnnotator

    if not isinstance(operator, ProbedAnnotator) or operator.probes == "off":
        return []
    says = "What judges fall for is told from real answers: nothing, openers, other answers"
    blocks = operator.probes == "block"
    return [dg.AssetCheckSpec(CHECK, asset=key, description=says, blocking=blocks)]


def probes_result(probed: Mapping[str, Any]) -> dg.AssetCheckResult:
    """The check's result; ``probed`` is what `annotators.probes.probed` found."""
    columns = ["probe", "passed", "of", "prompt", "real answer", "fell for", "scores", "error"]
    severity = dg.AssetCheckSeverity.ERROR if probed["blocks"] else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not probed["fell_for"],
        severity=severity,
        description=in_words(probed),
        metadata={
            "probes": dg.MetadataValue.md(markdown(columns, map(_row, probed["results"]))),
            **{
                f"passed: {each['probe']}": each["passed"] / each["of"]
                for each in probed["results"]
            },
        },
    )


def in_words(probed: Mapping[str, Any]) -> str:
    """Which probes were fallen for and by what, or that all were passed."""
    results = probed["results"]
    fell = [each for each in results if each["probe"] in probed["fell_for"]]
    if not results:
        return "there was no response to probe with"
    if not fell:
        passed = ", ".join(f"{r['probe']} {r['passed']} of {r['of']}" for r in results)
        return f"passed: {passed}"
    return "fell for: " + "; ".join(
        f"{r['probe']} ({r['passed']} of {r['of']} passed: {_example(r)})" for r in fell
    )


def accuracy(
    operator: Operator,
    tables: Mapping[str, pl.DataFrame],
    scores: pl.DataFrame,
    checks: Mapping[str, str],
) -> float | None:
    """The share of (right, wrong) pairs of responses to a prompt that the ``scores`` of
    ``operator`` rank rightly, a tie counting half. None where no such pair is known, or it is no
    model's opinion."""
    from annotators.probes.probed import ProbedAnnotator

    if not isinstance(operator, ProbedAnnotator):
        return None
    known = pl.col("source").is_in(list(checks))
    prompts = tables[operator.prompts].filter(known).sort("prompt_id").head(CHECKED)
    responses = tables[operator.of].join(prompts, on="prompt_id", how="semi")
    ranked = ranked_rightly(responses, scores, prompts, checks)
    hits, count = float(ranked["hits"].sum()), float(ranked["count"].sum())
    return hits / count if count else None


def stop_if_blocked(
    results: Sequence[dg.AssetCheckResult] | None, *, recipe: str, stage: str
) -> None:
    """Raise `ProbesFailed` if the probes were failed and the recipe stops at that."""
    for result in results or []:
        if (
            result.check_name == CHECK
            and not result.passed
            and result.severity == dg.AssetCheckSeverity.ERROR
        ):
            raise ProbesFailed(
                f"recipe {recipe!r}, stage {stage!r}: what judges here cannot be trusted to "
                f"label. It {result.description}. The stage's scores are kept, and nothing after "
                "it was run. Bind a better model to its role in factory.yaml, ask it in other "
                "words (template:), or set probes: warn on the stage to go on all the same"
            )


def _example(result: Mapping[str, Any]) -> str:
    shown = result["example"]
    against = repr(_short(shown["against"]))
    if shown["error"] is not None:
        return f"{against}: {_short(shown['error'], 2 * QUOTED)}"
    if shown["score of real"] is None and shown["score of against"] is None:
        return "the winner changed with the order"
    real, other = plain(shown["score of real"]), plain(shown["score of against"])
    return f"{against} got {other or 'no score'}, a real answer {real or 'no score'}"


def _row(result: Mapping[str, Any]) -> list[Any]:
    head = [result["probe"], result["passed"], result["of"]]
    shown = result["example"]
    if shown is None:
        return [*head, *[None] * 5]
    scores = f"{plain(shown['score of real'])} / {plain(shown['score of against'])}"
    return [*head, shown["prompt"], shown["real"], repr(shown["against"]), scores, shown["error"]]


def _short(text: str, longest: int = QUOTED) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[:longest] + "…"
