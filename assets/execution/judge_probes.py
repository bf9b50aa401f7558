"""The asset check of an annotator's probes. A recipe can stop when probes fail."""

from typing import Any

import dagster as dg

from assets.config.errors import FactoryError
from assets.rendering.markdown import markdown, plain
from schemas import Operator, ProbeExample, ProbeReport, ProbeResult

PROBES = "probes"
"""The name of the check of a probed annotator, and of its finding."""
QUOTED = 60
"""The largest number of characters of a quoted answer."""


class ProbesFailed(FactoryError):
    """A judge or reward model failed its probes, so later stages do not run."""


def probes_spec(key: list[str], operator: Operator) -> list[dg.AssetCheckSpec]:
    """The check of a stage with a probed annotator; an empty list for any other stage."""
    from annotators.probes.probed import ProbedAnnotator

    if not isinstance(operator, ProbedAnnotator) or operator.probes == "off":
        return []
    description = (
        "The annotator prefers real answers to known attacks: empty answers, openers, answers to "
        "other prompts"
    )
    blocks = operator.probes == "block"
    return [dg.AssetCheckSpec(PROBES, asset=key, description=description, blocking=blocks)]


def probes_result(probes: ProbeReport) -> dg.AssetCheckResult:
    """The result of the check, with a row for each probe."""
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
    """A sentence that names the failed probes with an example each, or says that all passed."""
    failed = [each for each in probes.results if each.probe in probes.failed]
    if not probes.results:
        return "there was no response to probe with"
    if not failed:
        passed = ", ".join(f"{r.probe} {r.passed} of {r.cases}" for r in probes.results)
        return f"passed: {passed}"
    return "fell for: " + "; ".join(
        f"{r.probe} ({r.passed} of {r.cases} passed: {_describe_example(r.example)})"
        for r in failed
        if r.example is not None
    )


def stop_if_blocked(probes: ProbeReport | None, *, recipe: str, stage: str) -> None:
    """Raise `ProbesFailed` if probes failed and the stage has ``probes: block``."""
    if probes is not None and probes.blocks and probes.failed:
        raise ProbesFailed(
            f"recipe {recipe!r}, stage {stage!r}: the scores of this model cannot be trusted. It "
            f"{describe_probes(probes)}. The scores are kept, and no later stage was run. Bind a "
            "better model to its role in factory.yaml, change its prompt (template:), or set "
            "probes: warn on the stage to continue anyway"
        )


def _describe_example(example: ProbeExample) -> str:
    against = repr(_truncate(example.against))
    if example.error is not None:
        return f"{against}: {_truncate(example.error, 2 * QUOTED)}"
    if example.real_score is None and example.against_score is None:
        return "the winner changed with the order"
    real, other = plain(example.real_score), plain(example.against_score)
    return f"{against} got {other or 'no score'}, a real answer {real or 'no score'}"


def _row(result: ProbeResult) -> list[Any]:
    head = [result.probe, result.passed, result.cases]
    example = result.example
    if example is None:
        return [*head, *[None] * 5]
    scores = f"{plain(example.real_score)} / {plain(example.against_score)}"
    return [*head, example.prompt, example.real, repr(example.against), scores, example.error]


def _truncate(text: str, longest: int = QUOTED) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[:longest] + "…"
