"""The page of measured claims in the docs: for each world a table, and a section for each claim."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.charts.claim_plot import claim_picture
from assets.cli.claim_runs import policy_of
from assets.cli.console import interval
from assets.project.measure import WOULD_DECIDE, Plot, without_verdict
from assets.provenance.kept_claims import is_of
from assets.rendering.markdown import escaped

if TYPE_CHECKING:
    from assets.project.project import Project

RESULTS, TABLE = "claims.json", "claims.md"
CURVES = "curves"
"""The folder of pictures of curves, beside the table."""
_COLUMNS = ("recipe", "verdict", "difference", "prompts", "rounds", "seeds", "policy")


def write_claims(
    folder: Path, claims: Sequence[Mapping[str, Any]], project: "Project"
) -> list[str]:
    """Write ``claims`` into the tables in ``folder``. Earlier results of other recipes, and of
    other worlds, stay, unless their recipe claims something else now.

    Returns:
        Which claims are not written, and why: those that were measured on fewer prompts than the
        recipe's, unless they are undecided and say how many would decide.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / RESULTS
    earlier = json.loads(results.read_text()) if results.exists() else []
    refused = {claim["id"]: reason for claim in claims if (reason := _too_small(claim, project))}
    accepted = [claim for claim in claims if claim["id"] not in refused]
    kept = {(claim["world"], claim["id"]): dict(claim) for claim in [*earlier, *accepted]}
    listed = [
        kept[world, name]
        for world, name in sorted(kept)
        if name in project.recipes and is_of(kept[world, name], project.recipes[name])
    ]
    results.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
    lines = [
        "# What the recipes claim, and what came out",
        "",
        "Written by `factory claims --docs docs`, not by hand. A world is a source of prompts",
        "whose check tells the truth of every answer. The difference is the one that decides a",
        "claim: its interval (95 %, bootstrap over prompts) and, unless it is 0, the boundary that",
        "the claim allows. If the interval holds the boundary, the claim is undecided. Then the",
        "text says how many prompts would decide with a chance of 80 %, if the difference is as",
        "measured. A claim that did not hold stays here as it is. One whose words or rounds have",
        "changed since it was measured is not here until it is measured again. Prompts as",
        "`96 of 512` are fewer than the recipe has: a new row of so few must be undecided.",
        "`earlier weights`: the policy of that name has other weights today. What a row does not",
        "say was not recorded.",
    ]
    policy = policy_of(project.settings)
    for world, group in groupby(listed, key=lambda claim: claim["world"]):
        members = list(group)
        counts = Counter(claim["verdict"] or "not measured" for claim in members)
        lines += [
            "",
            f"## {world}",
            "",
            f"{', '.join(f'{count} {verdict}' for verdict, count in sorted(counts.items()))}.",
            "",
            f"| {' | '.join(_COLUMNS)} |",
            f"|{' --- |' * len(_COLUMNS)}",
            *(_line(claim, project, policy) for claim in members),
        ]
        for claim in members:
            lines += _section(claim, project, folder)
    (folder / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(refused.values())


def _section(claim: Mapping[str, Any], project: "Project", folder: Path) -> Iterator[str]:
    """A claim in words, and its curves, which are written as a picture."""
    recipe, name = project.recipes[claim["id"]], _heading(claim)
    yield from ("", f"### {name}", "")
    if recipe.paper is not None:
        yield from (f"*{escaped(recipe.paper.title)}*", "")
    control = f"`{recipe.control}`" if recipe.control else "in the recipe"
    yield from (f"Claim: {escaped(claim['claim'])}. Control: {control}.", "")
    says = without_verdict(claim["says"]) or claim["says"]
    yield f"**{claim['verdict'] or 'not measured'}**: {escaped(says)}."
    if claim.get("plot") is not None:
        picture = claim_picture(Plot.read(claim["plot"]), name)
        file = folder / CURVES / f"{claim['id']}-{claim['world']}.svg"
        file.parent.mkdir(exist_ok=True)
        file.write_text(picture.alone() + "\n", encoding="utf-8")
        yield from ("", f"![{escaped(picture.says)}]({CURVES}/{file.name})")


def _heading(claim: Mapping[str, Any]) -> str:
    return f"{claim['id']} in {claim['world']}"


def _too_small(claim: Mapping[str, Any], project: "Project") -> str | None:
    rows, own = claim["rows"], project.recipes[claim["id"]].rows
    if rows >= own or WOULD_DECIDE in claim["says"]:
        return None
    return (
        f"{claim['id']} is not written: it was measured on {rows:,} prompts, and its recipe is of "
        f"{own:,}"
    )


def _line(claim: Mapping[str, Any], project: "Project", policy: Mapping[str, str | None]) -> str:
    recipe = project.recipes[claim["id"]]
    same, weights = claim["policy"] == policy["policy"], policy["weights"]
    changed = same and weights is not None and claim.get("weights") != weights
    difference = interval(claim)
    if claim.get("boundary"):
        difference += f" {'<' if claim['below'] else '>'} {claim['boundary']:.3g}"
    cells = (
        f"[`{recipe.name}`](#{_heading(claim).lower().replace(' ', '-')})",
        claim["verdict"] or "not measured",
        difference,
        f"{claim['rows']}{f' of {recipe.rows}' if claim['rows'] < recipe.rows else ''}",
        *(str(claim.get(name, "")) for name in ("rounds", "seeds")),
        f"`{claim['policy']}`{', earlier weights' if changed else ''}",
    )
    return f"| {' | '.join(cells)} |"
