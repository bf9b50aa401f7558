"""The asset check of an annotator's probes, and how one that fails them stops its recipe."""

from typing import Any

import dagster as dg

from assets.config.errors import FactoryError
from assets.rendering.markdown import markdown, plain
from schemas import Operator, ProbeExample, ProbeReport, ProbeResult

PROBES = "probes"
"""The check of a stage whose annotator is probed, and the name of its finding."""
QUOTED = 60


class ProbesFailed(FactoryError):
    """A judge or reward fell for probes, so the stages after it are not run."""


def probes_spec(key: list[str], operator: Operator) -> list[dg.AssetCheckSpec]:
    """The check of a stage whose opinions are probed; none of any other."""
    from annotators.probes.probed import ProbedAnnotator

    if not isinstance(operator, ProbedAnnotator) or operator.probes == "off":
        return []
    says = "What judges fall for is told from real answers: nothing, openers, other answers"
    blocks = operator.probes == "block"
    return [dg.AssetCheckSpec(PROBES, asset=key, description=says, blocking=blocks)]


def probes_result(probes: ProbeReport) -> dg.AssetCheckResult:
    """The check's result."""
    columns = ["probe", "passed", "of", "prompt", "real answer", "fell for", "scores", "error"]
    severity = dg.AssetCheckSeverity.ERROR if probes.blocks else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=PROBES,
        passed=not probes.failed,
        severity=severity,
        description=describe_probes(probes),
        metadata={
            PROBES: dg.MetadataValue.md(markdown(columns, map(_row, probes.results))),
            **{f"passed: {each.probe}": each.passed / each.cases for each in probes.results},
        },
    )


def describe_probes(probes: ProbeReport) -> str:
    """Which probes were failed and with which answer, or that all were passed."""
    failed = [each for each in probes.results if each.probe in probes.failed]
    if not probes.results:
        return "there was no response to probe with"
    if not failed:
        passed = ", ".join(f"{r.probe} {r.passed} of {r.cases}" for r in probes.results)
        return f"passed: {passed}"
    return "fell for: " + "; ".join(
        f"{r.probe} ({r.passed} of {r.cases} passed: {_example(r.example)})"
        for r in failed
        if r.example is not None
    )


def stop_if_blocked(probes: ProbeReport | None, *, recipe: str, stage: str) -> None:
    """Raise `ProbesFailed` if probes were failed and the recipe stops at that."""
    if probes is not None and probes.blocks and probes.failed:
        raise ProbesFailed(
            f"recipe {recipe!r}, stage {stage!r}: what judges here cannot be trusted to label. It "
            f"{describe_probes(probes)}. The stage's scores are kept, and nothing after it was "
            "run. Bind a better model to its role in factory.yaml, ask it in other words "
            "(template:), or set probes: warn on the stage to go on all the same"
        )


def _example(shown: ProbeExample) -> str:
    against = repr(_short(shown.against))
    if shown.error is not None:
        return f"{against}: {_short(shown.error, 2 * QUOTED)}"
    if shown.real_score is None and shown.against_score is None:
        return "the winner changed with the order"
    real, other = plain(shown.real_score), plain(shown.against_score)
    return f"{against} got {other or 'no score'}, a real answer {real or 'no score'}"


def _row(result: ProbeResult) -> list[Any]:
    head = [result.probe, result.passed, result.cases]
    shown = result.example
    if shown is None:
        return [*head, *[None] * 5]
    scores = f"{plain(shown.real_score)} / {plain(shown.against_score)}"
    return [*head, shown.prompt, shown.real, repr(shown.against), scores, shown.error]


def _short(text: str, longest: int = QUOTED) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[:longest] + "…"
